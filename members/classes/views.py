"""Classes in the console: settings of tiers, grades and the yearly move up, and the members in the wrong group."""

from __future__ import annotations

import copy
from dataclasses import asdict

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, role_required, staff_required, writer_required
from accounts.models import Branch, Role
from accounts.policies import StalePolicy, policy_get, policy_save, policy_version
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.bulk.lists import select_column
from groups.classes.services import grade_add, grade_delete, grade_move, grade_rename, grades_usual
from groups.models import Grade, Group, Motivation, Tier
from members.classes.forms import PromotionForm, TierForm
from members.classes.misfits import MOST_AT_ONCE, REASONS, Targets, misfits, moves_propose, reasons_of
from members.classes.models import PromotionRun
from members.classes.policy import PromotionPolicy, TierPolicy
from members.classes.promotion import AlreadyPromoted, promotion_plan, promotion_run, promotion_undo
from members.classes.tasks import enqueue_recompute
from members.models import Member, Membership

# Settings


def _page(
    request: StaffRequest, *, tiers: TierForm | None = None, promotion: PromotionForm | None = None, status: int = 200
) -> HttpResponse:
    counts = dict(Member.objects.current().order_by().values("tier").annotate(n=Count("pk")).values_list("tier", "n"))
    grades = Grade.objects.annotate(
        group_count=Count("groups", distinct=True), member_count=Count("members", distinct=True)
    )
    context = {
        "tiers": tiers or TierForm(initial={**asdict(policy_get(TierPolicy)), "version": policy_version(TierPolicy)}),
        "promotion": promotion
        or PromotionForm(initial={**asdict(policy_get(PromotionPolicy)), "version": policy_version(PromotionPolicy)}),
        "counts": [(tier.value, tier.label, counts.get(tier.value, 0)) for tier in Tier],
        "grades": grades,
        "runs": PromotionRun.objects.select_related("by", "undone_by")[:10],
    }
    return render(request, "console/members/classes.html", context, status=status)


@require_GET
@role_required(Role.ADMIN)
def classes(request: StaffRequest) -> HttpResponse:
    _headquarters(request)
    return _page(request)


@require_POST
@role_required(Role.ADMIN)
def tiers_save(request: StaffRequest) -> HttpResponse:
    _headquarters(request)
    form = TierForm(request.POST)
    if not form.is_valid():
        return _page(request, tiers=form, status=422)
    try:
        policy_save(by=request.user, now=timezone.now(), values=form.policy(), version=form.cleaned_data["version"])
    except StalePolicy as error:
        return _page(request, tiers=TierForm(_stale(request, form, error)), status=409)
    enqueue_recompute()
    toast(request, _("The tiers are saved. Members are sorted anew in the background."))
    return redirect("members:classes")


@require_POST
@role_required(Role.ADMIN)
def promotion_save(request: StaffRequest) -> HttpResponse:
    _headquarters(request)
    form = PromotionForm(request.POST)
    if not form.is_valid():
        return _page(request, promotion=form, status=422)
    try:
        policy_save(by=request.user, now=timezone.now(), values=form.policy(), version=form.cleaned_data["version"])
    except StalePolicy as error:
        return _page(request, promotion=PromotionForm(_stale(request, form, error)), status=409)
    toast(request, _("The day of the move up is saved."))
    return redirect("members:classes")


def _stale(request: StaffRequest, form: TierForm | PromotionForm, error: StalePolicy) -> QueryDict:
    """What was typed, with the version that stands: sent again, it is meant."""
    warn(request, _("Somebody else changed this meanwhile. What you typed is still here; save again to replace it."))
    data = request.POST.copy()
    data["version"] = str(error.version)
    return data


@require_POST
@role_required(Role.ADMIN)
def grades_change(request: StaffRequest) -> HttpResponse:
    """Adds, renames, moves or deletes a grade; `act` says which, as in "up" with `grade` its number."""
    _headquarters(request)
    act, by = request.POST.get("act", ""), request.user
    name = request.POST.get("name", "").replace("\x00", "")
    number = request.POST.get("grade", "")
    try:
        if act == "usual":
            grades_usual(by=by)
        elif act == "add":
            grade_add(by=by, name=name)
        elif act in ("rename", "up", "down", "delete"):
            grade = get_object_or_404(Grade, pk=int(number) if number.isdecimal() and len(number) < 10 else 0)
            if act == "rename":
                grade_rename(by=by, grade=grade, name=name)
            elif act == "delete":
                grade_delete(by=by, grade=grade)
            else:
                grade_move(by=by, grade=grade, up=act == "up")
    except ValidationError as error:
        warn(request, " ".join(error.messages))
    return redirect(reverse("members:classes") + "#grades")


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def promotion(request: StaffRequest) -> HttpResponse:
    """What the move up of this year would do, and the button that does it."""
    _headquarters(request)
    now = timezone.now()
    year = timezone.localdate(now).year
    if request.method == "POST":
        try:
            run = promotion_run(by=request.user, now=now, year=year)
        except AlreadyPromoted:
            warn(request, _("The move up of %(year)d was done already.") % {"year": year})
        else:
            toast(
                request,
                _("%(groups)d groups and %(members)d members moved up.")
                % {"groups": run.groups, "members": run.members},
                undo_url=reverse("members:promotion_undo", args=[run.pk]),
            )
        return redirect("members:classes")
    done = PromotionRun.objects.filter(year=year, undone_at=None).select_related("by").first()
    context = {"plan": promotion_plan(), "year": year, "done": done}
    return render(request, "console/members/promotion.html", context)


