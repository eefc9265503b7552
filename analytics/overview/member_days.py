"""On how many days members did anything, by group and by channel: what a change in active members is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from activity.models import BuiltInKind
from analytics import kernels_periods
from analytics.columns import Codes, Ints, Shard, allowed
from analytics.kernels_events import Lens
from analytics.overview.crowd import ByChannel, Pairs
from analytics.overview.scope import Scope
from analytics.queries.adding import run_adding
from analytics.queries.base import EventSpec, Where, lens_of, split_by
from analytics.sources import numbers_of


def member_days(scope: Scope) -> tuple[Pairs, ByChannel]:
    """By group, over closed groups too, as the figures of groups count who was active; and by the channel through which
    it was done. Both in one pass over the events."""
    both, names, nothing = scope.both, scope.names, Where({})
    split, labels = split_by("channel", names)
    groups = allowed(numbers_of(scope.groups.order_by().values_list("pk")))
    since, until = int(both.edges[0]), int(both.edges[-1])
    work = _Counting(
        lens=lens_of([EventSpec(None, nothing)], nothing, names, since=since, until=until),
        edges=both.edges,
        later=len(scope.before),
        codes=split.codes,
        rows=split.size,
        groups=len(groups),
        left=names.kind(BuiltInKind.LEFT) or 0,
    )
    found = run_adding(scope.source.shards(since=since, until=until, kinds=None), work)
    by_channel, by_group = (np.sum(parts, axis=0) for parts in zip(*found, strict=True))
    of_channels = zip(labels, *by_channel.T.tolist(), strict=True)
    # The kernel puts the days before first.
    pairs = np.where(groups[:, np.newaxis], by_group[:, ::-1], 0)
    return pairs, {channel: (now, before) for channel, before, now in of_channels}


@dataclass(frozen=True, slots=True)
class _Counting:
    lens: Lens
    edges: Ints
    later: int
    codes: Codes
    rows: int
    groups: int
    left: int

    def __call__(self, shard: Shard) -> tuple[Ints, Ints]:
        return kernels_periods.member_days(
            shard, self.lens, self.edges, self.later, self.codes, self.rows, self.groups, self.left
        )
