"""Loops that answer several questions about periods in one pass over the members' events.

A page asks for a range by days and as a whole, and for the same of the range before. To come by each member's latest
events takes longer than what is then done with them.

Sets of periods come as one array of edges, set after set: those of set s are `edges[first[s]:first[s + 1]]`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from analytics.columns import Codes, Ints, Shard
from analytics.kernels_events import Lens, gather, is_bare, looked_at, room_for, undivided

Reals = npt.NDArray[np.float64]
NEW, RETURNING, RESURRECTING, DORMANT = 0, 1, 2, 3
NOWHERE = -3


class Sets(NamedTuple):
    """Sets of periods; an event counts for set s when `since[s] <= at < until[s]`."""

    edges: Ints
    first: Ints
    since: Ints
    until: Ints


@njit(cache=True, nogil=True)
def _paces(sets: Sets) -> tuple[int, Reals]:
    """The most periods of a set, and for each how many of its periods are in a millisecond: they are nearly of
    one length, so the first guess of a period is rarely off by more than one."""
    edges, first = sets.edges, sets.first
    most = 0
    pace = np.empty(len(first) - 1, np.float64)
    for s in range(len(first) - 1):
        size = first[s + 1] - first[s] - 1
        most = max(most, size)
        pace[s] = size / (edges[first[s + 1] - 1] - edges[first[s]])
    return most, pace


@njit(cache=True, nogil=True)
def _first(shard: Shard, lens: Lens, m: int) -> int:
    """The instant of the first event of a member that counts; the lens' `until` where there is none before."""
    lo, hi = shard.offsets[m], shard.offsets[m + 1]
    for i in range(lo, hi):
        if shard.at[i] >= lens.until:
            break
        kind, channel, group = shard.kind[i], shard.channel[i], shard.group[i]
        what = lens.kinds[kind] if kind < len(lens.kinds) else lens.other
        if len(lens.channels) > 0:
            what &= lens.channels[channel if channel < len(lens.channels) else 0]
        if len(lens.groups) > 0:
            what &= lens.groups[group if group < len(lens.groups) else 0]
        if len(shard.allow) > 0:
            if group == 0 and len(shard.own) > 0:
                what = what if shard.own[m] else 0
            else:
                what = what if group < len(shard.allow) and shard.allow[group] else 0
        if what != 0:
            return int(shard.at[i])
    return int(lens.until)


@njit(cache=True, nogil=True)
def habits(shard: Shard, lens: Lens, sets: Sets) -> tuple[Ints, Ints, Ints]:
    """Of each set: members by period, events by period, and members by the number of periods in which they did it."""
    edges, first, since, until = sets.edges, sets.first, sets.since, sets.until
    number = len(first) - 1
    most, pace = _paces(sets)
    members = np.zeros((number, most), np.int64)
    events = np.zeros((number, most), np.int64)
    often = np.zeros((number, most + 1), np.int64)
    split, kept, block = undivided(), looked_at(shard), room_for(shard, lens)
    starts, at = block.starts, block.at
    end = 0
    while end < len(kept):
        begin = end
        end = gather(shard, lens, split, kept, begin, block)
        for r in range(begin, end):
            lo, hi = starts[r - begin], starts[r - begin + 1]
            if lo == hi:
                continue
            for s in range(number):
                p, size, floor, base, n = -1, first[s + 1] - first[s] - 1, until[s], first[s], 0
                for i in range(hi - 1, lo - 1, -1):
                    t = at[i]
                    if t < floor:
                        if t < since[s]:
                            break
                        p = min(max(int((t - edges[base]) * pace[s]), 0), size - 1)
                        while p < size - 1 and t >= edges[base + p + 1]:
                            p += 1
                        while t < edges[base + p]:
                            p -= 1
                        floor = max(edges[base + p], since[s])
                        members[s, p] += 1
                        n += 1
                    if p >= 0:
                        events[s, p] += 1
                often[s, n] += 1
    return members, events, often


