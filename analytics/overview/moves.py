"""What moved: the groups and channels that make up most of a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from analytics.columns import Ints

ENOUGH = 0.8  # of all that rose and fell
MOST = 8

# Numbers of groups and channels, or codes.
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
    """As many parts as it takes for ENOUGH of all change, at most MOST; of equal ones those that come first in order.
    Rises and falls are not set off against each other: two groups that changed places are both worth a look."""
    keys = sorted(pairs)
    found = explained_by_number(np.array([pairs[key] for key in keys], np.int64).reshape(-1, 2))
    parts = [Part(keys[part.key], part.now, part.before) for part in found.parts]
    return Explained(parts, found.share, found.left_out)


def explained_by_number(pairs: Ints) -> Explained[int]:
    """The same of rows of value now and value before, each known by its number."""
    size = np.abs(pairs[:, 0] - pairs[:, 1])
    moved, whole = int(np.count_nonzero(size)), int(size.sum())
    covered = 0
    parts: list[Part[int]] = []
    for key in np.argsort(-size, kind="stable")[: min(MOST, moved)].tolist():
        if covered >= ENOUGH * whole:
            break
        covered += int(size[key])
        parts.append(Part(key, *pairs[key].tolist()))
    return Explained(parts, round(100 * covered / whole, 1) if whole else 0.0, moved - len(parts))
