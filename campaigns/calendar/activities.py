"""Activities among what goes out: when they begin, and for which groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from campaigns.activities.models import Activity, Decided
from campaigns.calendar.days import Window
from campaigns.calendar.selectors import Entry, Look
from groups.models import Group


def activity_entries(*, user: User, window: Window, groups: QuerySet[Group] | None = None) -> list[Entry]:
    """The activities that begin within the window and take place; with `groups` only those that one of them is invited
    to. One query."""
    rows = Activity.objects.filter(decided=Decided.OPEN, starts_at__gte=window.start, starts_at__lt=window.end)
    rows = rows.visible_to(user) if groups is None else rows.of_groups(groups.order_by())
    reached = Group.objects.visible_to(user) if groups is None else groups.order_by()
    among = Q() if groups is None and user.branch_id is None else Q(groups__in=reached.values("pk"))
    counted: Iterable[Any] = rows.annotate(groups_count=Count("groups", filter=among, distinct=True)).defer("text")
    return [_entry(row, row.groups_count) for row in counted.order_by("starts_at", "pk")]  # type: ignore[attr-defined]


def _entry(row: Activity, groups: int) -> Entry:
    assert row.starts_at
    return Entry(
        pk=None,
        post_id=0,
        title=row.title,
        at=timezone.localtime(row.starts_at),
        zone=row.timezone,
        look=Look.ACTIVITY,
        groups=groups,
        sent=0,
        failed=0,
        moved=False,
        reworded=False,
        may_move=False,
        activity_id=row.pk,
    )


def entries_by(column: str, *, entries: Sequence[Entry], groups: QuerySet[Group]) -> Mapping[Any, list[Entry]]:
    """Those of `entries` that are activities by a column of the groups that are invited ("pk", "branch"), each with how
    many of them are. One query where there are any."""
    known = {entry.activity_id: entry for entry in entries if entry.activity_id}
    found: dict[Any, list[Entry]] = defaultdict(list)
    if known:
        invited = groups.order_by().filter(activities__in=list(known))
        rows = invited.values_list(column, "activities").annotate(n=Count("pk", distinct=True))
        for key, activity, count in rows:
            if activity in known:
                found[key].append(replace(known[activity], groups=count))
    return found
