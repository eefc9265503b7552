"""How the day of deliveries stands, and what may be decided where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q

from accounts.models import AuditEntry, User
from campaigns.deliveries.lists import late_by, midnight
from campaigns.deliveries.services import OFFERED, Decision
from campaigns.posts.selectors import deliveries_visible_to
from delivery.models import Delivery, State
from groups.models import Permission
from groups.roles.permissions import Rights

MARGIN = timedelta(minutes=1)


@dataclass(frozen=True)
class Standing:
    """The deliveries that were due today, and the time of the next one."""

    sent: int
    waiting: int
    failed: int
    unknown: int
    late: int
    next_due: datetime | None


def standing(*, user: User, now: datetime) -> Standing:
    """How the local day stands. Two queries."""
    rows, begins = deliveries_visible_to(user), midnight(now)
    counted = rows.filter(due_at__gte=begins, due_at__lt=begins + timedelta(days=1)).aggregate(
        sent=Count("pk", filter=Q(state=State.SENT)),
        waiting=Count("pk", filter=Q(state=State.WAITING)),
        failed=Count("pk", filter=Q(state=State.FAILED)),
        unknown=Count("pk", filter=Q(state=State.UNKNOWN)),
        late=Count("pk", filter=late_by(now, MARGIN)),
    )
    coming = rows.planned().filter(due_at__gt=now).order_by("due_at")
    return Standing(**counted, next_due=coming.values_list("due_at", flat=True).first())


def dress(*, rows: Iterable[Delivery], rights: Rights) -> None:
    """Hangs on each delivery what its row offers: `decisions`, or `up_to`, the people whose affair it is."""
    for row in rows:
        offered: list[Decision] = OFFERED.get(row.state, []) if rights.user.may_write else []
        mine = rights.may(Permission.POST, row.group_id)
        up_to = rights.who(Permission.POST, row.group_id) if offered and not mine else None
        row.decisions = offered if mine else []  # type: ignore[attr-defined]
        row.up_to = up_to  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Moment:
    """A point in the life of a delivery. `kind` says which sentence the page makes of it."""

    at: datetime
    kind: str
    by: str = ""
    why: str = ""
    tries: int = 0


def life(delivery: Delivery, now: datetime) -> list[Moment]:
    """What is known of a delivery, oldest first: what its row keeps, and what people decided. One query.

    The row keeps the last try only, with the number of those before it.
    """
    entries = AuditEntry.objects.filter(subject_type="delivery.delivery", subject_id=delivery.pk).order_by("at", "pk")
    moments = [Moment(entry.at, entry.action.removeprefix("delivery."), by=entry.actor_name) for entry in entries]
    moments.append(Moment(delivery.due_at, "due" if delivery.due_at <= now else "to_come"))
    by_hand = delivery.error_code in ("sent_by_person", "skipped_by_person")
    if delivery.queued_at and delivery.state != State.PLANNED:
        moments.append(Moment(delivery.queued_at, "queued"))
    if delivery.claimed_at and delivery.attempts:
        why = delivery.reason if delivery.state in (State.FAILED, State.UNKNOWN) else ""
        moments.append(Moment(delivery.claimed_at, "tried", why=why, tries=delivery.attempts))
    if delivery.settled_at and not by_hand:
        moments.append(Moment(delivery.settled_at, f"settled_{delivery.state}", why=delivery.reason))
    if delivery.retry_at:
        moments.append(Moment(delivery.retry_at, "retry"))
    return sorted(moments, key=lambda moment: moment.at)
