"""How often each member did what: one pass over the events of the days, wherever these are read from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accounts.models import User
from activity.models import BuiltInKind
from analytics import kernels_ledger as kernels
from analytics.columns import Codes, Ints, Numbers, inside
from analytics.health.days import Days
from analytics.index.whole import whole_index
from analytics.queries.base import Names
from analytics.queries.periods import millis
from analytics.queries.running import run_here
from analytics.sources import Selection, SqlNames, SqlSource

# What is also counted by itself, and all that counts.
APART = (BuiltInKind.MESSAGE, BuiltInKind.ANSWER, BuiltInKind.CHECK_IN)
INTERACTIONS = (*APART, BuiltInKind.QUESTION, BuiltInKind.LIKE)


@dataclass(frozen=True)
class Deeds:
    """How often each did what: by number of the member a column for each kind of APART, and one for all INTERACTIONS
    together."""

    counts: Codes

    @property
    def totals(self) -> Codes:
        column: Codes = self.counts[:, -1]
        return column

    def of(self, kind: BuiltInKind) -> Codes:
        column: Codes = self.counts[:, APART.index(kind)]
        return column

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
    since, until, adds = millis(days.start), millis(days.end), _adds(SqlNames())
    kinds = np.flatnonzero(adds).tolist()
    stored = whole_index(since=since, until=until, kinds=kinds, groups=groups)
    if not stored:
        source = SqlSource(Selection(User(), group_ids=None if groups is None else frozenset(groups.tolist())))
        stored = source.shards(since=since, until=until, kinds=kinds)
    shards = [shard.open() for shard in stored]
    size = 1 + max((int(shard.members.max(initial=0)) for shard in shards), default=0)
    counts, among = np.zeros((size, len(APART) + 1), np.int32), inside(groups)
    # No member is in two shards, so threads write into one array.
    run_here(shards, lambda shard: kernels.deeds(shard, adds, since, until, among, counts))
    return Deeds(counts)


def _adds(names: Names) -> Ints:
    """By number of the kind what one event adds, as kernels_ledger.deeds takes it; the last adds nothing."""
    numbers = {kind: number for kind in INTERACTIONS if (number := names.kind(kind))}
    adds = np.zeros(2 + max(numbers.values(), default=0), np.int64)
    for kind, number in numbers.items():
        adds[number] = 1 << kernels.DIGITS * len(APART)
        if kind in APART:
            adds[number] += 1 << kernels.DIGITS * APART.index(kind)
    return adds
