"""What apps above make of events on their way in.

A preparer sees the events of a batch before they are written, and the texts of those that are messages. It may say that
an event stands for a thing that has a key of its own (a check-in of a day, however it was told), add events that follow
from others, and ask to be called once they are written, in the same transaction. So what it writes is there exactly
when its events are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from activity.services import EventRow

# The source of events that the product itself writes (see by_hand.py).
BY_HAND = "by hand"


class Arrival(NamedTuple):
    """An event with its names resolved. `text` is what was written, where it is a message that came with its text;
    `is_by_hand` says that the product itself wrote the event, because a person did something with it."""

    row: EventRow
    kind: str
    text: str = ""
    is_by_hand: bool = False


@dataclass(frozen=True)
class Expected:
    """`keys` gives events of the batch another key: key as sent -> key of the thing. `more` are events that follow from
    others of the batch. `then` is called with the keys of all events that were new."""

    keys: Mapping[str, str] = field(default_factory=dict)
    more: Sequence[Arrival] = ()
    then: Callable[[Collection[str]], None] | None = None


# Called with the events of a batch, which may be known already, and the time; nothing when it has no part in them.
Preparer = Callable[[Sequence[Arrival], datetime], Expected | None]
_PREPARERS: dict[str, tuple[frozenset[str], Preparer]] = {}


def register_preparer(name: str, kinds: Collection[str], preparer: Preparer) -> None:
    """`preparer` is called with the events of these kinds, for batches that hold any; messages without their text are
    left out. It must be quick: it runs for every batch, and may hold locks of its own only in one fixed order."""
    _PREPARERS[name] = (frozenset(kinds), preparer)


def prepare(arrivals: Sequence[Arrival], now: datetime) -> list[Expected]:
    """What the preparers make of a batch."""
    found = []
    for kinds, preparer in _PREPARERS.values():
        own = [arrival for arrival in arrivals if arrival.kind in kinds]
        expected = preparer(own, now) if own else None
        if expected:
            found.append(expected)
    return found
