"""How often each member did what: one pass over the events of the days, wherever these are read from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from activity.models import BuiltInKind
from analytics import kernels
from analytics.columns import Ints, Shard
from analytics.health.days import Days
from analytics.index.source import source_of
from analytics.kernels import Lens
from analytics.queries.base import EventSpec, Where, kinds_of, lens_of
from analytics.queries.periods import millis
from analytics.queries.running import run
from analytics.sources import Selection, SqlNames

INTERACTIONS = (
    BuiltInKind.MESSAGE,
    BuiltInKind.QUESTION,
    BuiltInKind.ANSWER,
    BuiltInKind.LIKE,
    BuiltInKind.CHECK_IN,
)


@dataclass(frozen=True)
class Deeds:
    """The members who did anything, in ascending order, and how often each did what: a column for each kind of
    INTERACTIONS."""

    members: Ints
    counts: Ints

    @property
    def totals(self) -> Ints:
        return np.asarray(self.counts.sum(axis=1), np.int64)

    def of(self, kind: BuiltInKind) -> Ints:
        return np.asarray(self.counts[:, INTERACTIONS.index(kind)], np.int64)

    def most(self, kind: BuiltInKind, number: int, *, among: Ints | None = None) -> list[tuple[int, int]]:
        """Those who did it most often, of these members only, and how often; of equals the lower number first."""
        members, counts = self.members, self.of(kind)
        did = counts > 0 if among is None else (counts > 0) & np.isin(members, among)
        members, counts = members[did], counts[did]
        order = np.lexsort((members, -counts))[:number]
        return list(zip(members[order].tolist(), counts[order].tolist(), strict=True))

    def rows(self, members: Sequence[int]) -> dict[int, Ints]:
        """The row of each of these members who is among them."""
        place = np.searchsorted(self.members, members)
        return {
            member: self.counts[row]
            for member, row in zip(members, place.tolist(), strict=True)
            if row < len(self.members) and self.members[row] == member
        }

    def together(self, members: Ints) -> int:
        """What these members (no one twice) did in all."""
        return int(self.totals[np.isin(self.members, members)].sum())


def histogram_of(counts: Ints) -> list[tuple[int, int]]:
    """(how much, how many did so much), the most first; those who did nothing are not in it."""
    amounts, numbers = np.unique(counts[counts > 0], return_counts=True)
    return list(zip(amounts[::-1].tolist(), numbers[::-1].tolist(), strict=True))


def deeds_of(selection: Selection, days: Days) -> Deeds:
    """What was done in groups within these days."""
    names, where = SqlNames(), Where({})
    specs = [EventSpec(kind, where) for kind in INTERACTIONS]
    since, until = millis(days.start), millis(days.end)
    numbers = [names.kind(kind) for kind in INTERACTIONS]
    columns = np.zeros(1 + max((number or 0 for number in numbers), default=0), np.int64)
    for column, number in enumerate(numbers):
        columns[number or 0] = column
    lens = lens_of(specs, where, names, since=since, until=until)
    shards = source_of(selection).shards(since=since, until=until, kinds=kinds_of(specs, names))
    found = run(shards, _Counting(lens, columns))
    members, counts = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(members)
    return Deeds(members[order], counts[order])


@dataclass(frozen=True, slots=True)
class _Counting:
    """Of one shard the members with anything in a group, and their counts; `columns` says which a kind belongs to."""

    lens: Lens
    columns: Ints

    def __call__(self, shard: Shard) -> tuple[Ints, Ints]:
        events, owners = kernels.matching(shard, self.lens)
        inside = shard.group[events] > 0
        events, owners = events[inside], owners[inside]
        size = len(shard.members) * len(INTERACTIONS)
        cells = owners * len(INTERACTIONS) + self.columns[shard.kind[events]]
        counts = np.bincount(cells, minlength=size).reshape(-1, len(INTERACTIONS))
        active = counts.any(axis=1)
        return shard.members[active], counts[active].astype(np.int64)
