"""The loops of the reports: each goes once over every member's events, sorted by time.

They are plain Python, compiled by Numba. Strings never get here: a `Lens` turns "is this event step k" into bits, by
tables over the numbers of kinds, channels and groups. What a kernel needs of a member's events is put into small arrays
that stay in the processor's cache; nothing of the size of the events is written. Numba keeps the compiled code in the
folder that `NUMBA_CACHE_DIR` names (see `community_ops.lib.compiled`).

A `probe` asks which members stand behind one number: it fills `flags`, one entry for each member.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from analytics.columns import Codes, Flags, Ints, Numbers, Shard
from analytics.kernels_memory import LINE, ask_for

NEW, RETURNING, RESURRECTING, DORMANT = 1, 2, 3, 4
NEVER = np.iinfo(np.int64).max
ALWAYS = np.iinfo(np.int64).min
# Bits of a mask: the steps of a funnel (from bit 0), its exclusions, and that an event is one to be looked at.
EXCLUSIONS = 20
COUNTS = 1 << 40
# So many events are looked at together: they fit into the processor's cache.
BLOCK = 2048
# So many of a member's events are asked for ahead: mostly the newest matter.
NEWEST = 32


class Lens(NamedTuple):
    """Which events a question is about (since <= at < until) and what each is to it: the bits that its kind, channel
    and group have in common. `other` are the bits of kinds beyond the table; a channel or group beyond the table is
    taken for none (0). An empty table has all bits for all."""

    since: int
    until: int
    other: int
    kinds: Ints
    channels: Ints
    groups: Ints


class Split(NamedTuple):
    """A breakdown: `codes` gives a number to each channel or group (0 is no value, as the code of number 0 always is;
    `size` how many there are). With an empty table there is one row for all."""

    by_channel: bool
    codes: Codes
    size: int


class Block(NamedTuple):
    """What a question needs of the events of members who are looked at together: those of the r-th of them are
    `starts[r]:starts[r + 1]`. Of each event `place` says which of the shard's it is; `code` is for a breakdown."""

    starts: Ints
    place: Ints
    at: Ints
    bits: Ints
    code: Codes


@njit(cache=True, nogil=True)
def undivided() -> Split:
    return Split(False, np.zeros(0, np.int32), 1)


@njit(cache=True, nogil=True)
def first_since(at: Ints, lo: int, hi: int, since: int) -> int:
    """The first of the events lo:hi that is not before `since`: most questions are about the end, so search from it."""
    if lo == hi or at[hi - 1] < since:
        return hi
    step, found = 1, hi - 1
    while found - step >= lo and at[found - step] >= since:
        found -= step
        step *= 2
    low = max(found - step, lo - 1)
    while found - low > 1:
        middle = (low + found) // 2
        if at[middle] >= since:
            found = middle
        else:
            low = middle
    return found


@njit(cache=True, nogil=True)
def looked_at(shard: Shard) -> Ints:
    """The places of the members who are not left out."""
    skip, members = shard.skip, len(shard.offsets) - 1
    kept = np.empty(members, np.int64)
    count = 0
    for m in range(members):
        kept[count] = m
        count += len(skip) == 0 or not skip[m]
    return kept[:count]


@njit(cache=True, nogil=True)
def block_end(offsets: Ints, kept: Ints, first: int) -> int:
    """The end of the members kept[first], ... who are looked at together: at least one, else as many as have BLOCK
    events."""
    end, events = first, 0
    while end < len(kept) and end - first < BLOCK:
        events += offsets[kept[end] + 1] - offsets[kept[end]]
        if events > BLOCK and end > first:
            break
        end += 1
    return end


@njit(cache=True, nogil=True)
def room_for(offsets: Ints) -> Block:
    """A block that can hold the events of any members who are looked at together."""
    room = BLOCK
    for m in range(len(offsets) - 1):
        room = max(room, offsets[m + 1] - offsets[m])
    place, at, bits = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    return Block(np.empty(BLOCK + 2, np.int64), place, at, bits, np.zeros(room, np.int32))


@njit(cache=True, nogil=True)
def is_bare(shard: Shard, lens: Lens) -> bool:
    """Whether every event within the time counts, whatever it is and wherever it happened, and all count alike."""
    bare = len(shard.allow) == 0 and len(lens.channels) == 0 and len(lens.groups) == 0 and lens.other != 0
    for what in lens.kinds:
        bare = bare and what == lens.other
    return bare


