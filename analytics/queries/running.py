"""Doing one piece of work for every shard: in threads of this process, or by the workers of a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import structlog
from django.conf import settings

from analytics import kernels
from analytics.columns import Columns, Ints, Shard
from analytics.kernels_events import Lens
from analytics.queries.base import EventSpec, Names, Source, Stored, Where, groups_of, kinds_of, lens_of

log = structlog.get_logger(__name__)
P = TypeVar("P")
T = TypeVar("T")
Work = Callable[[Shard], T]


def run(shards: Sequence[Stored], work: Work[T]) -> list[T]:
    """The result of `work` for each shard, in their order.

    Threads suffice here, since kernels let go of the interpreter. With DASK_SCHEDULER shards that lie on storage are
    worked on by its workers; when they cannot be reached, here.
    """
    if settings.DASK_SCHEDULER:
        from analytics.queries import cluster

        try:
            return cluster.run(settings.DASK_SCHEDULER, shards, work)
        except cluster.Unreachable:
            log.warning("no answer from the Dask cluster, counting here", scheduler=settings.DASK_SCHEDULER)
    return run_here(shards, work)


def run_here(shards: Sequence[Stored], work: Work[T]) -> list[T]:
    return in_threads(lambda shard: work(shard.open()), shards)


def in_threads(work: Callable[[P], T], pieces: Sequence[P]) -> list[T]:
    """The result of `work` for each piece, in their order."""
    threads = min(len(pieces), os.cpu_count() or 1) if len(pieces) > 1 else 1
    if threads < 2:
        return [work(piece) for piece in pieces]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, pieces))


def selected(shard: Shard, lens: Lens) -> Shard:
    """Only the events that the lens is about, all of which may be looked at, and who has any."""
    owners, *columns = kernels.matching(shard, lens)
    return Shard(shard.members[owners], *columns).sealed()


def joined(numbers: Sequence[Ints]) -> Ints:
    return np.concatenate(numbers) if numbers else np.zeros(0, np.int64)


def events_read(
    source: Source,
    names: Names,
    *,
    since: int | None,
    until: int,
    kinds: Sequence[str] | None,
    where: Where | None = None,
) -> Columns:
    """The events with since <= at < until of these kinds (None: of all) that meet `where`, for questions that no kernel
    answers. They are held in memory: ask for a short time or a rare kind."""
    nothing = Where({})
    specs = [EventSpec(None, nothing)] if kinds is None else [EventSpec(kind, nothing) for kind in kinds]
    lens = lens_of(specs, where or nothing, names, since=since, until=until)
    shards = source.shards(since=since, until=until, kinds=kinds_of(specs, names), groups=groups_of(lens))
    read = run(shards, _Reading(lens))
    member, at, kind, group, channel = (np.concatenate(columns) for columns in zip(*read, strict=True))
    return Columns.build(member, at, kind, group, channel)


@dataclass(frozen=True, slots=True)
class _Reading:
    lens: Lens

    def __call__(self, shard: Shard) -> tuple[Ints, ...]:
        only = selected(shard, self.lens)
        columns = (only.at, only.kind, only.group, only.channel)
        return (np.repeat(only.members, np.diff(only.offsets)), *(column.astype(np.int64) for column in columns))
