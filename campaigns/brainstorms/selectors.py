"""How sessions went."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median

from accounts.models import User
from campaigns.brainstorms.models import Answer, Brainstorm
from groups.models import Group


def medians(sessions: Iterable[Brainstorm]) -> dict[int, timedelta]:
    """The median of the time from an answer to the first like of the staff, by session; of the answers that have one.
    One query."""
    liked = Answer.objects.shown().filter(session__in=list(sessions), seen_at__isnull=False)
    waits: dict[int, list[float]] = {}
    for number, at, seen_at in liked.order_by().values_list("session_id", "at", "seen_at"):
        if seen_at is not None:
            # A clock of another system may run ahead: nobody waited less than not at all.
            waits.setdefault(number, []).append(max((seen_at - at).total_seconds(), 0))
    return {number: timedelta(seconds=median(found)) for number, found in waits.items()}


def current_of(group: Group, now: datetime, until: datetime) -> Brainstorm | None:
    """The session that is open in a group, or the next one that opens before `until`. One query."""
    coming = Brainstorm.objects.held().filter(group=group, closes_at__gt=now, opens_at__lt=until)
    return coming.order_by("opens_at", "pk").first()


def waiting_for(user: User) -> int:
    """How many answers in a person's reach nobody of the staff has liked yet."""
    return Answer.objects.visible_to(user).not_liked().count()
