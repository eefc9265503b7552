"""What a person decided about a delivery is taken back while nothing has followed from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from delivery.models import Delivery, State

TEXTS = ("state", "error_code", "error", "missed")
TIMES = ("queued_at", "retry_at", "settled_at", "late_until")
# What a decision leaves behind: as long as a row still says this, nobody else has touched it.
LEFT_BEHIND = {State.QUEUED: "", State.SENT: "sent_by_person", State.SKIPPED: "skipped_by_person"}

Standing = dict[str, Any]


def delivery_standing(delivery: Delivery) -> Standing:
    """Everything that a decision overwrites, as JSON can hold it."""
    times = {name: getattr(delivery, name) for name in TIMES}
    return {
        **{name: getattr(delivery, name) for name in TEXTS},
        **{name: value.isoformat() if value else None for name, value in times.items()},
        "attempts": delivery.attempts,
    }


def delivery_restore(*, pk: int, standing: Standing, decided: str) -> bool:
    """Puts a delivery back to how it stood before it was `decided` (the state that the decision gave it).

    False when it has moved on: what was to be sent has left the queue, or somebody decided anew.
    """
    undecided = Delivery.objects.filter(
        pk=pk, state=decided, error_code=LEFT_BEHIND[State(decided)], attempts=standing["attempts"]
    )
    values: Standing = {name: standing[name] for name in TEXTS}
    return bool(undecided.update(**values, **{name: _time(standing[name]) for name in TIMES}))


def _time(value: str | None) -> datetime | None:
    return parse_datetime(value) if value else None
