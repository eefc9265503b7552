"""How far a share can be trusted, and when two of them differ by more than chance.

Shares of people are not the toss of a coin for each: the members of one group who got one post read it together or not
at all. Counting each as a draw of its own makes ranges far too narrow. So the number of people is first divided by the
design effect (L. Kish, Survey Sampling, 1965): the variance between clusters over what independent draws would show.
The range is then E. B. Wilson's score interval (Journal of the American Statistical Association 22, 1927) over that
effective number (J. N. K. Rao, A. J. Scott, Biometrics 48, 1992).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from analytics.columns import Flags, Ints

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Between:
    """Where the true share lies, with the probability that was asked for; both ends from 0 to 1."""

    low: float
    high: float


def quantile(comparisons: int = 1) -> float:
    """The half width of a range in standard deviations. Looking at many at once, one would stand out by chance alone:
    the error is divided by their number (Bonferroni)."""
    return NormalDist().inv_cdf(1 - (1 - LEVEL) / 2 / max(1, comparisons))


def wilson(share: float, people: float, comparisons: int = 1) -> Between:
    """The score interval of a share of so many independent draws. Of none, anything is possible."""
    if people <= 0:
        return Between(0.0, 1.0)
    z = quantile(comparisons)
    part = z * z / people
    middle = (share + part / 2) / (1 + part)
    half = z / (1 + part) * sqrt(share * (1 - share) / people + part / people / 4)
    return Between(max(0.0, middle - half), min(1.0, middle + half))


def is_apart(part: int, whole: int, other_part: int, other_whole: int, comparisons: int = 1) -> bool:
    """Whether two shares differ beyond chance: the range of their difference leaves out zero (R. G. Newcombe's
    method 10, Statistics in Medicine 17, 1998)."""
    if not whole or not other_whole:
        return False
    one, other = part / whole, other_part / other_whole
    high, low = (one, other) if one > other else (other, one)
    upper, lower = wilson(one, whole, comparisons), wilson(other, other_whole, comparisons)
    if one < other:
        upper, lower = lower, upper
    return high - low > sqrt((high - upper.low) ** 2 + (lower.high - low) ** 2)


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares by cell: of `whole` people in so many `clusters`, `part` did it."""

    part: Ints
    whole: Ints
    clusters: Ints
    effect: float

    @classmethod
    def of(cls, cell: Ints, part: Ints, whole: Ints, cells: int) -> Shares:
        """From clusters (a post to a group, an hour of a day), each in one cell."""
        parts = np.bincount(cell, part, cells).astype(np.int64)
        wholes = np.bincount(cell, whole, cells).astype(np.int64)
        clusters = np.bincount(cell, minlength=cells).astype(np.int64)
        return cls(parts, wholes, clusters, _design_effect(cell, part, whole, parts, wholes, clusters))

    @property
    def overall(self) -> float:
        whole = int(self.whole.sum())
        return int(self.part.sum()) / whole if whole else 0.0

    def share(self, cell: int) -> float:
        return int(self.part[cell]) / int(self.whole[cell]) if self.whole[cell] else 0.0

    def people(self, cell: int) -> float:
        """How many independent draws the cell is worth."""
        return float(self.whole[cell]) / self.effect

    def enough(self, clusters: int, people: int, doing: int) -> Flags:
        """The cells that say something: of so many clusters and so many people (as independent draws) at least, of whom
        at the average so many would do it. Of one who did, no share can be read."""
        worth = self.whole / self.effect
        return (self.clusters >= clusters) & (worth >= people) & (worth * self.overall >= doing)

    def between(self, cell: int, comparisons: int = 1) -> Between:
        return wilson(self.share(cell), self.people(cell), comparisons)


def _design_effect(cell: Ints, part: Ints, whole: Ints, parts: Ints, wholes: Ints, clusters: Ints) -> float:
    """Pooled over all cells with two clusters or more, as that of a single cell jumps about; never below 1."""
    share = np.divide(parts, wholes, out=np.zeros(len(parts)), where=wholes > 0)
    spread = np.bincount(cell, (part - share[cell] * whole) ** 2, len(parts))
    usable = clusters > 1
    seen = spread[usable] * clusters[usable] / (clusters[usable] - 1)
    expected = share[usable] * (1 - share[usable]) * wholes[usable]
    return max(1.0, float(seen.sum() / expected.sum())) if expected.sum() > 0 else 1.0
