"""The figures that lists of groups sort by: kept on the group, always recounted from memberships and events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from activity.models import BuiltInKind, Event
from groups.models import Group
from members.models import Membership

WINDOW = timedelta(days=7)
CHUNK = 200


def lock_groups(numbers: Iterable[int]) -> None:
    """Whoever recounts a group holds its row first: the later of two sees what the earlier one wrote."""
    if connection.features.has_select_for_update:
        list(Group.objects.filter(pk__in=list(numbers)).order_by("pk").select_for_update(no_key=True).values_list("pk"))


def _count(rows: QuerySet[Any], group: str, what: Count) -> Coalesce:
    return Coalesce(Subquery(rows.order_by().values(group).annotate(number=what).values("number")), 0)


def _window_figures(now: datetime) -> dict[str, Coalesce]:
    recent = Event.objects.filter(group_id=OuterRef("pk"), at__gt=now - WINDOW, at__lte=now)
    return {
        "active_7d": _count(recent, "group_id", Count("member_id", distinct=True)),
        "messages_7d": _count(recent.filter(kind__slug=BuiltInKind.MESSAGE), "group_id", Count("pk")),
    }


def group_figures_recount(latest: Mapping[int, datetime], *, now: datetime) -> None:
    """Recounts groups that just got events; `latest` maps each to the instant of its newest one.

    The rows must be locked (see lock_groups). Figures of the last seven days (168 hours before `now`) are counted where
    the new events reach into them.
    """
    newest = Event.objects.filter(group_id=OuterRef("pk")).order_by("-at").values("at")[:1]
    Group.objects.filter(pk__in=list(latest)).update(
        member_count=_count(Membership.objects.present().filter(group=OuterRef("pk")), "group", Count("pk")),
        last_event_at=Subquery(newest),
    )
    recent = [number for number, at in latest.items() if at > now - WINDOW]
    if recent:
        Group.objects.filter(pk__in=recent).update(**_window_figures(now))


def group_figures_refresh(*, now: datetime) -> int:
    """Recounts the seven-day figures of the groups whose window has moved on; returns how many that are."""
    due = Q(active_7d__gt=0) | Q(last_event_at__gt=now - WINDOW)
    numbers = list(Group.objects.filter(due).order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(numbers), CHUNK):
        chunk = numbers[start : start + CHUNK]
        with transaction.atomic():
            lock_groups(chunk)
            Group.objects.filter(pk__in=chunk).update(**_window_figures(now))
    return len(numbers)
