"""The dispatcher: what is due is queued, what was missed is decided, what got lost is found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from delivery import registry, signals
from delivery.models import Delivery, Missed, State

BATCH = 500
# An adapter takes ten seconds at most; a claim that is this old belongs to a worker that is gone.
SENDING_LOST = timedelta(seconds=25)
# A queued id is taken within moments, unless the broker lost it or is busy; then one copy more does no harm.
QUEUED_LOST = timedelta(seconds=30)
SWEPT_AT_ONCE = 200


@dataclass
class Dispatched:
    """What one run did. `queued` are the ids that the caller now enqueues."""

    queued: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)


def dispatch(*, now: datetime, clock: datetime) -> Dispatched:
    """Moves everything on that can be moved at `now`; may run several times at once.

    `now` decides what is due or too late and may be simulated. `clock` is the time of this computer: it dates claims,
    and tells how long a claim has been lying.
    """
    done = Dispatched()
    stale_queued = Delivery.objects.filter(state=State.QUEUED, queued_at__lt=clock - QUEUED_LOST)
    _take(stale_queued.filter(attempts=0, late_until__lt=now), state=State.PLANNED, queued_at=None)
    _decide_missed(now, done)
    queued: dict[str, Any] = {"state": State.QUEUED, "queued_at": clock, "retry_at": None}
    done.queued += _take(Delivery.objects.due(now), error_code="", **queued)
    done.queued += _take(Delivery.objects.to_retry(now), **queued)
    done.queued += _take(stale_queued, most=SWEPT_AT_ONCE, queued_at=clock)
    lost = Delivery.objects.filter(state=State.SENDING, claimed_at__lt=clock - SENDING_LOST)
    done.queued += _take(lost.filter(kind__in=registry.IDEMPOTENT_KINDS), **queued)
    _take(lost.exclude(kind__in=registry.IDEMPOTENT_KINDS), state=State.UNKNOWN, error_code="outcome_unknown")
    return done


def _decide_missed(now: datetime, done: Dispatched) -> None:
    missed = Delivery.objects.missed(now)
    skipped: dict[str, Any] = {"state": State.SKIPPED, "settled_at": now}
    done.waiting += _take(missed.filter(missed=Missed.ASK), state=State.WAITING, error_code="missed")
    done.skipped += _take(missed.filter(missed=Missed.SKIP), error_code="missed", **skipped)
    done.skipped += _take(missed.filter(missed=Missed.LATE), error_code="too_late", **skipped)
    if done.skipped:
        signals.settled.send(sender=Delivery, ids=done.skipped)


def _take(rows: QuerySet[Delivery], *, most: int | None = None, **changes: Any) -> list[int]:
    """Changes the rows and returns their ids, batch by batch. Of two callers at once each row goes to one.

    PostgreSQL locks the rows it reads and the second caller passes them by; SQLite has one writer at a time. Looking
    first keeps the usual run, which finds nothing, from asking for the write lock.
    """
    taken: list[int] = []
    if not rows.exists():
        return taken
    size = min(BATCH, most or BATCH)
    while most is None or len(taken) < most:
        with transaction.atomic():
            found = rows.order_by("due_at", "pk").select_for_update(skip_locked=True)
            batch = list(found.values_list("pk", flat=True)[:size])
            Delivery.objects.filter(pk__in=batch).update(**changes)
        taken += batch
        if len(batch) < size:
            break
    return taken
