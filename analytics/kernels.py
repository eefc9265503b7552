"""The loops of the reports: each goes once over every member's events, sorted by time.

They are plain Python, compiled by Numba. Strings never get here: a `Lens` turns "is this event step k" into bits, by
tables over the numbers of kinds, channels and groups. What a kernel needs of a member's events is put into small arrays
that stay in the processor's cache (`kernels_events.gather`); nothing of the size of the events is written. Numba keeps
the compiled code in the folder that `NUMBA_CACHE_DIR` names (see `community_ops.lib.compiled`).

A `probe` asks which members stand behind one number: it fills `flags`, one entry for each member.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from analytics.columns import Codes, Flags, Ints, Numbers, Shard
from analytics.kernels_events import Lens, Split, gather, looked_at, room_for, undivided
from analytics.kernels_words import NONE, ONE, WORD, many

NEW, RETURNING, RESURRECTING, DORMANT = 1, 2, 3, 4


@njit(cache=True, nogil=True)
def pace_of(edges: Ints) -> float:
    """Periods in a millisecond: calendar periods are nearly of one length, so the first guess is rarely off by more
    than one."""
    pace: float = (len(edges) - 1) / (edges[-1] - edges[0])
    return pace


@njit(cache=True, nogil=True)
def period_of(at: int, edges: Ints, pace: float) -> int:
    """Which period an instant lies in: -1 before the first, their number after the last."""
    last = len(edges) - 1
    p = int((at - edges[0]) * pace)
    p = min(max(p, -1), last)
    while p < last and at >= edges[p + 1]:
        p += 1
    while p >= 0 and at < edges[p]:
        p -= 1
    return p


@njit(cache=True, nogil=True)
def retention(
    shard: Shard, lens: Lens, edges: Ints, first_time: bool, or_after: bool, least: int, probe: int, probe_after: int,
    flags: Flags,
) -> Ints:  # fmt: skip
    """Cohort sizes and returns as a square matrix; cells beyond the triangle stay 0.

    Bits of the lens: 0 starts, 1 returns. `edges` are those of the intervals. Cell (i, 0) is the size of cohort i, cell
    (i, k) those of it with at least `least` return events in one interval: i+k, or any from there on with `or_after`.
    The probe is cell (probe, probe_after).
    """
    intervals = len(edges) - 1
    pace = pace_of(edges)
    matrix = np.zeros((intervals, intervals), np.int64)
    # By interval, one bit for each of 64 members: who started in it, and who came back often enough.
    started = np.empty(intervals, np.uint64)
    came_back = np.empty(intervals, np.uint64)
    times = np.empty(intervals, np.int64)
    split, kept, block = undivided(), looked_at(shard), room_for(shard, lens)
    starts, at, bits = block.starts, block.at, block.bits
    end = 0
    while end < len(kept):
        begin = end
        end = gather(shard, lens, split, kept, begin, block)
        for first in range(begin, end, WORD):
            last = min(first + WORD, end)
            started[:] = NONE
            came_back[:] = NONE
            begun = NONE
            for r in range(first, last):
                number = np.uint64(r - first)
                if least > 1:
                    times[:] = 0
                for i in range(starts[r - begin], starts[r - begin + 1]):
                    p = period_of(at[i], edges, pace)
                    if p >= intervals:
                        break
                    starts_now = np.uint64(bits[i] & 1) << number
                    if first_time:
                        starts_now &= ~begun
                    begun |= starts_now
                    if p < 0:
                        continue
                    started[p] |= starts_now
                    returns = bits[i] >> 1 & 1
                    if least > 1:
                        times[p] += returns
                        returns = np.int64(times[p] >= least)
                    came_back[p] |= np.uint64(returns) << number
            if or_after:
                for p in range(intervals - 2, -1, -1):
                    came_back[p] |= came_back[p + 1]
            for p in range(intervals):
                if started[p] == NONE:
                    continue
                matrix[p, 0] += many(started[p])
                for k in range(1, intervals - p):
                    matrix[p, k] += many(started[p] & came_back[p + k])
            if probe >= 0:
                found = started[probe]
                if probe_after > 0:
                    found &= came_back[probe + probe_after]
                for r in range(first, last):
                    flags[kept[r]] = (found >> np.uint64(r - first)) & ONE
    return matrix


@njit(cache=True, nogil=True)
def total(shard: Shard, lens: Lens, edges: Ints, split: Split) -> tuple[Ints, Ints]:
    """Events by row of the breakdown and period, and by row in all."""
    periods = len(edges) - 1
    pace = pace_of(edges)
    data = np.zeros((split.size, periods), np.int64)
    whole = np.zeros(split.size, np.int64)
    kept, block = looked_at(shard), room_for(shard, lens)
    starts, at, code = block.starts, block.at, block.code
    end = 0
    while end < len(kept):
        begin = end
        end = gather(shard, lens, split, kept, begin, block)
        for i in range(starts[0], starts[end - begin]):
            whole[code[i]] += 1
            p = period_of(at[i], edges, pace)
            if 0 <= p < periods:
                data[code[i], p] += 1
    return data, whole


@njit(cache=True, nogil=True)
def unique(shard: Shard, lens: Lens, edges: Ints, split: Split, probe: int, flags: Flags) -> tuple[Ints, Ints]:
    """Members with an event, by row of the breakdown and period, and by row in all. The probe is a period of any row;
    below 0 it means the whole range."""
    periods = len(edges) - 1
    pace = pace_of(edges)
    data = np.zeros((split.size, periods), np.int64)
    whole = np.zeros(split.size, np.int64)
    # Whose event was the last one counted in a row, and in which period.
    whose = np.full(split.size, -1, np.int64)
    last = np.empty(split.size, np.int64)
    kept, block = looked_at(shard), room_for(shard, lens)
    starts, at, code = block.starts, block.at, block.code
    end = 0
    while end < len(kept):
        begin = end
        end = gather(shard, lens, split, kept, begin, block)
        for r in range(begin, end):
            m, lo, hi = kept[r], starts[r - begin], starts[r - begin + 1]
            for i in range(lo, hi):
                row = code[i]
                if whose[row] != m:
                    whose[row] = m
                    last[row] = -1
                    whole[row] += 1
                    if probe < 0:
                        flags[m] = True
                p = period_of(at[i], edges, pace)
                if last[row] < p < periods:
                    last[row] = p
                    data[row, p] += 1
                    if p == probe:
                        flags[m] = True
    return data, whole


@njit(cache=True, nogil=True)
def rolling(
    shard: Shard, lens: Lens, edges: Ints, before: int, span: int, split: Split, probe: int, flags: Flags
) -> tuple[Ints, Ints]:
    """Members with an event in the period or in the `span` - 1 before it, by row of the breakdown and period, and the
    events by row. The first `before` periods of `edges` come before the range; events before those count in none."""
    periods = len(edges) - 1 - before
    pace = pace_of(edges)
    change = np.zeros((split.size, periods + 1), np.int64)
    whole = np.zeros(split.size, np.int64)
    whose = np.full(split.size, -1, np.int64)
    covered = np.empty(split.size, np.int64)  # the first point that this member is not yet counted in
    kept, block = looked_at(shard), room_for(shard, lens)
    starts, at, code = block.starts, block.at, block.code
    end = 0
    while end < len(kept):
        begin = end
        end = gather(shard, lens, split, kept, begin, block)
        for r in range(begin, end):
            m, lo, hi = kept[r], starts[r - begin], starts[r - begin + 1]
            for i in range(lo, hi):
                row = code[i]
                whole[row] += 1
                if whose[row] != m:
                    whose[row] = m
                    covered[row] = 0
                p = period_of(at[i], edges, pace)
                if p < 0:
                    continue
                a = max(p - before, covered[row])
                b = min(p - before + span, periods)
                if a < b:
                    change[row, a] += 1
                    change[row, b] -= 1
                    if a <= probe < b:
                        flags[m] = True
                    covered[row] = b
    for row in range(split.size):
        for p in range(1, periods):
            change[row, p] += change[row, p - 1]
    return change[:, :periods].copy(), whole


@njit(cache=True, nogil=True)
def lifecycle(shard: Shard, lens: Lens, edges: Ints, before: int, probe: int, states: Codes) -> Ints:
    """Members by state (rows new, returning, resurrecting, dormant) and period, all as positive numbers.

    Needs every event ever: the first one decides who is new. The first `before` (1 or more) periods of `edges` come
    before the range, and the last of them decides who returned.
    """
    periods = len(edges) - 1 - before
    pace = pace_of(edges)
    counts = np.zeros((4, periods), np.int64)
    split, kept, block = undivided(), looked_at(shard), room_for(shard, lens)
    starts, at = block.starts, block.at
    end = 0
    while end < len(kept):
        begin = end
        end = gather(shard, lens, split, kept, begin, block)
        for r in range(begin, end):
            m, lo, hi = kept[r], starts[r - begin], starts[r - begin + 1]
            last = -3
            for i in range(lo, hi):
                p = max(period_of(at[i], edges, pace) - before, -2)
                if p >= periods:
                    break
                if p == last:
                    continue
                if -1 <= last < p - 1:
                    counts[DORMANT - 1, last + 1] += 1
                    if last + 1 == probe:
                        states[m] = DORMANT
                if p >= 0:
                    state = NEW if last == -3 else RETURNING if last == p - 1 else RESURRECTING
                    counts[state - 1, p] += 1
                    if p == probe:
                        states[m] = state
                last = p
            if -1 <= last < periods - 1:
                counts[DORMANT - 1, last + 1] += 1
                if last + 1 == probe:
                    states[m] = DORMANT
    return counts


@njit(cache=True, nogil=True)
def active_periods(shard: Shard, lens: Lens, edges: Ints) -> Codes:
    """In how many different periods each member has an event."""
    periods = len(edges) - 1
    pace = pace_of(edges)
    counts = np.zeros(len(shard.offsets) - 1, np.int32)
    split, kept, block = undivided(), looked_at(shard), room_for(shard, lens)
    starts, at = block.starts, block.at
    end = 0
    while end < len(kept):
        begin = end
        end = gather(shard, lens, split, kept, begin, block)
        for r in range(begin, end):
            m, lo, hi = kept[r], starts[r - begin], starts[r - begin + 1]
            last = -1
            for i in range(lo, hi):
                p = period_of(at[i], edges, pace)
                if last < p < periods:
                    last = p
                    counts[m] += 1
    return counts


@njit(cache=True, nogil=True)
def matching(shard: Shard, lens: Lens) -> tuple[Ints, Ints, Ints, Numbers, Numbers, Numbers]:
    """The events that the lens is about, as columns: the places of the members who have any, where the events of each
    begin, their instants, kinds, groups and channels."""
    offsets = shard.offsets
    split, kept, block = undivided(), looked_at(shard), room_for(shard, lens)
    starts, place, at = block.starts, block.place, block.at
    most = 0
    for m in kept:
        most += offsets[m + 1] - offsets[m]
    owners, begins = np.empty(len(kept), np.int64), np.empty(len(kept) + 1, np.int64)
    # What is not written takes no memory.
    instants = np.empty(most, np.int64)
    kind, group = np.empty(most, shard.kind.dtype), np.empty(most, shard.group.dtype)
    channel = np.empty(most, shard.channel.dtype)
    people = n = end = 0
    while end < len(kept):
        begin = end
        end = gather(shard, lens, split, kept, begin, block)
        for r in range(begin, end):
            lo, hi = starts[r - begin], starts[r - begin + 1]
            if lo == hi:
                continue
            owners[people], begins[people] = kept[r], n
            people += 1
            for i in range(lo, hi):
                e = place[i]
                instants[n], kind[n], group[n], channel[n] = at[i], shard.kind[e], shard.group[e], shard.channel[e]
                n += 1
    begins[people] = n
    return owners[:people], begins[: people + 1], instants[:n], kind[:n], group[:n], channel[:n]
