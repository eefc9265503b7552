"""Several questions about activity answered in one pass over the events, where that is the same pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from analytics import kernels_periods
from analytics.columns import Ints, Shard
from analytics.kernels_events import Lens
from analytics.kernels_periods import Sets
from analytics.queries.activity import ActivityQuery, ActivityResult, Figures, Metric
from analytics.queries.adding import run_adding
from analytics.queries.base import Names, Source, groups_of, kinds_of, lens_of


def computed(queries: Sequence[ActivityQuery], source: Source, names: Names, *, now: datetime) -> list[ActivityResult]:
    """What each of these says by itself. They ask about the same events, of ranges of their own."""
    plain = [query for query in queries if _is_plain(query)]
    lives = [query for query in queries if query.metric is Metric.LIFECYCLE]
    found: dict[int, Figures] = {}
    if plain:
        places, counted = _habits(plain, source, names)
        members, events, often = (np.sum(parts, axis=0) for parts in zip(*counted, strict=True))
        for query, place in zip(plain, places, strict=True):
            size = len(query.periods)
            columns = members[place, :size], events[place, :size], often[place, 1 : size + 1]
            found[id(query)] = _figures(query, *columns)
    if lives:
        for query, counts in zip(lives, np.sum(_lifecycles(lives, source, names), axis=0), strict=True):
            found[id(query)] = _states(counts[:, : len(query.periods)])
    return [
        ActivityResult(query, now, found[id(query)]) if id(query) in found else query.compute(source, names, now=now)
        for query in queries
    ]


def _is_plain(query: ActivityQuery) -> bool:
    if query.metric is Metric.UNIQUE and query.cumulative:
        return False
    return not query.by and query.metric in (Metric.UNIQUE, Metric.TOTAL, Metric.STICKINESS)


def _figures(query: ActivityQuery, members: Ints, events: Ints, often: Ints) -> Figures:
    if query.metric is Metric.STICKINESS:
        data = np.cumsum(often[::-1])[::-1] if query.cumulative else often
        return {"data": data.tolist(), "members": int(often.sum())}
    if query.metric is Metric.TOTAL:
        data = np.cumsum(events) if query.cumulative else events
        return {"data": data.tolist(), "sum": int(events.sum())}
    return {"data": members.tolist(), "overall": int(often.sum())}


def _states(counts: Ints) -> Figures:
    new, returning, resurrecting, dormant = counts.tolist()
    return {
        "new": new,
        "returning": returning,
        "resurrecting": resurrecting,
        "dormant": [-count for count in dormant],
    }


def _habits(queries: Sequence[ActivityQuery], source: Source, names: Names) -> tuple[list[int], list[Any]]:
    """Which set of periods belongs to each query, and what the kernel says of each shard."""
    asked: dict[tuple[bytes, int, int], Ints] = {}
    keys = []
    for query in queries:
        key = (query.periods.edges.tobytes(), query.range.start, query.range.end)
        keys.append(key)
        asked.setdefault(key, query.periods.edges)
    since = np.array([start for _edges, start, _end in asked], np.int64)
    until = np.array([end for _edges, _start, end in asked], np.int64)
    sets = _sets(list(asked.values()), since, until)
    event, where = queries[0].event, queries[0].filter
    first, last = int(since.min()), int(until.max())
    lens = lens_of([event], where, names, since=first, until=last)
    shards = source.shards(since=first, until=last, kinds=kinds_of([event], names), groups=groups_of(lens))
    order = list(asked)
    return [order.index(key) for key in keys], run_adding(shards, _Counting(lens, sets))


def _lifecycles(queries: Sequence[ActivityQuery], source: Source, names: Names) -> list[Ints]:
    every = [query.periods.edges for query in queries]
    since, until = (np.array([edges[end] for edges in every], np.int64) for end in (0, -1))
    event, where = queries[0].event, queries[0].filter
    lens = lens_of([event], where, names, since=int(since.min()), until=int(until.max()))
    shards = source.shards(since=None, until=lens.until, kinds=kinds_of([event], names), groups=groups_of(lens))
    return run_adding(shards, _Lifecycles(lens, _sets(every, since, until)))


def _sets(every: Sequence[Ints], since: Ints, until: Ints) -> Sets:
    first = np.cumsum([0, *map(len, every)]).astype(np.int64)
    return Sets(np.concatenate(every), first, since, until)


@dataclass(frozen=True, slots=True)
class _Counting:
    lens: Lens
    sets: Sets

    def __call__(self, shard: Shard) -> tuple[Ints, Ints, Ints]:
        return kernels_periods.habits(shard, self.lens, self.sets)


@dataclass(frozen=True, slots=True)
class _Lifecycles:
    lens: Lens
    sets: Sets

    def __call__(self, shard: Shard) -> Ints:
        return kernels_periods.lifecycles(shard, self.lens, self.sets)
