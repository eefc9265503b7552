"""How often each member did what: one pass over the events of the days, wherever these are read from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accounts.models import User
from activity.models import BuiltInKind
from analytics import kernels_ledger as kernels
from analytics.columns import Codes, Ints, Numbers, allowed
from analytics.health.days import Days
from analytics.index.source import FEW_GROUPS
from analytics.index.whole import whole_index
from analytics.queries.base import Stored
from analytics.queries.periods import millis
from analytics.queries.running import run_here
from analytics.sources import Selection, SqlNames, SqlSource

INTERACTIONS = (
    BuiltInKind.MESSAGE,
    BuiltInKind.QUESTION,
    BuiltInKind.ANSWER,
    BuiltInKind.LIKE,
    BuiltInKind.CHECK_IN,
)


@dataclass(frozen=True)
class Deeds:
    """How often each did what: a row for each kind of INTERACTIONS and one for all together, a column for each number
    of a member."""

    counts: Codes

    @property
    def totals(self) -> Codes:
        row: Codes = self.counts[-1]
        return row

    def of(self, kind: BuiltInKind) -> Codes:
        row: Codes = self.counts[INTERACTIONS.index(kind)]
        return row

    def together(self, members: Ints) -> int:
        """What these members (no one twice) did in all."""
        return int(self.totals[members[members < len(self.totals)]].sum())


def most_of(counts: Numbers, number: int, *, among: Ints | None = None) -> list[tuple[int, int]]:
    """Of counts by number of the member those with most, of these members only, and how much; of equals the lower
    number first."""
    members = np.flatnonzero(counts > 0)
    if among is not None:
        members = members[np.isin(members, among)]
    values = counts[members]
    if len(members) > number:
        least = np.partition(values, -number)[-number]
        members, values = members[values >= least], values[values >= least]
    order = np.lexsort((members, -values))[:number]
    return list(zip(members[order].tolist(), values[order].tolist(), strict=True))


def histogram_of(counts: Numbers) -> list[tuple[int, int]]:
    """(how much, how many did so much), the most first; those who did nothing are not in it."""
    numbers = np.bincount(counts)
    amounts = np.flatnonzero(numbers)[::-1]
    return [(n, number) for n, number in zip(amounts.tolist(), numbers[amounts].tolist(), strict=True) if n]


def deeds_of(groups: Ints | None, days: Days) -> Deeds:
    """What was done within these days in these groups, or in any."""
    names = SqlNames()
    since, until = millis(days.start), millis(days.end)
    numbers = {number: place for place, kind in enumerate(INTERACTIONS) if (number := names.kind(kind))}
    rows = np.full(1 + max(numbers, default=0), -1, np.int64)
    rows[list(numbers)] = list(numbers.values())
    stored: Sequence[Stored] = []
    if groups is None or len(groups) > FEW_GROUPS:
        stored = whole_index(since=since, until=until, kinds=numbers.keys())
    if not stored:
        source = SqlSource(Selection(User(), group_ids=None if groups is None else frozenset(groups.tolist())))
        stored = source.shards(since=since, until=until, kinds=numbers.keys())
    shards = [shard.open() for shard in stored]
    size = 1 + max((int(shard.members.max(initial=0)) for shard in shards), default=0)
    counts = np.zeros((len(INTERACTIONS) + 1, size), np.int32)
    allow = allowed(groups)
    # No member is in two shards, so threads write into one array.
    run_here(shards, lambda shard: kernels.deeds(shard, rows, since, until, allow, counts))
    return Deeds(counts)
