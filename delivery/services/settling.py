"""What became of a try: written down in batches, each with the try it belongs to."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, connection
from django.db.models import F
from django.utils import timezone

from delivery import registry, signals
from delivery.adapters.base import SendError
from delivery.models import Delivery, State
from delivery.services.destinations import destination_disable

logger = structlog.get_logger(__name__)

# Seconds before the next try, about a day in all. The first are short because most faults of a receiver are.
RETRY_WAITS = (1, 5, 15, 30, 60, 120, 240, 480, 960, 1920, 3840, 7200, 14400, 21600, 32400)
LONGEST_WAIT = 86_400
# A database that is started anew is back within seconds; until then what is known of the tries is kept in hand.
KEPT_FOR = 12.0


@dataclass(eq=False)
class Try:
    """One delivery in hand. `places` are those of its calls with the limiter."""

    delivery: Delivery
    host: str = ""
    began: float = 0.0
    places: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """How a delivery goes on. Without `costs_try` it is as if this try had not been."""

    state: State
    code: str = ""
    detail: str = ""
    retry_at: datetime | None = None
    costs_try: bool = True

    @property
    def is_final(self) -> bool:
        return self.retry_at is None and self.state != State.UNKNOWN


SENT = Outcome(State.SENT)


def outcome_of(*, delivery: Delivery, error: SendError | None, now: datetime) -> Outcome:
    """What follows from the adapter's word. Switches the destination off where the receiver wants nothing more."""
    if error is None:
        return SENT
    if error.switch_off and delivery.destination:
        destination_disable(destination=delivery.destination, code=error.code, now=now)
    if error.uncertain and not registry.ADAPTERS[delivery.kind].idempotent:
        return Outcome(State.UNKNOWN, "outcome_unknown")
    tries = min(error.tries or len(RETRY_WAITS) + 1, len(RETRY_WAITS) + 1)
    if error.permanent or (error.costs_try and delivery.attempts >= tries):
        return Outcome(State.FAILED, error.code, error.detail)
    # A little chance keeps a receiver that comes back from being asked by all groups in one instant.
    wait = RETRY_WAITS[min(delivery.attempts, len(RETRY_WAITS)) - 1] * random.uniform(1, 1.1)
    wait = max(wait, min(error.retry_after or 0, LONGEST_WAIT))
    if not error.costs_try:
        return waiting(code=error.code, seconds=wait, now=now)
    return Outcome(State.FAILED, error.code, error.detail, now + timedelta(seconds=wait))


def waiting(*, code: str, seconds: float, now: datetime) -> Outcome:
    """Back in the outbox until its turn comes, as if this try had not been."""
    return Outcome(State.PLANNED, code, retry_at=now + timedelta(seconds=seconds), costs_try=False)


def settle(done: Sequence[tuple[Try, Outcome]]) -> None:
    """Writes outcomes down, those that are alike by one UPDATE. Each changes only the try that it belongs to."""
    alike: dict[tuple[Outcome, int], list[Delivery]] = defaultdict(list)
    for one, outcome in done:
        alike[outcome, one.delivery.attempts].append(one.delivery)
    over: list[int] = []
    for (outcome, attempts), deliveries in alike.items():
        over += _written(outcome, attempts, deliveries)
    if over:
        signals.settled.send(sender=Delivery, ids=over)


def _written(outcome: Outcome, attempts: int, deliveries: Sequence[Delivery]) -> list[int]:
    """The ids of those that are over now."""
    ids = [delivery.pk for delivery in deliveries]
    # Also from `queued` and `unknown`: where the dispatcher gave this very try up for lost, its outcome is known now.
    rows = Delivery.objects.filter(
        pk__in=ids,
        attempts=attempts,
        claimed_at__in={delivery.claimed_at for delivery in deliveries},
        state__in=[State.SENDING, State.QUEUED, State.UNKNOWN],
    )
    now = timezone.now()
    values = {
        "state": outcome.state,
        "error_code": outcome.code,
        "error": outcome.detail[:500],
        "retry_at": outcome.retry_at,
        "settled_at": now if outcome.is_final else None,
        "attempts": F("attempts") if outcome.costs_try else F("attempts") - 1,
    }
    count = _persistently(lambda: rows.update(**values))
    taken = set(ids)
    if count < len(ids):
        after = attempts - (not outcome.costs_try)
        kept = Delivery.objects.filter(pk__in=ids, attempts=after, state=outcome.state, settled_at=values["settled_at"])
        taken = set(kept.values_list("pk", flat=True))
    about = {"state": str(outcome.state), "attempt": attempts, "code": outcome.code, "detail": outcome.detail}
    if taken:
        logger.info("deliveries settled" if outcome.costs_try else "deliveries wait", ids=sorted(taken), **about)
    if lost := set(ids) - taken:
        logger.info("deliveries taken over meanwhile", ids=sorted(lost), **about)
    return [pk for pk in ids if pk in taken] if outcome.is_final else []


def _persistently(write: Callable[[], int]) -> int:
    """The write, again and again while the database is away: what was sent must not be forgotten."""
    end = time.monotonic() + KEPT_FOR
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() > end:
                raise
            connection.close()
            time.sleep(0.3)


def put_off(*, ids: Sequence[int], code: str, seconds: float, now: datetime) -> None:
    """Queued deliveries go back to the outbox for a while; nobody had begun with them."""
    Delivery.objects.filter(pk__in=ids, state=State.QUEUED).update(
        state=State.PLANNED, error_code=code, retry_at=now + timedelta(seconds=seconds), queued_at=None
    )
