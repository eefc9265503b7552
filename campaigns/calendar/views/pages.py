"""The marketing calendar: month, week and day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from accounts.models import Branch, User
from campaigns.calendar.activities import activity_entries, entries_by
from campaigns.calendar.coming import DAYS, coming_days
from campaigns.calendar.days import ONE_DAY, By, View, Window, day_from, window_from
from campaigns.calendar.expecting import entries_expected
from campaigns.calendar.layouts import Row, agenda_of, days_of, hours_of, month_of, row_of
from campaigns.calendar.selectors import (
    Entry,
    Look,
    calendar_entries,
    conflicts_by_occurrence,
    counts_by_branch,
    counts_by_group,
    notes_by_day,
    states_counted,
)
from campaigns.models import Series
from community_ops.lib.lists import Column, Filter, Listing
from groups.models import Group, Motivation, Permission
from groups.roles.permissions import may

GROUPS_A_PAGE = 25
HEADQUARTERS, MOVED = "hq", "moved"
COLUMNS = [Column[Group]("name", gettext_lazy("Name"), order="name")]
# These choose among the groups; the other filters among what goes out to them.
OF_GROUPS = {"branch", "motivation"}


@require_GET
@staff_required
def calendar(request: StaffRequest) -> HttpResponse:
    now = timezone.now()
    today = timezone.localdate(now)
    window = window_from(request.GET, today)
    listing = groups_listing(request)
    narrowed = bool(listing.text) or any(state.name in OF_GROUPS for state in listing.active_filters)
    chosen = {state.name: state.value for state in listing.active_filters}
    groups = listing.queryset if narrowed else None
    series = int(chosen["series"]) if "series" in chosen else None
    conflicts = conflicts_by_occurrence(user=request.user, window=window, now=now, groups=groups)
    entries = [
        replace(entry, conflicts=conflicts.get(entry.pk or 0, ()))
        for entry in calendar_entries(user=request.user, window=window, groups=groups, series=series)
    ]
    entries += entries_expected(user=request.user, window=window, now=now, groups=groups, series=series)
    if series is None:
        entries += activity_entries(user=request.user, window=window, groups=groups)
    entries = [entry for entry in entries if _matches(entry, chosen)]
    entries.sort(key=lambda entry: (entry.at, entry.post_id))
    days = days_of(window, entries, notes_by_day(request.user, window), today)
    context: dict[str, Any] = {
        "window": window,
        "listing": listing,
        "days": days,
        "entries": entries,
        "counts": states_counted(entries),
        "links": _links(listing, window, today),
        "agenda": agenda_of(window, entries),
        "zone": timezone.get_default_timezone_name(),
    }
    if window.view == View.MONTH:
        context["weeks"] = month_of(days, entries)
    elif window.by == By.GROUP:
        counts = counts_by_group([group.pk for group in listing.rows], window)
        known = {entry.pk: entry for entry in entries if entry.pk}
        shown = Group.objects.filter(pk__in=[group.pk for group in listing.rows])
        activities = entries_by("pk", entries=entries, groups=shown)
        context["rows"] = [
            row_of(window, group.name, known, counts[group.pk], group.pk, activities.get(group.pk, ()))
            for group in listing.rows
        ]
    elif window.by == By.BRANCH:
        context["rows"] = _branch_rows(listing.queryset, window, entries)
    else:
        context["rows"] = hours_of(window, entries)
    return render(request, "console/campaigns/calendar/calendar.html", context)


@require_GET
@staff_required
def coming(request: StaffRequest, pk: int) -> HttpResponse:
    """The tab of a group that shows what it gets on the next seven days."""
    group = get_object_or_404(Group.objects.visible_to(request.user), pk=pk)
    now = timezone.now()
    first = day_from(request.GET.get("from", "")) or timezone.localdate(now)
    days = coming_days(group=group, first=first, now=now)
    may_plan = group.may_be_posted_to and may(request.user, Permission.POST, group)
    context = {
        "group": group,
        "tab": "coming",
        "days": days,
        "count": sum(len(rows) for _day, rows in days),
        "first": first,
        "title": Window(View.WEEK, By.HOURS, first, first, days[-1][0]).title,
        "before": first - DAYS * ONE_DAY,
        "after": first + DAYS * ONE_DAY,
        "plan_url": f"{reverse('campaigns:post_new')}?group={group.pk}" if may_plan else "",
    }
    return render(request, "console/campaigns/calendar/coming.html", context)


def groups_listing(request: StaffRequest) -> Listing[Group]:
    return Listing(
        request,
        Group.objects.visible_to(request.user),
        columns=COLUMNS,
        sort="name",
        search=lambda groups, text: groups.matching(text),  # type: ignore[attr-defined]
        filters=_filters(request.user),
        page_size=GROUPS_A_PAGE,
        id="calendar",
    )


def _filters(user: User) -> list[Filter[Group]]:
    def of_branch(groups: QuerySet[Group], value: str) -> QuerySet[Group]:
        return groups.filter(branch=None) if value == HEADQUARTERS else groups.filter(branch_id=value)

    def of_motivation(groups: QuerySet[Group], value: str) -> QuerySet[Group]:
        return groups.filter(motivation=value)

    def all_groups(groups: QuerySet[Group], _value: str) -> QuerySet[Group]:
        return groups

    series = Series.objects.visible_to(user).filter(retired_at=None).values_list("pk", "name")
    states: list[tuple[str, Any]] = [*Look.choices, (MOVED, pgettext_lazy("occurrence", "Moved"))]
    filters: list[Filter[Group]] = [
        Filter("motivation", gettext_lazy("Motivation"), Motivation.choices, of_motivation),
        Filter("series", gettext_lazy("Series"), series, all_groups),
        Filter("state", gettext_lazy("State"), states, all_groups),
        Filter("conflicts", gettext_lazy("Conflicts"), [("only", gettext_lazy("With conflicts"))], all_groups),
    ]
    if user.is_headquarters:
        branches: list[tuple[Any, Any]] = [(HEADQUARTERS, gettext_lazy("Headquarters"))]
        branches += Branch.objects.values_list("pk", "name")
        filters.insert(0, Filter("branch", gettext_lazy("Branch"), branches, of_branch))
    return filters


def _matches(entry: Entry, chosen: Mapping[str, str]) -> bool:
    if "conflicts" in chosen and not entry.conflicts:
        return False
    state = chosen.get("state")
    return not state or (entry.moved if state == MOVED else entry.look == state)


def _branch_rows(groups: QuerySet[Group], window: Window, entries: list[Entry]) -> list[Row]:
    counts = counts_by_branch(groups, window)
    known = {entry.pk: entry for entry in entries if entry.pk}
    activities = entries_by("branch", entries=entries, groups=groups)
    rows = [
        row_of(window, name, known, counts.get(pk, {}), pk, activities.get(pk, ()))
        for pk, name in Branch.objects.order_by("name", "pk").values_list("pk", "name")
        if pk in counts or pk in activities
    ]
    if None in counts or None in activities:
        rows.insert(0, row_of(window, _("Headquarters"), known, counts.get(None, {}), None, activities.get(None, ())))
    return rows


def _links(listing: Listing[Group], window: Window, today: date) -> dict[str, Any]:
    """Addresses of the same calendar seen otherwise."""

    def url(day: date, view: str = window.view, by: str = window.by) -> str:
        return listing.url(view=view if view != View.MONTH else None, by=by, day=day.isoformat())

    return {
        "before": url(window.before),
        "today": url(today),
        "after": url(window.after),
        "views": [(view.label, url(window.day, view, ""), view == window.view) for view in View],
        "by": [(by.label, url(window.day, View.WEEK, by), by == window.by) for by in By],
        # The template puts the day behind it.
        "day": listing.url(view=View.DAY, by=None, day=None) + "&day=",
    }
