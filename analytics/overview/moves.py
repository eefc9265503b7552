"""What moved: the groups and channels that make up most of a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

ENOUGH = 0.8  # of all that rose and fell
MOST = 8

# Numbers of groups and channels, or codes: an order among equals is needed.
K = TypeVar("K", int, str)


@dataclass(frozen=True)
class Part(Generic[K]):
    """One group or channel: its value now and before."""

    key: K
    now: int
    before: int

    @property
    def change(self) -> int:
        return self.now - self.before


@dataclass(frozen=True)
class Explained(Generic[K]):
    """The parts with the largest changes, whichever way, and their `share` of all that rose and fell, in percent."""

    parts: list[Part[K]]
    share: float
    left_out: int


def explained(pairs: Mapping[K, tuple[int, int]]) -> Explained[K]:
    """As many parts as it takes for ENOUGH of all change, at most MOST. Rises and falls are not set off against each
    other: two groups that changed places are both worth a look."""
    moved = [part for key, (now, before) in pairs.items() if (part := Part(key, now, before)).change]
    moved.sort(key=lambda part: (-abs(part.change), part.key))
    whole = sum(abs(part.change) for part in moved)
    covered, shown = 0, 0
    while shown < min(MOST, len(moved)) and covered < ENOUGH * whole:
        covered += abs(moved[shown].change)
        shown += 1
    return Explained(moved[:shown], round(100 * covered / whole, 1) if whole else 0.0, len(moved) - shown)