@require_POST
@role_required(Role.ADMIN)
def promotion_back(request: StaffRequest, pk: int) -> HttpResponse:
    _headquarters(request)
    run = get_object_or_404(PromotionRun, pk=pk)
    if promotion_undo(by=request.user, now=timezone.now(), run=run):
        toast(request, _("The move up is taken back. What was changed since stays as it is."))
    else:
        warn(request, _("This move up was taken back already."))
    return redirect("members:classes")


# Members in the wrong group


def _misfit_columns(user_may_write: bool, targets: list[Targets]) -> list[Column[Membership]]:
    def target(row: Membership) -> str:
        found = targets[0].of(row)
        return found.name if found else ""

    return [
        *([select_column()] if user_may_write else []),
        Column("name", gettext_lazy("Member"), order="member__name", value=lambda row: row.member.name),
        Column("group", gettext_lazy("Is in"), order="group__name", value=lambda row: row.group.name),
        Column(
            "why",
            gettext_lazy("Does not fit"),
            value=lambda row: ", ".join(str(REASONS[key][0]) for key in reasons_of(row)),
            wide="sm",
        ),
        Column("tier", gettext_lazy("Tier"), value=lambda row: row.member.get_tier_display(), shown=False),
        Column("grade", gettext_lazy("Grade"), value=lambda row: str(row.member.grade or ""), shown=False),
        Column("identity", gettext_lazy("Identity"), value=lambda row: row.member.identity, shown=False),
        Column("target", gettext_lazy("Fitting group"), value=target),
        Column(
            "seen", gettext_lazy("Last seen here"), order="last_seen_at", value=lambda row: row.last_seen_at, wide="lg"
        ),
    ]


def misfit_listing(request: StaffRequest, targets: list[Targets]) -> Listing[Membership]:
    filters: list[Filter[Membership]] = [
        Filter(
            "why",
            gettext_lazy("Does not fit"),
            [(key, label) for key, (label, _condition) in REASONS.items()],
            lambda rows, value: rows.filter(REASONS[value][1]),
        ),
        Filter(
            "motivation",
            gettext_lazy("Motivation"),
            Motivation.choices,
            lambda rows, value: rows.filter(group__motivation=value),
        ),
    ]
    if request.user.is_headquarters:
        branches = [(str(pk), name) for pk, name in Branch.objects.values_list("pk", "name")]
        filters.append(
            Filter("branch", gettext_lazy("Branch"), branches, lambda rows, value: rows.filter(group__branch_id=value))
        )
    rows = misfits(request.user).select_related("member__grade", "group__audience_grade", "group__branch")
    asked = request.GET.get("group", "")
    if asked.isdecimal() and len(asked) < 19:
        rows = rows.filter(group_id=int(asked))
    return Listing(
        request,
        rows,
        columns=_misfit_columns(request.user.may_write, targets),
        filters=filters,
        search=lambda found, text: found.filter(member__in=Member.objects.matching(text)),
        sort="group",
    )


@require_GET
@staff_required
def misfit_list(request: StaffRequest) -> HttpResponseBase:
    targets: list[Targets] = []
    listing = misfit_listing(request, targets)
    if listing.export:
        targets.append(Targets(request.user))
        return listing.export_response("misfits")
    targets.append(Targets(request.user, listing.rows))
    rows = [(row, [REASONS[key][0] for key in reasons_of(row)], targets[0].of(row)) for row in listing.rows]
    classed = Group.objects.visible_to(request.user).exclude(
        audience_tier="", audience_identity="", audience_grade=None
    )
    context = {"listing": listing, "rows": rows, "has_audiences": bool(listing.rows) or classed.exists()}
    return render(request, "console/members/misfits.html", context)


@require_POST
@writer_required
def misfits_propose(request: StaffRequest) -> HttpResponse:
    """Makes tasks for the rows that were ticked, or for all that match."""
    query = request.POST.get("query", "")[:2000]
    back = reverse("members:misfits") + (f"?{query}" if query else "")
    rows: QuerySet[Membership]
    if request.POST.get("all"):
        asked = copy.copy(request)
        asked.GET = QueryDict(query)
        rows = misfit_listing(asked, []).queryset
    else:
        ids = [int(value) for value in request.POST.getlist("ids") if value.isdecimal() and len(value) < 19]
        rows = misfits(request.user).filter(pk__in=ids).order_by("pk")
        if not ids:
            warn(request, _("Nothing is chosen. Tick the rows that you mean first."))
            return redirect(back)
    made, left = moves_propose(by=request.user, now=timezone.now(), rows=rows)
    figures = {"made": made, "left": left, "most": MOST_AT_ONCE}
    if made:
        toast(request, _("%(made)d tasks are made; %(left)d have nowhere to go or were proposed before.") % figures)
    else:
        warn(request, _("No task is made: there is no fitting group with room, or they were proposed before."))
    return redirect(back)


def _headquarters(request: StaffRequest) -> None:
    """Tiers, grades and the move up are every branch's, so headquarters decides them."""
    if not request.user.is_headquarters:
        raise PermissionDenied
