"""What a group gets on the coming days, as it will read it, and what of it will not be sent and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.utils import timezone

from campaigns.calendar.days import ONE_DAY, midnight
from campaigns.calendar.reading import Reading, reading_of
from campaigns.posts.limits import Limits, limits_of, used_on
from campaigns.posts.models import Occurrence
from delivery.models import Delivery, State
from delivery.reasons import reason
from groups.models import Group

DAYS = 7


@dataclass(frozen=True)
class Coming:
    """A message for the group. `why` says why it is not sent; empty when it is, as far as is known now."""

    delivery: Delivery
    occurrence: Occurrence | None
    reading: Reading
    why: str

    @property
    def asks_again(self) -> bool:
        """Whether it is settled only in its moment to which groups it goes."""
        waits = self.occurrence is not None and self.occurrence.post.audience is not None
        return waits and self.delivery.state == State.PLANNED


def coming_days(*, group: Group, first: date, now: datetime) -> list[tuple[date, Sequence[Coming]]]:
    """Day by day what goes to the group, a week from `first`. Seven queries, however much it is."""
    start, end = midnight(first), midnight(first + DAYS * ONE_DAY)
    rows = list(
        Delivery.objects.filter(group_id=group.pk, post_id__isnull=False, due_at__gte=start, due_at__lt=end)
        .select_related("message__picture", "destination")
        .order_by("due_at", "pk")
    )
    occurrences = Occurrence.objects.select_related("post").in_bulk({row.occurrence_id for row in rows})
    limits = limits_of([group.pk])[group.pk]
    today = timezone.localdate(now)
    taken: dict[date, int] = defaultdict(int, {today: used_on(today, [group.pk]).get(group.pk, 0)})
    found: dict[date, list[Coming]] = {first + ONE_DAY * number: [] for number in range(DAYS)}
    for row in rows:
        occurrence = occurrences.get(row.occurrence_id or 0)
        day = timezone.localdate(row.due_at)
        why = row.reason if row.state != State.PLANNED else _objection(row, occurrence, group, limits, taken[day])
        if row.state == State.PLANNED and not why:
            taken[day] += 1
        found[day].append(Coming(row, occurrence, reading_of(row.message, group, row.due_at), why))
    return list(found.items())


def _objection(row: Delivery, occurrence: Occurrence | None, group: Group, limits: Limits, taken: int) -> str:
    """Why this one will not be sent when its time has come, if nothing changes."""
    if not group.may_be_posted_to:
        return reason("group_closed", "")
    if row.destination and row.destination.disabled_at:
        return reason("destination_disabled", "")
    if occurrence is None or not occurrence.post.keeps_limits:
        return ""
    if limits.is_quiet(row.due_at):
        return reason("quiet_hours", "")
    return reason("over_quota", "") if limits.daily_quota and taken >= limits.daily_quota else ""
