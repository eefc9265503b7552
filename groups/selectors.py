"""Figures of one group, read for its page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Case, Count, Q, Value, When
from django.utils import timezone

from activity.models import BuiltInKind, Event
from delivery.models import Delivery, State
from groups.models import Group

CHART_DAYS = 30
WEEK = timedelta(days=7)
NEXT_POSTS = 5


@dataclass(frozen=True)
class Day:
    """A local day of a group: messages, and members with any event."""

    day: date
    messages: int
    active: int


@dataclass(frozen=True)
class Week:
    """Seven times 24 hours up to an instant: members with any event, and messages."""

    active: int
    messages: int
    joined: int
    left: int


def group_days(*, group: Group, now: datetime, days: int = CHART_DAYS) -> list[Day]:
    """The last `days` local days, today included, oldest first; days without events are there with zeros. One query."""
    zone = timezone.get_current_timezone()
    today = timezone.localdate(now, zone)
    dates = [today - timedelta(days=number) for number in reversed(range(days))]
    midnights = [datetime(day.year, day.month, day.day, tzinfo=zone) for day in dates]
    # Comparing with the midnights, not truncating each instant: on SQLite that is a call into Python for every row.
    number_of_day = Case(
        *(When(at__lt=midnight, then=Value(number)) for number, midnight in enumerate(midnights[1:])),
        default=Value(days - 1),
    )
    rows = (
        Event.objects.filter(group_id=group.pk, at__gte=midnights[0], at__lte=now)
        .annotate(day=number_of_day)
        .values("day")
        .annotate(
            messages=Count("pk", filter=Q(kind__slug=BuiltInKind.MESSAGE)),
            active=Count("member_id", distinct=True),
        )
        .order_by("day")
    )
    found = {row["day"]: row for row in rows}
    return [
        Day(day, found[number]["messages"], found[number]["active"]) if number in found else Day(day, 0, 0)
        for number, day in enumerate(dates)
    ]


def group_week(*, group: Group, until: datetime) -> Week:
    """The figures of the seven days up to `until`, to compare weeks with each other."""
    row = Event.objects.filter(group_id=group.pk, at__gt=until - WEEK, at__lte=until).aggregate(
        active=Count("member_id", distinct=True),
        messages=Count("pk", filter=Q(kind__slug=BuiltInKind.MESSAGE)),
        joined=Count("member_id", distinct=True, filter=Q(kind__slug=BuiltInKind.JOINED)),
        left=Count("member_id", distinct=True, filter=Q(kind__slug=BuiltInKind.LEFT)),
    )
    return Week(**row)


def group_next_deliveries(*, group: Group, now: datetime) -> list[Delivery]:
    """The next posts of a group with their messages, soonest first. One query."""
    planned = Delivery.objects.filter(group_id=group.pk, state__in=[State.PLANNED, State.QUEUED], due_at__gte=now)
    return list(planned.select_related("message").order_by("due_at", "pk")[:NEXT_POSTS])
