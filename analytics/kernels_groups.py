"""The loops of the reports about groups: each goes once over every member's events, sorted by time.

As in `kernels`: plain Python compiled by Numba, and whatever a loop calls stands in this file, because Numba compiles a
kernel anew only when its own file has changed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from analytics.columns import Flags, Ints, Shard

NOBODY = -1


class PostTable(NamedTuple):
    """Posts sorted by group and time: those of group g are the rows starts[g]:starts[g + 1]. Each stands in a cell."""

    starts: Ints
    at: Ints
    cell: Ints


class Reading(NamedTuple):
    """What makes a member one who read a post: an event of one of the kinds that `reads` marks, in the group of the
    post, since <= at < until, within `patience` of it and before the next. Where `orders` marks kinds, such an event
    has to follow within `wait`, in any group."""

    since: int
    until: int
    reads: Flags
    patience: int
    orders: Flags
    wait: int


@njit(cache=True, nogil=True)
def _begin(at: Ints, lo: int, hi: int, since: int) -> int:
    """The first of the events lo:hi that is not before `since`. Most members have none: look at the last one first."""
    if lo == hi or at[hi - 1] < since:
        return hi
    while lo < hi:
        middle = (lo + hi) // 2
        if at[middle] < since:
            lo = middle + 1
        else:
            hi = middle
    return lo


@njit(cache=True, nogil=True)
def post_readers(shard: Shard, posts: PostTable, reading: Reading, probe: int, flags: Flags) -> Ints:
    """How many members read each post. `flags` marks those who read one of the cell `probe`."""
    at, kind, group, offsets, skip = shard.at, shard.kind, shard.group, shard.offsets, shard.skip
    allow, own = shard.allow, shard.own
    starts, sent, cell = posts.starts, posts.at, posts.cell
    since, until, patience, wait = reading.since, reading.until, reading.patience, reading.wait
    reads, orders = reading.reads, reading.orders
    counts = np.zeros(len(sent), np.int64)
    told = np.full(len(sent), NOBODY, np.int64)
    for m in range(len(offsets) - 1):
        if len(skip) > 0 and skip[m]:
            continue
        hi = offsets[m + 1]
        first = _begin(at, offsets[m], hi, since)
        order = first
        for i in range(first, hi):
            if at[i] >= until:
                break
            if kind[i] >= len(reads) or not reads[kind[i]] or group[i] + 1 >= len(starts):
                continue
            lo, p = starts[group[i]], starts[group[i] + 1]
            while lo < p:
                middle = (lo + p) // 2
                if sent[middle] <= at[i]:
                    lo = middle + 1
                else:
                    p = middle
            p -= 1
            if p < starts[group[i]] or at[i] - sent[p] > patience or (told[p] == m and len(orders) == 0):
                continue
            if len(orders) > 0:
                # Of one instant either may have come first: orders are looked for from the same instant on.
                while order < hi:
                    if at[order] >= at[i] and kind[order] < len(orders) and orders[kind[order]]:
                        if len(allow) == 0 or (group[order] == 0 and len(own) > 0 and own[m]):
                            break
                        if (group[order] > 0 or len(own) == 0) and group[order] < len(allow) and allow[group[order]]:
                            break
                    order += 1
                if order == hi or at[order] >= until:
                    break
                if at[order] - at[i] > wait:
                    continue
            if told[p] != m:
                told[p] = m
                counts[p] += 1
            if cell[p] == probe:
                flags[m] = True
    return counts
