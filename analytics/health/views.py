"""Health in the console: one group, all groups, what can be done about it, and the thresholds."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Case, Q, QuerySet, Value, When
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, role_required, staff_required, writer_required
from accounts.models import Branch, Role, User
from accounts.policies import StalePolicy, policy_get, policy_save, policy_version
from analytics.definitions import (
    BRANCHES,
    BRANCHES_CHANGE,
    HEALTH,
    HEALTH_ACTIVE,
    HEALTH_ACTIVE_7,
    HEALTH_MEMBERS,
    HEALTH_WHY,
    MISTAKES,
)
from analytics.health.days import ONE, local_day
from analytics.health.days import zone as days_zone
from analytics.health.forms import HealthForm, MergeForm
from analytics.health.judging import WINDOW
from analytics.health.merging import fitting_groups, members_to_invite, merge, unmerge
from analytics.health.mistakes import LOOK, mistakes_of
from analytics.health.models import Alarm, GroupHealth
from analytics.health.policy import HealthPolicy
from analytics.health.preview import policy_preview
from analytics.health.reasons import WARNINGS, alarm_words, reason_words, reasons_words, rescue_post, stage_words
from analytics.health.selectors import (
    course_of,
    health_visible_to,
    judged_day,
    latest_of,
    stage_counts,
    voices_of,
)
from analytics.health.today import reached_today
from analytics.health.warnings import CLOSED, warning_settle
from analytics.pages.branches import FIGURES, branch_heads, branch_rows, branch_table, members_behind
from analytics.pages.explain import Facts
from analytics.pages.parts import zone_words
from analytics.pages.people import EVENTS, ORDERS, Behind
from analytics.views.console import people_listing
from community_ops.lib.lists import Column, Filter, Listing, csv_response, xlsx_response
from community_ops.lib.toasts import toast, warn
from delivery.models import Delivery
from delivery.services import NOT_BEGUN
from groups.models import CommunityType, Group, HealthStage, Motivation, Permission
from groups.services import group_archive
from members.models import Member

HEADQUARTERS = "none"
# What figures of branches count that are more than members.
COUNTED = {"buyers": ORDERS, "answered": EVENTS}
RANKS = [HealthStage.DEAD, HealthStage.DECLINING, HealthStage.FORMING, HealthStage.ACTIVE, HealthStage.GROWING]
SHOWN = 8

COLUMNS: list[Column[GroupHealth]] = [
    Column("name", gettext_lazy("Group"), order="group__name", value=lambda row: row.group.name),
    Column("external_id", gettext_lazy("Id in other systems"), value=lambda row: row.group.external_id, shown=False),
    Column(
        "branch",
        gettext_lazy("Branch"),
        order="group__branch__name",
        value=lambda row: row.group.branch.name if row.group.branch else "",
        nullable=True,
        wide="xl",
    ),
    Column("stage", gettext_lazy("Stage"), order="rank", value=lambda row: stage_words(row.stage)),
    Column(
        "before",
        gettext_lazy("A week ago"),
        value=lambda row: stage_words(getattr(row, "stage_before", None)),
        shown=False,
    ),
    Column("since", gettext_lazy("Since"), order="since", value=lambda row: row.since, wide="md"),
    Column(
        "why",
        gettext_lazy("Why"),
        value=lambda row: " ".join(reasons_words(row.reasons)),
        wide="sm",
    ),
    Column(
        "warning", gettext_lazy("Warning"), order="warning", value=lambda row: alarm_words(row.warning), shown=False
    ),
    Column(
        "members",
        gettext_lazy("Members"),
        order="group__member_count",
        value=lambda row: row.group.member_count,
        number=True,
        wide="md",
    ),
    Column(
        "active",
        gettext_lazy("Active, 7 days"),
        order="group__active_7d",
        value=lambda row: row.group.active_7d,
        number=True,
        wide="md",
    ),
    Column(
        "noise", pgettext_lazy("health", "Noise"), order="noise", value=lambda row: row.noise, number=True, wide="lg"
    ),
]


def _filters(user: User) -> list[Filter[GroupHealth]]:
    def need(rows: QuerySet[GroupHealth], value: str) -> QuerySet[GroupHealth]:
        return rows.filter(warning__gte=Alarm.LOOK) if value == "any" else rows.filter(warning=value)

    def of_branch(rows: QuerySet[GroupHealth], value: str) -> QuerySet[GroupHealth]:
        return rows.filter(group__branch=None) if value == HEADQUARTERS else rows.filter(group__branch_id=value)

    def changed(rows: QuerySet[GroupHealth], value: str) -> QuerySet[GroupHealth]:
        since = Q(since__gt=(judged_day() or local_day(timezone.now())) - 7 * ONE)
        return rows.filter(since) if value == "week" else rows.exclude(since)

    filters = [
        Filter(
            "warning",
            gettext_lazy("Warning"),
            [("any", gettext_lazy("With a warning")), *Alarm.choices],
            need,
        ),
        Filter("stage", gettext_lazy("Stage"), HealthStage.choices, lambda rows, value: rows.filter(stage=value)),
        Filter("turned", gettext_lazy("Turned"), [("week", gettext_lazy("In the last 7 days"))], changed),
        Filter(
            "motivation",
            gettext_lazy("Motivation"),
            Motivation.choices,
            lambda rows, value: rows.filter(group__motivation=value),
        ),
        Filter(
            "type",
            gettext_lazy("Community type"),
            CommunityType.choices,
            lambda rows, value: rows.filter(group__community_type=value),
        ),
    ]
    if user.is_headquarters:
        branches: list[tuple[str, Any]] = [(str(pk), name) for pk, name in Branch.objects.values_list("pk", "name")]
        choices = [*branches, (HEADQUARTERS, gettext_lazy("Headquarters"))]
        filters.insert(2, Filter("branch", gettext_lazy("Branch"), choices, of_branch))
    return filters


@require_GET
@staff_required
def health(request: StaffRequest) -> HttpResponseBase:
    """The groups that need help first, how many stand where, and what changed within a week."""
    day = judged_day()
    if day is None:
        return render(request, "console/analytics/health/list.html", {"has_groups": _has_groups(request.user)})
    rank = Case(*(When(stage=stage, then=Value(number)) for number, stage in enumerate(RANKS)))
    texts = _definitions(policy_get(HealthPolicy))
    meant: dict[str, Any] = {
        "stage": texts[4],
        "why": HEALTH_WHY,
        "members": HEALTH_MEMBERS,
        "active": HEALTH_ACTIVE_7,
        "noise": texts[5],
    }
    columns = [replace(column, definition=meant.get(column.key, "")) for column in COLUMNS]
    listing = Listing(
        request,
        health_visible_to(request.user, day).annotate(rank=rank),
        columns=[column for column in columns if column.key != "branch" or request.user.is_headquarters],
        filters=_filters(request.user),
        search=lambda rows, text: rows.filter(group__in=Group.objects.matching(text)),
        sort="stage",
    )
    if listing.export:
        return listing.export_response("health")
    for row in listing.rows:
        row.words = reason_words(row.reasons[0]) if row.reasons else ""  # type: ignore[attr-defined]
        row.more = len(row.reasons) - 1  # type: ignore[attr-defined]
    of_stages = {"declining": texts[1], "dead": texts[2], "growing": texts[3], "forming": texts[3]}
    chosen = [(state.label, str(dict(state.options)[state.value])) for state in listing.active_filters]
    context = _as_of() | {
        "listing": listing,
        "day": day,
        "counts": [(count, of_stages.get(count.stage, HEALTH_ACTIVE)) for count in stage_counts(request.user, day)],
        "texts": texts,
        "stages": dict(HealthStage.choices),
        "has_groups": True,
    }
    upto = _("up to the end of %(day)s") % {"day": f"{day:%Y-%m-%d}"}
    context["facts"] = Facts(upto, context["zone"], context["as_of"], chosen)
    return render(request, "console/analytics/health/list.html", context)


def _has_groups(user: User) -> bool:
    return Group.objects.visible_to(user).open().exists()


def _definitions(policy: HealthPolicy) -> list[str]:
    return [str(text) % asdict(policy) for text in HEALTH]


def _as_of() -> dict[str, Any]:
    now = timezone.now()
    return {"as_of": now, "zone": zone_words(days_zone(), now)}


@require_GET
@staff_required
def group_health(request: StaffRequest, pk: int) -> HttpResponse:
    group = _visible(request, pk)
    now = timezone.now()
    row = latest_of([group]).get(group.pk)
    context: dict[str, Any] = {"group": group, "tab": "health", "row": row}
    if row:
        policy = policy_get(HealthPolicy)
        course = course_of(group, row.day)
        mistakes = mistakes_of([group], day=row.day, policy=policy)[group.pk]
        context |= {
            "reasons": [(reason_words(reason), reason["code"] in WARNINGS) for reason in row.reasons],
            "course": course,
            "last_week": course[-7:],
            "active_now": sum(day.active for day in course[-WINDOW:]),
            "joined": sum(day.joined for day in course[-WINDOW:]),
            "left": sum(day.left for day in course[-WINDOW:]),
            "active_before": sum(day.active for day in course[-2 * WINDOW : -WINDOW]),
            "floor_kept": sum(day.interactions >= policy.floor for day in course[-7:]),
            "policy": policy,
            "voices": voices_of(group, day=row.day, now=now),
            "mistakes": mistakes,
            "to_look": sum(mistake.verdict == LOOK for mistake in mistakes),
            "texts": [*_definitions(policy), MISTAKES],
            **_remedies(request.user, group, row),
            **_as_of(),
        }
    return render(request, "console/analytics/health/group.html", context)


def _remedies(user: User, group: Group, row: GroupHealth) -> dict[str, Any]:
    """What can be done: always a post; an ending only where the group is ill."""
    if not user.may_write or (not group.may_be_posted_to and row.warning == Alarm.NONE):
        return {}
    title, body = rescue_post(row.reasons)
    query = urlencode({"group": group.pk, "title": title, "body": body})
    ill = row.stage in (HealthStage.DEAD, HealthStage.DECLINING)
    return {
        "rescue_url": f"{reverse('campaigns:post_new')}?{query}" if group.may_be_posted_to else "",
        "merge_url": reverse("analytics:group_merge", args=[group.pk]) if ill else "",
        "close_url": reverse("analytics:group_close", args=[group.pk]) if ill else "",
    }


@require_GET
@staff_required
def group_health_card(request: StaffRequest, pk: int) -> HttpResponse:
    """How the group is, in a few lines: a part of its overview."""
    group = _visible(request, pk)
    row = latest_of([group]).get(group.pk)
    context = {"group": group, "row": row, "words": reasons_words(row.reasons) if row else []}
    return render(request, "console/analytics/health/card.html", context)


@require_http_methods(["GET", "POST"])
@writer_required
def group_merge_plan(request: StaffRequest, pk: int) -> HttpResponse:
    """Fitting groups with what speaks for each, what would happen, and the merge itself."""
    group, now = _visible(request, pk), timezone.now()
    invited = members_to_invite(group, now)
    count = invited.count()
    form = MergeForm(request.POST or None)
    mistake = ""
    if form.is_bound:
        into = None
        if form.is_valid():
            into = Group.objects.visible_to(request.user).filter(pk=form.cleaned_data["into"]).first()
        if into is None:
            mistake = _("Choose the group to merge into.")
        else:
            try:
                made = merge(by=request.user, now=now, group=group, into=into)
            except ValidationError as error:
                mistake = " ".join(error.messages)
            else:
                return _merged(request, group, into, made)
    context = {
        "group": group,
        "fits": fitting_groups(group, by=request.user, room=count),
        "count": count,
        "first": invited[:SHOWN],
        "planned": _planned(group).count(),
        "mistake": mistake,
        "chosen": request.POST.get("into", ""),
    }
    return render(request, "console/analytics/health/merge.html", context, status=422 if mistake else 200)


def _merged(request: StaffRequest, group: Group, into: Group, made: int | None) -> HttpResponse:
    if made is None:
        warn(request, _("%(name)s is closed already.") % {"name": group.name})
        return redirect("analytics:group_health", group.pk)
    words = ngettext(
        "%(name)s is merged into %(into)s. %(made)d member is to be invited.",
        "%(name)s is merged into %(into)s. %(made)d members are to be invited.",
        made,
    )
    undo = reverse("analytics:group_unmerge", args=[group.pk])
    toast(request, words % {"name": group.name, "into": into.name, "made": made}, undo_url=undo)
    return redirect("groups:detail", into.pk)


@require_POST
@writer_required
def group_merge_undo(request: StaffRequest, pk: int) -> HttpResponse:
    group = _visible(request, pk)
    if unmerge(by=request.user, now=timezone.now(), group=group):
        toast(request, _("%(name)s is open again.") % {"name": group.name})
    else:
        warn(request, _("%(name)s is not merged into another group.") % {"name": group.name})
    return redirect("analytics:group_health", group.pk)


@require_http_methods(["GET", "POST"])
@writer_required
def group_close(request: StaffRequest, pk: int) -> HttpResponse:
    """Shows what closing the group ends; closes when it is sent."""
    group, now = _visible(request, pk), timezone.now()
    if request.method == "POST":
        if group_archive(by=request.user, group=group):
            warning_settle(by=request.user, now=now, group=group, outcome=CLOSED)
            toast(
                request,
                _("%(name)s is archived. Nothing is posted to it any more.") % {"name": group.name},
                undo_url=reverse("groups:restore", args=[group.pk]),
            )
        else:
            warn(request, _("%(name)s is closed already.") % {"name": group.name})
        return redirect("groups:detail", group.pk)
    context = {
        "group": group,
        "planned": _planned(group).count(),
        "active": members_to_invite(group, now).count(),
        "row": latest_of([group]).get(group.pk),
    }
    return render(request, "console/analytics/health/close.html", context)


def _planned(group: Group) -> QuerySet[Delivery]:
    return Delivery.objects.filter(NOT_BEGUN, group_id=group.pk)


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def health_policy(request: StaffRequest) -> HttpResponse:
    """The thresholds, which headquarters decides. `act` preview shows how many groups would change their stage."""
    stands = policy_get(HealthPolicy)
    form = HealthForm(request.POST or None, policy=stands, version=policy_version(HealthPolicy))
    context: dict[str, Any] = {"form": form, "may_save": request.user.is_headquarters}
    if form.is_bound and not request.user.is_headquarters:
        raise PermissionDenied
    status = 200
    if form.is_valid():
        day = judged_day() or local_day(timezone.now()) - timedelta(days=1)
        if request.POST.get("act") == "preview":
            context["preview"] = policy_preview(stands=stands, asked=form.policy(), day=day)
        else:
            try:
                policy_save(
                    by=request.user, now=timezone.now(), values=form.policy(), version=form.cleaned_data["version"]
                )
            except StalePolicy as conflict:
                # What was typed stays. Sent again, it is meant: the form now knows the other change.
                data = request.POST.copy()
                data["version"] = str(conflict.version)
                form.data = data
                names = [name for name in form.fields if name in form.cleaned_data and name != "version"]
                current = policy_get(HealthPolicy)
                context["differences"] = [
                    (form[name].label, getattr(current, name))
                    for name in names
                    if getattr(current, name) != form.cleaned_data[name]
                ]
                context["stale"], status = True, 409
            else:
                toast(request, _("The thresholds are saved. They decide from the next night on."))
                return redirect("analytics:health_policy")
    elif form.is_bound:
        status = 422
    return render(request, "console/analytics/health/policy.html", context, status=status)


@require_GET
@staff_required
def interactions_today(request: StaffRequest) -> HttpResponse:
    """Groups that the brand has not reached often enough today: a part of the page of today."""
    reached = reached_today(user=request.user, now=timezone.now())
    permitted = Group.objects.permitted(request.user, Permission.POST).filter(
        pk__in=[row.group.pk for row in reached.below]
    )
    context = {"reached": reached, "permitted": set(permitted.values_list("pk", flat=True)) if reached.below else set()}
    return render(request, "console/analytics/health/today.html", context)


@require_GET
@staff_required
def branches(request: StaffRequest) -> HttpResponseBase:
    """Branches beside each other; staff of a branch see theirs."""
    now, zone = timezone.now(), days_zone()
    rows = branch_rows(request.user, now)
    export = request.GET.get("export")
    if export in ("csv", "xlsx"):
        table = branch_table(rows)
        write = csv_response if export == "csv" else xlsx_response
        return write(f"branches-{local_day(now)}.{export}", table.file_heads(), table.values())
    context = {"rows": rows, "heads": branch_heads(now, zone), "change": BRANCHES_CHANGE, **_as_of()}
    context["texts"] = [*BRANCHES.values(), BRANCHES_CHANGE]
    return render(request, "console/analytics/branches.html", context)


@require_GET
@staff_required
def branch_people(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The members behind a figure of a branch; number 0 is headquarters."""
    found, members = asked_people(request, pk)
    listing = people_listing(request, members)
    if listing.export:
        return listing.export_response("members")
    asked = request.GET.copy()
    asked["report"], asked["number"] = "branches", str(pk)
    context = {
        "listing": listing,
        "behind": found,
        "report_label": _("Compare branches"),
        "report_url": reverse("analytics:branches"),
        "kept": [("figure", request.GET["figure"])],
        "back": "",
        "asked": asked.urlencode(),
    }
    return render(request, "console/analytics/people.html", context)


def asked_people(request: StaffRequest, pk: int) -> tuple[Behind, QuerySet[Member]]:
    """The members behind the figure of a branch that an address points at. Raises Http404."""
    branch = get_object_or_404(Branch.objects.visible_to(request.user), pk=pk) if pk else None
    figure = request.GET.get("figure", "")
    if figure not in FIGURES or (branch is None and not request.user.is_headquarters):
        raise Http404(_("There is no such number."))
    members, words = members_behind(request.user, timezone.now(), branch=branch, figure=figure)
    return Behind(members, words, COUNTED.get(figure, "")), members


def _visible(request: StaffRequest, pk: int) -> Group:
    return get_object_or_404(Group.objects.visible_to(request.user).select_related("branch"), pk=pk)
