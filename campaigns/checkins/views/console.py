"""Programmes of check-ins in the console: the list, one programme, its form, and holding it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from campaigns.checkins.counting import CheckInRefused, check_in
from campaigns.checkins.forms import SUGGESTED, ProgrammeForm, standing_values
from campaigns.checkins.models import (
    CheckIn,
    CheckInProgramme,
    CheckInReward,
    CheckInStanding,
    ProgrammeState,
    Reach,
)
from campaigns.checkins.programmes import (
    StaleProgramme,
    affected_by_rest,
    current_or_next,
    programme_create,
    programme_pause,
    programme_resume,
    programme_save,
    programme_stop,
)
from campaigns.checkins.reminding import candidates_of, groups_remind
from campaigns.checkins.rules import ranks
from campaigns.checkins.selectors import about_to_break, board_rows, group_rates, stands
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.choices import group_choices
from groups.models import Group, Permission
from members.models import Member

LENGTH = timedelta(days=20)
PREVIEWED = 14
SHOWN = 20


@require_GET
@staff_required
def programmes(request: StaffRequest) -> HttpResponseBase:
    now = timezone.now()
    today = timezone.localdate(now)
    counts = CheckIn.objects.visible_to(request.user).filter(programme=OuterRef("pk")).order_by().values("programme")
    groups = Group.objects.visible_to(request.user)
    rows = CheckInProgramme.objects.visible_to(request.user).annotate(
        groups_count=Count("places", filter=Q(places__until_day=None, places__group__in=groups), distinct=True),
        checked=Coalesce(
            Subquery(counts.filter(state="counted").annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0
        ),
        waiting=Coalesce(
            Subquery(counts.filter(state="waiting").annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0
        ),
    )
    over = Q(last_day__lt=today)
    columns: list[Column[Any]] = [
        Column("name", gettext_lazy("Name"), order="name", value=lambda row: row.name),
        Column("state", gettext_lazy("State"), order="state", value=lambda row: row.get_state_display()),
        Column("first", gettext_lazy("First day"), order="first_day", value=lambda row: row.first_day, wide="md"),
        Column(
            "last", gettext_lazy("Last day"), order="last_day", value=lambda row: row.last_day, nullable=True, wide="lg"
        ),
        Column(
            "groups",
            gettext_lazy("Groups"),
            order="groups_count",
            value=lambda row: row.groups_count,
            number=True,
            wide="sm",
        ),
        Column("checked", gettext_lazy("Check-ins"), order="checked", value=lambda row: row.checked, number=True),
        Column(
            "waiting", gettext_lazy("Proofs to review"), order="waiting", value=lambda row: row.waiting, number=True
        ),
    ]
    listing = Listing(
        request,
        rows,
        columns=columns,
        filters=[
            Filter(
                "state",
                gettext_lazy("State"),
                [*ProgrammeState.choices, ("over", pgettext_lazy("check-in programme", "Over"))],
                lambda found, value: found.filter(over) if value == "over" else found.filter(state=value).exclude(over),
            ),
            Filter(
                "group",
                gettext_lazy("Group"),
                group_choices(request.user, request.GET.get("group", "")),
                lambda found, value: found.filter(places__group=value, places__until_day=None),
            ),
        ],
        search=lambda found, text: found.filter(pk__in=CheckInProgramme.objects.matching(text).values("pk")),
        sort="-first",
        id="check-ins",
    )
    if listing.export:
        return listing.export_response("check-in-programmes")
    context = {"listing": listing, "today": today}
    return render(request, "console/campaigns/checkins/list.html", context)


@require_GET
@staff_required
def programme(request: StaffRequest, pk: int) -> HttpResponse:
    now, found = timezone.now(), _visible(request, pk)
    groups = Group.objects.visible_to(request.user)
    state = stands(found, now)
    board = list(board_rows(found, now).filter(group__in=groups).select_related("group")[:SHOWN])
    rewards = CheckInReward.objects.filter(programme=found, group__in=groups)
    checks = CheckIn.objects.filter(programme=found, group__in=groups)
    context: dict[str, Any] = {
        "programme": found,
        "state": state,
        "terms": found.calendar.terms[-1],
        "today": found.calendar.local_day(now),
        "weekdays": [WEEKDAYS[number] for number in sorted(found.calendar.terms[-1].weekdays)],
        "pending": found.calendar.terms[-1].from_day > found.calendar.local_day(now),
        "rates": group_rates(found, groups, now),
        "risky": about_to_break(found, groups, now)[:SHOWN] if state.day else [],
        "board": list(zip(ranks([row.place for row in board]), board, strict=True)),
        "thresholds": found.thresholds.filter(removed_at=None).select_related("prize").annotate(n=Count("rewards")),
        "rewards": rewards.aggregate(n=Count("pk"), owed=Count("pk", filter=Q(prize__isnull=False, award=None))),
        "figures": checks.aggregate(
            counted=Count("pk", filter=Q(state="counted")),
            waiting=Count("pk", filter=Q(state="waiting")),
            people=Count("member_id", filter=Q(state="counted"), distinct=True),
        ),
        "may_change": found.may_be_changed_by(request.user),
        "may_remind": state.day is not None and _mine(request, found).exists(),
        "here": request.get_full_path(),
        "Reach": Reach,
    }
    return render(request, "console/campaigns/checkins/programme.html", context)


@require_http_methods(["GET", "POST"])
@writer_required
def programme_new(request: StaffRequest) -> HttpResponse:
    today = timezone.localdate()
    group = request.GET.get("group", "")
    chosen = [int(group)] if group.isascii() and group.isdigit() and len(group) < 19 else []
    first = today + timedelta(days=1)
    initial = {
        **SUGGESTED,
        "first_day": first,
        "last_day": first + LENGTH,
        "timezone": settings.TIME_ZONE,
        "groups": chosen,
    }
    return _form(request, None, initial)


@require_http_methods(["GET", "POST"])
@writer_required
def programme_edit(request: StaffRequest, pk: int) -> HttpResponse:
    found = _changeable(request, pk)
    return _form(request, found, standing_values(found))


def _form(request: StaffRequest, programme: CheckInProgramme | None, initial: dict[str, Any]) -> HttpResponse:
    now = timezone.now()
    act = request.POST.get("act", "") if request.method == "POST" else ""
    form = ProgrammeForm(
        request.POST if request.method == "POST" else None, user=request.user, programme=programme, initial=initial
    )
    if act != "add" and form.is_valid() and form.draft is not None and act != "preview":
        try:
            if programme is None:
                saved = programme_create(by=request.user, now=now, draft=form.draft, branch=request.user.branch)
            else:
                version = form.cleaned_data["version"]
                saved = programme_save(by=request.user, now=now, programme=programme, draft=form.draft, version=version)
        except ValidationError as error:
            add_errors(form, error)
        except StaleProgramme as error:
            form.add_error(
                None, _("Somebody else changed it meanwhile. Save again to replace that with what is below.")
            )
            typed = request.POST.copy()
            typed["version"] = str(error.version)
            form.data = typed
        else:
            toast(request, _("“%(name)s” is saved.") % {"name": saved.name})
            return redirect("campaigns:check_ins_of", saved.pk)
    errors = form.is_bound and act == "" and bool(form.errors)
    rows = [*form.rows, {}] if act == "add" or not form.is_bound else form.rows or [{}]
    context: dict[str, Any] = {
        "form": form,
        "programme": programme,
        "picker": form.picker(),
        "rows": rows,
        "prizes": form.prizes(),
        "reaches": Reach.choices,
        "days": _days(form) if act == "preview" else [],
        "is_preview": act == "preview",
        "has_errors": errors,
        "begun": programme is not None and programme.calendar.local_day(now) >= programme.first_day,
    }
    return render(request, "console/campaigns/checkins/form.html", context, status=422 if errors else 200)


def _days(form: ProgrammeForm) -> list[Any]:
    """The first days as they would be, with their hours."""
    draft = form.draft
    if draft is None:
        return []
    calendar = draft.calendar
    until = draft.first_day + timedelta(days=90)
    found = []
    for day in calendar.days(draft.first_day, until):
        found.append((day, calendar.hours(day)))
        if len(found) == PREVIEWED:
            break
    return found


@require_http_methods(["GET", "POST"])
@writer_required
def programme_rest(request: StaffRequest, pk: int, stops: bool) -> HttpResponse:
    """Pauses or stops a programme, after a look at whom that touches."""
    now, found = timezone.now(), _changeable(request, pk)
    if request.method == "POST":
        done = (programme_stop if stops else programme_pause)(by=request.user, now=now, programme=found)
        if done:
            undo = reverse("campaigns:check_ins_resume", args=[found.pk])
            said = _("“%(name)s” is stopped.") if stops else _("“%(name)s” is paused.")
            toast(request, said % {"name": found.name}, undo_url=undo)
        else:
            warn(request, _("It does not run any more."))
        return redirect("campaigns:check_ins_of", found.pk)
    context = {
        "programme": found,
        "stops": stops,
        "affected": affected_by_rest(found, now),
        "from_day": current_or_next(found.calendar, now),
    }
    return render(request, "console/campaigns/checkins/rest.html", context)


@require_POST
@writer_required
def programme_go_on(request: StaffRequest, pk: int) -> HttpResponse:
    found = _changeable(request, pk)
    if programme_resume(by=request.user, now=timezone.now(), programme=found):
        toast(request, _("“%(name)s” runs again.") % {"name": found.name})
    else:
        warn(request, _("It runs already."))
    return redirect("campaigns:check_ins_of", found.pk)


@require_http_methods(["GET", "POST"])
@writer_required
def programme_remind(request: StaffRequest, pk: int) -> HttpResponse:
    """Reminds the groups at once, after a look at which and at what they read."""
    now, found = timezone.now(), _visible(request, pk)
    back = next_address(request, reverse("campaigns:check_ins_of", args=[found.pk]))
    if not _mine(request, found).exists():
        raise PermissionDenied
    try:
        if request.method == "POST":
            count = groups_remind(by=request.user, now=now, programme=found)
            if count:
                text = ngettext("%(shown)s group is reminded.", "%(shown)s groups are reminded.", count)
                toast(request, text % {"shown": f"{count:,}"})
            else:
                warn(request, _("No group is left to remind."))
            return redirect(back)
        candidates = candidates_of(programme=found, user=request.user, now=now)
    except CheckInRefused as error:
        warn(request, " ".join(error.messages))
        return redirect(back)
    told = [candidate for candidate in candidates if not candidate.why_not]
    left_out = [candidate for candidate in candidates if candidate.why_not]
    context = {
        "programme": found,
        "told": told,
        "left_out": left_out,
        "words": told[0].words if told else None,
        "back": back,
    }
    return render(request, "console/campaigns/checkins/remind.html", context)


@require_POST
@writer_required
def check_in_for(request: StaffRequest, pk: int) -> HttpResponse:
    """Staff check in for a member who cannot."""
    found = _changeable(request, pk)
    target = next_address(request, reverse("campaigns:check_ins_of", args=[found.pk]))
    asked = request.POST.get("member", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0
    standing = CheckInStanding.objects.visible_to(request.user).filter(programme=found, member_id=number)
    row = get_object_or_404(standing.select_related("member", "group"))
    try:
        check_in(now=timezone.now(), programme=found, member=row.member, group=row.group, by=request.user)
    except CheckInRefused as error:
        warn(request, " ".join(error.messages))
    else:
        toast(request, _("%(name)s is checked in.") % {"name": row.member})
    return redirect(target)


@require_GET
@staff_required
def rewards(request: StaffRequest, pk: int) -> HttpResponseBase:
    """What was given in a programme, and which prizes are owed."""
    found = _visible(request, pk)
    rows = CheckInReward.objects.filter(programme=found, group__in=Group.objects.visible_to(request.user))
    columns: list[Column[Any]] = [
        Column("member", gettext_lazy("Member"), order="member__name", value=lambda row: row.member.name),
        Column("group", gettext_lazy("Group"), order="group__name", value=lambda row: row.group.name, wide="md"),
        Column(
            "for",
            gettext_lazy("For"),
            order="threshold__count",
            value=lambda row: f"{row.threshold.count} {row.threshold.get_reach_display()}",
        ),
        Column("points", pgettext_lazy("reward", "Points"), order="points", value=lambda row: row.points, number=True),
        Column("prize", gettext_lazy("Prize"), order="prize__title", value=lambda row: row.prize, nullable=True),
        Column("given", gettext_lazy("Given"), order="given_at", value=lambda row: row.given_at, wide="sm"),
    ]
    owed = Q(prize__isnull=False, award=None)
    listing = Listing(
        request,
        rows.select_related("member", "group", "threshold", "prize"),
        columns=columns,
        filters=[
            Filter(
                "owed",
                gettext_lazy("Prize"),
                [("1", gettext_lazy("owed, it has run out"))],
                lambda given, _value: given.filter(owed),
            )
        ],
        search=lambda given, text: given.filter(member__in=Member.objects.matching(text)),
        sort="-given",
        id="rewards",
    )
    if listing.export:
        return listing.export_response("check-in-rewards")
    return render(request, "console/campaigns/checkins/rewards.html", {"listing": listing, "programme": found})


def _visible(request: StaffRequest, pk: int) -> CheckInProgramme:
    return get_object_or_404(CheckInProgramme.objects.visible_to(request.user), pk=pk)


def _changeable(request: StaffRequest, pk: int) -> CheckInProgramme:
    found = _visible(request, pk)
    if not found.may_be_changed_by(request.user):
        raise PermissionDenied
    return found


def _mine(request: StaffRequest, programme: CheckInProgramme) -> QuerySet[Group]:
    """The groups of a programme that the person may post to."""
    seen = Group.objects.visible_to(request.user)
    mine = seen.permitted(request.user, Permission.POST) if request.user.may_write else seen.none()
    return mine.filter(check_in_places__programme=programme, check_in_places__until_day=None)