@njit(cache=True, nogil=True)
def gather(shard: Shard, lens: Lens, split: Split, kept: Ints, first: int, block: Block) -> int:
    """Fills the block with the events that count of kept[first] and those after, and returns the place in `kept` of the
    first who did not fit. They are read from the newest back, as the range mostly begins near the end, so the arrays
    are filled from theirs.

    It is called for many members at once: a call counts references for every array that it is given, which takes
    longer than a member.
    """
    times, kind, channel, group = shard.at, shard.kind, shard.channel, shard.group
    offsets, own, allow = shard.offsets, shard.own, shard.allow
    since, until, other = lens.since, lens.until, lens.other
    kinds, channels, groups = lens.kinds, lens.channels, lens.groups
    by_channel, codes = split.by_channel, split.codes
    starts, place, at, bits, code = block.starts, block.place, block.at, block.bits, block.code
    bare, is_placed, is_channelled = is_bare(shard, lens), len(allow) > 0 or len(groups) > 0, len(channels) > 0
    end, n = block_end(offsets, kept, first), len(at)
    starts[end - first] = n
    for r in range(end - 1, first - 1, -1):
        m = kept[r]
        lo, hi = offsets[m], offsets[m + 1]
        # Of about the same member of the next call: most events are not looked at, so memory does not see it coming.
        soon = offsets[kept[min(r + end - first, len(kept) - 1)] + 1] - 1
        for back in range(0, NEWEST, LINE):
            ask_for(times, soon - back)
            ask_for(kind, soon - back)
            if is_placed:
                ask_for(group, soon - back)
            if is_channelled:
                ask_for(channel, soon - back)
        if hi > lo and times[hi - 1] >= until:
            hi = first_since(times, lo, hi, until)
        for i in range(hi - 1, lo - 1, -1):
            if times[i] < since:
                break
            what = other
            if not bare:
                what = kinds[kind[i]] if kind[i] < len(kinds) else other
            if len(channels) > 0:
                what &= channels[channel[i] if channel[i] < len(channels) else 0]
            if len(groups) > 0:
                what &= groups[group[i] if group[i] < len(groups) else 0]
            if len(allow) > 0:
                if group[i] == 0 and len(own) > 0:
                    what = what if own[m] else 0
                else:
                    what = what if group[i] < len(allow) and allow[group[i]] else 0
            # Written whether or not it counts: a jump that goes either way at random takes longer.
            place[n - 1] = i
            at[n - 1] = times[i]
            bits[n - 1] = what
            if len(codes) > 0:
                value = np.int64(channel[i]) if by_channel else np.int64(group[i])
                code[n - 1] = codes[value] if value < len(codes) else 0
            n -= what != 0
        starts[r - first] = n
    return end


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
    started = np.zeros(intervals, np.int64)
    came_back = np.zeros(intervals, np.int64)
    times = np.zeros(intervals, np.int64)
    split, kept, block = undivided(), looked_at(shard), room_for(shard.offsets)
    starts, at, bits = block.starts, block.at, block.bits
    end = 0
    while end < len(kept):
        begin = end
        end = gather(shard, lens, split, kept, begin, block)
        for r in range(begin, end):
            m, lo, hi = kept[r], starts[r - begin], starts[r - begin + 1]
            if lo == hi:
                continue
            started[:] = 0
            times[:] = 0
            begun = False
            for i in range(lo, hi):
                p = period_of(at[i], edges, pace)
                if p >= intervals:
                    break
                # Without jumps, as nobody can foretell which of the two an event is.
                starts_now = bits[i] & 1 & np.int64(not (first_time and begun))
                begun |= starts_now > 0
                if p >= 0:
                    started[p] |= starts_now
                    times[p] += bits[i] >> 1 & 1
            if not begun:
                continue
            if or_after:
                for p in range(intervals - 2, -1, -1):
                    times[p] = max(times[p], times[p + 1])
            for p in range(intervals):
                came_back[p] = times[p] >= least
            for p in range(intervals):
                if not started[p]:
                    continue
                matrix[p, 0] += 1
                for k in range(1, intervals - p):
                    matrix[p, k] += came_back[p + k]
                if p == probe:
                    flags[m] = probe_after == 0 or times[p + probe_after] >= least
    return matrix


@njit(cache=True, nogil=True)
def total(shard: Shard, lens: Lens, edges: Ints, split: Split) -> tuple[Ints, Ints]:
    """Events by row of the breakdown and period, and by row in all."""
    periods = len(edges) - 1
    pace = pace_of(edges)
    data = np.zeros((split.size, periods), np.int64)
    whole = np.zeros(split.size, np.int64)
    kept, block = looked_at(shard), room_for(shard.offsets)
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
    kept, block = looked_at(shard), room_for(shard.offsets)
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
    kept, block = looked_at(shard), room_for(shard.offsets)
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
    split, kept, block = undivided(), looked_at(shard), room_for(shard.offsets)
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
    split, kept, block = undivided(), looked_at(shard), room_for(shard.offsets)
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
    split, kept, block = undivided(), looked_at(shard), room_for(offsets)
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