@njit(cache=True, nogil=True)
def lifecycles(shard: Shard, lens: Lens, sets: Sets) -> Ints:
    """Of each set, members by state (new, returning, resurrecting, dormant) and period, all as positive numbers.

    Each set begins with one period before its range, which decides who returned. `lens.since` is the beginning of the
    earliest set: of what was before only the first event is looked for, where it decides who is new.
    """
    edges, first = sets.edges, sets.first
    number = len(first) - 1
    most, pace = _paces(sets)
    counts = np.zeros((number, 4, most - 1), np.int64)
    offsets, times, bare = shard.offsets, shard.at, is_bare(shard, lens)
    split, kept, block = undivided(), looked_at(shard), room_for(shard, lens)
    starts, at = block.starts, block.at
    end = 0
    while end < len(kept):
        begin = end
        end = gather(shard, lens, split, kept, begin, block)
        for r in range(begin, end):
            m, lo, hi = kept[r], starts[r - begin], starts[r - begin + 1]
            if lo == hi:
                continue
            # No event is later than this, so it stands for "not looked for yet".
            begun = lens.until
            for s in range(number):
                base, size, last = first[s], first[s + 1] - first[s] - 2, NOWHERE
                for i in range(lo, hi):
                    t = at[i]
                    if t < edges[base]:
                        continue
                    if t >= edges[base + size + 1]:
                        break
                    p = min(max(int((t - edges[base]) * pace[s]), 0), size)
                    while t >= edges[base + p + 1]:
                        p += 1
                    while t < edges[base + p]:
                        p -= 1
                    p -= 1
                    if p == last:
                        continue
                    if -1 <= last < p - 1:
                        counts[s, DORMANT, last + 1] += 1
                    if p >= 0:
                        if last == p - 1:
                            counts[s, RETURNING, p] += 1
                        elif last != NOWHERE:
                            counts[s, RESURRECTING, p] += 1
                        else:
                            if begun == lens.until:
                                begun = times[offsets[m]] if bare else _first(shard, lens, m)
                            counts[s, NEW if begun >= edges[base] else RESURRECTING, p] += 1
                    last = p
                if -1 <= last < size - 1:
                    counts[s, DORMANT, last + 1] += 1
    return counts


@njit(cache=True, nogil=True)
def member_days(
    shard: Shard, lens: Lens, edges: Ints, later: int, codes: Codes, rows: int, groups: int, left: int
) -> tuple[Ints, Ints]:
    """On how many days how many members did anything, in the days from number `later` on and in those before: by the
    row that `codes` gives to a channel, and by group, where what is of kind `left` does not count."""
    by_channel = np.zeros((rows, 2), np.int64)
    by_group = np.zeros((groups, 2), np.int64)
    # Which day of which member was counted last.
    of_channel = np.full(rows, -1, np.int64)
    of_group = np.full(groups, -1, np.int64)
    days = len(edges) - 1
    pace = days / (edges[-1] - edges[0])
    kind, channel, group = shard.kind, shard.channel, shard.group
    split, kept, block = undivided(), looked_at(shard), room_for(shard, lens)
    starts, place, at = block.starts, block.place, block.at
    end = 0
    while end < len(kept):
        begin = end
        end = gather(shard, lens, split, kept, begin, block)
        for r in range(begin, end):
            m, p, floor = kept[r], days, edges[days]
            for i in range(starts[r - begin + 1] - 1, starts[r - begin] - 1, -1):
                t = at[i]
                if t < floor:
                    p = min(max(int((t - edges[0]) * pace), 0), days - 1)
                    while t >= edges[p + 1]:
                        p += 1
                    while t < edges[p]:
                        p -= 1
                    floor = edges[p]
                half, stamp, e = int(p >= later), m * days + p, place[i]
                row = codes[channel[e]] if channel[e] < len(codes) else 0
                if of_channel[row] != stamp:
                    of_channel[row] = stamp
                    by_channel[row, half] += 1
                g = group[e]
                if 0 < g < groups and kind[e] != left and of_group[g] != stamp:
                    of_group[g] = stamp
                    by_group[g, half] += 1
    return by_channel, by_group
