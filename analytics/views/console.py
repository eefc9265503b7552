"""The reports in the console. Everybody on the staff may read them, each within what they may see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from analytics.definitions import STICKINESS
from analytics.forms import ActivityForm, ReportForm, RetentionForm, is_number
from analytics.funnel_form import FunnelForm
from analytics.habits.forms import LifecycleForm, StickinessForm
from analytics.habits.lifecycle import lifecycle_page
from analytics.habits.stickiness import stickiness_page
from analytics.hour_form import BestHourForm
from analytics.index.source import source_of
from analytics.overview.forms import OverviewForm
from analytics.pages.activity import activity_page
from analytics.pages.best_hour import best_hour_page
from analytics.pages.frame import GROUPS_OFFERED, files_of, frame_of
from analytics.pages.funnel import FunnelPage, funnel_page
from analytics.pages.leavers import LeaversForm, leavers_page
from analytics.pages.parts import Table
from analytics.pages.people import Behind, behind
from analytics.pages.retention import RetentionPage, retention_page
from analytics.queries.fields import BadQuery
from analytics.sources import SqlNames
from analytics.steps import change_steps
from community_ops.lib.lists import Column, Listing, csv_response, xlsx_response
from groups.models import Group
from members.models import Member

REPORTS: dict[str, tuple[type[ReportForm], Any]] = {
    "overview": (OverviewForm, gettext_lazy("Overview")),
    "activity": (ActivityForm, gettext_lazy("Activity")),
    "lifecycle": (LifecycleForm, gettext_lazy("Lifecycle")),
    "stickiness": (StickinessForm, gettext_lazy("Stickiness")),
    "retention": (RetentionForm, gettext_lazy("Retention")),
    "funnel": (FunnelForm, gettext_lazy("Funnel")),
    "leavers": (LeaversForm, gettext_lazy("Who left")),
    "best_hour": (BestHourForm, gettext_lazy("Best hour")),
}
HABITS = ("lifecycle", "stickiness")
COLUMNS: list[Column[Member]] = [
    Column("name", gettext_lazy("Name"), order="name", value=lambda member: member.name),
    Column("external_id", gettext_lazy("Id in other systems"), value=lambda member: member.external_id, wide="md"),
    Column("stage", gettext_lazy("Stage"), order="stage", value=lambda member: member.get_stage_display(), wide="sm"),
    Column(
        "last", gettext_lazy("Last seen"), order="last_seen_at", value=lambda member: member.last_seen_at, nullable=True
    ),
]
NOT_ASKED = ("q", "sort", "page", "export")

Form = TypeVar("Form", bound=ReportForm)
Page = TypeVar("Page")


@require_GET
@staff_required
def activity(request: StaffRequest) -> HttpResponseBase:
    moved = request.GET.get("metric", "")
    if moved in HABITS:
        # They were figures of this page once; links to them are kept.
        return redirect(f"{reverse(f'analytics:{moved}')}?{_moved(request)}")
    return _report(request, "activity", ActivityForm, activity_page, lambda page: page.table)


@require_GET
@staff_required
def lifecycle(request: StaffRequest) -> HttpResponseBase:
    return _report(request, "lifecycle", LifecycleForm, lifecycle_page, lambda page: page.table)


@require_GET
@staff_required
def stickiness(request: StaffRequest) -> HttpResponseBase:
    return _report(request, "stickiness", StickinessForm, stickiness_page, lambda page: page.table)


@require_GET
@staff_required
def retention(request: StaffRequest) -> HttpResponseBase:
    def asked(page: RetentionPage) -> Table:
        return (page.curves_table if request.GET.get("table") == "breakdown" else None) or page.table

    return _report(request, "retention", RetentionForm, retention_page, asked)


@require_GET
@staff_required
def leavers(request: StaffRequest) -> HttpResponseBase:
    return _report(request, "leavers", LeaversForm, leavers_page, lambda page: page.table)


@require_GET
@staff_required
def funnel(request: StaffRequest) -> HttpResponseBase:
    changed = request.GET.copy()
    if "act" in changed:
        # A button of the steps, pressed where there is no script.
        change_steps(changed)
        return redirect(f"{request.path}?{changed.urlencode()}")

    def asked(page: FunnelPage) -> Table:
        return {"breakdown": page.breakdown, "course": page.course_table, "times": page.times_table}.get(
            request.GET.get("table", "")
        ) or page.table

    return _report(request, "funnel", FunnelForm, funnel_page, asked)


@require_GET
@staff_required
def best_hour(request: StaffRequest) -> HttpResponseBase:
    return _report(request, "best_hour", BestHourForm, best_hour_page, lambda page: page.table)


def _report(
    request: StaffRequest,
    name: str,
    form_class: Callable[..., Form],
    compute: Callable[..., Page],
    exported: Callable[[Page], Table],
) -> HttpResponseBase:
    now, zone = timezone.now(), ZoneInfo(settings.TIME_ZONE)
    form = form_class(request.GET, user=request.user, now=now, zone=zone)
    context = frame_of(request, form, now=now, zone=zone) | {"texts": STICKINESS, "files": files_of(request)}
    if form.is_valid():
        try:
            page = compute(form, source_of(form.selection()), SqlNames(), zone=zone, now=now)
        except BadQuery as bad:
            context["mistakes"] = [error.message for error in bad.errors]
        else:
            context["page"] = page
            export = request.GET.get("export")
            if export in ("csv", "xlsx"):
                return _file(exported(page), f"{name}-{now.astimezone(zone):%Y-%m-%d}", export)
    return render(request, f"console/analytics/{name}.html", context)


def _moved(request: HttpRequest) -> str:
    """What an address of the page of activity asked, without what the pages of habits do not know."""
    query = request.GET.copy()
    for name in ("report", "metric", "by", "window", *(["interval"] if query.get("interval") in ("", "hour") else [])):
        query.pop(name, None)
    return query.urlencode()


def _file(table: Table, name: str, kind: str) -> HttpResponseBase:
    write = csv_response if kind == "csv" else xlsx_response
    return write(f"{name}.{kind}", table.file_heads(), table.values())


@require_GET
@staff_required
def group_options(request: StaffRequest) -> HttpResponse:
    """Groups to tick, by a part of their name."""
    text = request.GET.get("find", "").replace("\x00", "").strip()[:120]
    chosen = {value for value in request.GET.getlist("group") if is_number(value)}
    found = Group.objects.visible_to(request.user).matching(text).exclude(pk__in=chosen)
    context = {"offered": found[:GROUPS_OFFERED], "chosen": (), "text": text}
    return render(request, "console/analytics/group_options.html", context)


@require_GET
@staff_required
def people(request: StaffRequest) -> HttpResponseBase:
    """The members behind one number of a report."""
    now, zone = timezone.now(), ZoneInfo(settings.TIME_ZONE)
    report = request.GET.get("report", "activity")
    if report == "activity" and request.GET.get("metric", "") in HABITS:
        moved = request.GET["metric"]
        return redirect(f"{request.path}?report={moved}&{_moved(request)}")
    form, found, members = asked_people(request, now, zone)
    listing = people_listing(request, members)
    if listing.export:
        return listing.export_response("members")
    kept = [(name, value) for name, values in request.GET.lists() if name not in NOT_ASKED for value in values]
    context = {
        "listing": listing,
        "behind": found,
        "report_label": REPORTS[report][1],
        "report_url": reverse(f"analytics:{report}"),
        "kept": kept,
        "back": form.address(),
        "asked": request.GET.urlencode(),
    }
    return render(request, "console/analytics/people.html", context)


def people_listing(request: HttpRequest, members: QuerySet[Member]) -> Listing[Member]:
    """The members behind a number, to search, sort and take along."""
    return Listing(
        request,
        members,
        columns=COLUMNS,
        sort="name",
        search=lambda rows, text: rows.filter(pk__in=Member.objects.matching(text).values("pk")),
    )


def asked_people(request: StaffRequest, now: datetime, zone: ZoneInfo) -> tuple[ReportForm, Behind, QuerySet[Member]]:
    """The members behind the number that an address points at, of those whom this person may see. Raises Http404."""
    report = request.GET.get("report", "activity")
    if report not in REPORTS:
        raise Http404
    form = REPORTS[report][0](request.GET, user=request.user, now=now, zone=zone)
    if not form.is_valid():
        raise Http404
    found = _behind(request, form, zone, now)
    return form, found, found.of(Member.objects.visible_to(request.user))


def _behind(request: HttpRequest, form: ReportForm, zone: ZoneInfo, now: datetime) -> Behind:
    try:
        return behind(request.GET, form, source_of(form.selection()), SqlNames(), zone=zone, now=now)
    except (BadQuery, ValueError, IndexError, KeyError) as error:
        raise Http404(_("There is no such number.")) from error
