"""Numbers that add up over members, or that each member has, with those of a part of an index counted once and kept.

A part never changes: who did something since is skipped in it, and looked at elsewhere. So what a question counts in a
whole part, without skipping anybody, stays what it is, and an answer is that, less what the skipped members have in it,
plus what everybody else's events say. This is exact, whatever comes in: only the members with news are looked at again.
"""

from __future__ import annotations

import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, TypeGuard

import numpy as np

from analytics.columns import Ints, Numbers
from analytics.queries.base import Lasting, Stored
from analytics.queries.running import Work, run

# Bytes of counts that a process keeps at most: hundreds of charts, or some ten tables of all groups by day.
MOST_KEPT = 64 * 2**20
# With more of its members skipped than this share, counting the others costs no more than counting the skipped ones.
MOST_SKIPPED = 0.2


def run_adding(shards: Sequence[Stored], work: Work[Any]) -> list[Any]:
    """As `run`, for work that counts: arrays, or tuples of them, which add up to the answer. There is at least one."""
    lasting, others = _parted(shards)
    if not lasting:
        return run(shards, work)
    whole = _of_whole_parts(lasting, work, _sum)
    news = [shard.skipping(~shard.skip) for shard in lasting if shard.skip.any()]
    # Together, so that all threads have something to do.
    counted = run([*news, *others], work)
    return [whole, *(_negative(one) for one in counted[: len(news)]), *counted[len(news) :]]


def run_by_member(shards: Sequence[Stored], work: Work[tuple[Ints, Ints]]) -> Numbers:
    """What `work` says of each member, in a table by their number: it gives members, and of each a number above 0. The
    table ends with the last of whom something is said and has 0 where nothing is. What is said of a whole part is kept
    as well, and those skipped in it are looked up elsewhere."""
    lasting, others = _parted(shards)
    told = run(others, work)
    if not lasting:
        return _table(told)
    kept: Numbers = _of_whole_parts(lasting, work, _table)
    skipped = [shard.open().members[shard.skip] for shard in lasting if shard.skip.any()]
    if not skipped and not any(len(members) for members, _said in told):
        return kept
    whole = np.flatnonzero(kept)
    return _table([(whole, kept[whole]), *((members, np.zeros_like(members)) for members in skipped), *told])


def _table(told: Sequence[tuple[Ints, Ints]]) -> Numbers:
    """In as narrow numbers as there are; of what is said twice of a member the last counts."""
    largest = max((int(said.max(initial=0)) for _members, said in told), default=0)
    size = max((1 + int(members.max(initial=-1)) for members, _said in told), default=0)
    table = np.zeros(size, np.min_scalar_type(largest))
    for members, said in told:
        table[members] = said
    return table


def _parted(shards: Sequence[Stored]) -> tuple[list[Lasting], list[Stored]]:
    """Those of which counts are kept, and the others."""
    lasting: list[Lasting] = []
    others: list[Stored] = []
    for shard in shards:
        if _lasts(shard) and shard.skip.mean() <= MOST_SKIPPED:
            lasting.append(shard)
        else:
            others.append(shard)
    return lasting, others


def _of_whole_parts(lasting: Sequence[Lasting], work: Work[Any], together: Callable[[Sequence[Any]], Any]) -> Any:
    """What `work` gives for these parts with nobody skipped, put together; kept from the first time on."""
    key = _key(lasting, work)
    whole = _kept.get(key)
    if whole is None:
        whole = together(run([shard.skipping(np.zeros_like(shard.skip)) for shard in lasting], work))
        for array in _arrays(whole):
            array.setflags(write=False)
        _kept.put(key, whole)
    return whole


def _lasts(shard: Stored) -> TypeGuard[Lasting]:
    return bool(getattr(shard, "lasts", False))


def _key(shards: Sequence[Lasting], work: Work[Any]) -> bytes:
    """Of everything that the counts depend on: the question, the files, and what may be looked at in them."""
    digest = blake2b(pickle.dumps(work))
    for shard in shards:
        digest.update(repr((str(shard.folder), len(shard.own), len(shard.allow))).encode())
        digest.update(np.packbits(shard.own).tobytes())
        digest.update(np.packbits(shard.allow).tobytes())
    return digest.digest()


def _arrays(counts: Any) -> tuple[Any, ...]:
    return counts if isinstance(counts, tuple) else (counts,)


def _sum(counted: Sequence[Any]) -> Any:
    added = tuple(sum(arrays[1:], arrays[0]) for arrays in zip(*map(_arrays, counted), strict=True))
    return added if isinstance(counted[0], tuple) else added[0]


def _negative(counts: Any) -> Any:
    return tuple(-array for array in counts) if isinstance(counts, tuple) else -counts


class _Kept:
    """The counts asked for last, up to MOST_KEPT bytes."""

    def __init__(self) -> None:
        self._counts: OrderedDict[bytes, Any] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: bytes) -> Any:
        with self._lock:
            if key in self._counts:
                self._counts.move_to_end(key)
            return self._counts.get(key)

    def put(self, key: bytes, counts: Any) -> None:
        with self._lock:
            if key in self._counts:
                return
            self._counts[key] = counts
            self._size += _size(counts)
            while self._size > MOST_KEPT:
                self._size -= _size(self._counts.popitem(last=False)[1])

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()
            self._size = 0


def _size(counts: Any) -> int:
    return sum(array.nbytes for array in _arrays(counts))


_kept = _Kept()


def forget_counts() -> None:
    """For measurements and tests."""
    _kept.clear()
