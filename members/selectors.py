"""What a member did, read for their page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Self

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User
from activity.models import Event
from groups.models import Group

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PAGE = 50


@dataclass(frozen=True)
class Place:
    """A place in a timeline: after this event, going back in time. Written as `milliseconds-id`."""

    at: datetime
    event_id: int

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(milliseconds=1)}-{self.event_id}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The place that a text stands for, or nothing."""
        milliseconds, _hyphen, event_id = text.partition("-")
        if not (milliseconds.isdecimal() and event_id.isdecimal() and len(milliseconds) < 15 and len(event_id) < 19):
            return None
        try:
            return cls(EPOCH + timedelta(milliseconds=int(milliseconds)), int(event_id))
        except OverflowError:
            return None


@dataclass(frozen=True)
class TimelineEvent:
    event: Event
    group: Group | None
    # The local day, where the events of another day begin.
    new_day: date | None

    @property
    def value(self) -> int | Decimal | None:
        """The value without zeros behind the point."""
        value = self.event.value
        return int(value) if value is not None and value == int(value) else value and value.normalize()


@dataclass(frozen=True)
class TimelinePage:
    events: list[TimelineEvent]
    next: Place | None


def member_events(*, member_id: int, user: User) -> QuerySet[Event]:
    """The events of a member that `user` may see: those in groups of their reach, and those without a group."""
    events = Event.objects.filter(member_id=member_id)
    if user.is_headquarters:
        return events
    return events.filter(Q(group_id=None) | Q(group_id__in=Group.objects.visible_to(user).values("pk")))


def timeline_page(
    *, member_id: int, user: User, kind: str = "", after: Place | None = None, size: int = PAGE
) -> TimelinePage:
    """One page of a member's events, newest first, with their groups. Two queries, three when a kind is asked for."""
    events = member_events(member_id=member_id, user=user).select_related("kind", "channel")
    if kind:
        events = events.filter(kind__slug=kind)
    if after:
        events = events.filter(Q(at__lt=after.at) | Q(at=after.at, pk__lt=after.event_id))
    found = list(events.order_by("-at", "-pk")[: size + 1])
    shown = found[:size]
    groups = Group.objects.in_bulk({event.group_id for event in shown if event.group_id is not None})
    rows = []
    day = timezone.localtime(after.at).date() if after else None
    for event in shown:
        local = timezone.localtime(event.at).date()
        rows.append(TimelineEvent(event, groups.get(event.group_id or 0), local if local != day else None))
        day = local
    return TimelinePage(rows, Place(shown[-1].at, shown[-1].pk) if len(found) > size else None)
