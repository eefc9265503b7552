"""The workers of a Dask cluster count the shards of the index, each one opening them from the storage they share.

A worker needs this code and its packages, the same DATA_DIR at the same path, and nothing else: no database, no broker.
Dask gives the shards of a worker that is lost to the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from analytics.columns import Shard
from analytics.queries.base import Stored

T = TypeVar("T")
CONNECT_SECONDS = 3
# The longest that a report waits for the cluster, and how often a shard may be given to another worker.
ANSWER_SECONDS = 60
TRIES = 3

_lock = threading.Lock()
_clients: dict[str, Any] = {}


class Unreachable(Exception):
    """No scheduler, no worker, or no answer in time."""


def run(address: str, shards: Sequence[Stored], work: Callable[[Shard], T]) -> list[T]:
    """The result of `work` for each shard, in their order. Shards in memory are worked on here. Raises Unreachable, and
    whatever `work` raises."""
    from distributed import CancelledError, KilledWorker

    away = [shard for shard in shards if not isinstance(shard, Shard)]
    client = _client(address)
    try:
        if not client.scheduler_info()["workers"]:
            raise Unreachable
        futures = [client.submit(_work, shard, work, pure=False, retries=TRIES) for shard in away]
        own = iter([work(shard) for shard in shards if isinstance(shard, Shard)])
        until = time.monotonic() + ANSWER_SECONDS
        done = iter([future.result(timeout=max(0.1, until - time.monotonic())) for future in futures])
    except (TimeoutError, OSError, CancelledError, KilledWorker) as error:
        _forget(address)
        raise Unreachable from error
    return [next(own) if isinstance(shard, Shard) else next(done) for shard in shards]


def _work(shard: Stored, work: Callable[[Shard], T]) -> T:
    return work(shard.open())


def _client(address: str) -> Any:
    """One connection for the whole process."""
    from distributed import Client

    with _lock:
        if address not in _clients or _clients[address].status != "running":
            try:
                _clients[address] = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
            except (TimeoutError, OSError) as error:
                raise Unreachable from error
        return _clients[address]


def _forget(address: str) -> None:
    with _lock:
        if client := _clients.pop(address, None):
            client.close(timeout=1)
