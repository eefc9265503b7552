"""Doing one piece of work for every shard: in threads of this process, or by the workers of a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from analytics.columns import Ints, Shard
from analytics.queries.base import Stored

T = TypeVar("T")
Work = Callable[[Shard], T]


def run(shards: Sequence[Stored], work: Work[T]) -> list[T]:
    """The result of `work` for each shard, in their order. Kernels let go of the interpreter, so threads suffice."""
    threads = min(len(shards), os.cpu_count() or 1)
    if threads < 2:
        return [work(shard.open()) for shard in shards]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda shard: work(shard.open()), shards))


def joined(numbers: Sequence[Ints]) -> Ints:
    return np.concatenate(numbers) if numbers else np.zeros(0, np.int64)
