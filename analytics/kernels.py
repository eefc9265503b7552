"""The loops of the reports: each goes once over every member's events, sorted by time.

They are plain Python, compiled by Numba. Strings never get here: a `Lens` turns "is this event step k" into bits, by
tables over the numbers of kinds, channels and groups. What a kernel needs of a member's events is put into small arrays
that stay in the processor's cache; nothing of the size of the events is written. Numba keeps the compiled code in the
folder that `NUMBA_CACHE_DIR` names (see `community_ops.lib.compiled`).

A `probe` asks which members stand behind one number: it fills `flags`, one entry for each member.

The funnel is exact about events of one instant: they count in any order, and each serves one step only, so which of
them serve which steps is a bipartite matching (augmenting paths; Kuhn 1955, Hopcroft and Karp 1973).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from analytics.columns import Codes, Flags, Ints, Shard
from analytics.kernels_memory import LINE, ask_for

ORDERED, STRICT, UNORDERED = 0, 1, 2
NEW, RETURNING, RESURRECTING, DORMANT = 1, 2, 3, 4
NEVER = np.iinfo(np.int64).max
ALWAYS = np.iinfo(np.int64).min
LONG_AGO = ALWAYS // 2
# Bits of a mask: the steps of a funnel (from bit 0), its exclusions, and that an event is one to be looked at.
EXCLUSIONS = 20
COUNTS = 1 << 40
STEPS = (1 << EXCLUSIONS) - 1
# So many events are looked at together: they fit into the processor's cache.
BLOCK = 2048
# So many of a member's events are asked for ahead: mostly the newest matter.
NEWEST = 32
NO_TOUCH, FIRST_TOUCH, LAST_TOUCH, AT_STEP = 0, 1, 2, 3

Picks = npt.NDArray[np.int64]


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


@njit(cache=True, nogil=True)
def _first_since(at: Ints, lo: int, hi: int, since: int) -> int:
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
def _block_end(offsets: Ints, m: int) -> int:
    """The end of the members from m on who are looked at together: at least one, else as many as have BLOCK events."""
    end = m + 1
    while end < len(offsets) - 1 and end - m < BLOCK and offsets[end + 1] - offsets[m] <= BLOCK:
        end += 1
    return end


@njit(cache=True, nogil=True)
def _gather(
    shard: Shard, lens: Lens, split: Split, first: int, end: int, starts: Ints, place: Ints, at: Ints, bits: Ints,
    code: Codes,
) -> None:  # fmt: skip
    """Puts what the question needs of the events of the members first:end into `place` (which of the shard's events it
    is), `at`, `bits` and, for a breakdown, `code`. The events of member m are `starts[m - first]:starts[m - first + 1]`
    there. They are read from the newest back, as the range mostly begins near the end, so the arrays are filled from
    theirs.

    It is called for many members at once: a call counts references for every array that it is given, which takes
    longer than a member.
    """
    times, kind, channel, group = shard.at, shard.kind, shard.channel, shard.group
    offsets, skip, own, allow = shard.offsets, shard.skip, shard.own, shard.allow
    since, until, other = lens.since, lens.until, lens.other
    kinds, channels, groups = lens.kinds, lens.channels, lens.groups
    by_channel, codes = split.by_channel, split.codes
    last, n = len(offsets) - 1, len(at)
    starts[end - first] = n
    for m in range(end - 1, first - 1, -1):
        lo, hi = offsets[m], offsets[m + 1]
        # Of about the same member of the next call: most events are not looked at, so memory does not see it coming.
        soon = offsets[min(m + end - first + 1, last)] - 1
        ask_for(kind, soon)
        for back in range(0, NEWEST, LINE):
            ask_for(times, soon - back)
        if hi > lo and times[hi - 1] >= until:
            hi = _first_since(times, lo, hi, until)
        if len(skip) > 0 and skip[m]:
            hi = lo
        for i in range(hi - 1, lo - 1, -1):
            if times[i] < since:
                break
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
        starts[m - first] = n


@njit(cache=True, nogil=True)
def _pace(edges: Ints) -> float:
    """Periods in a millisecond: calendar periods are nearly of one length, so the first guess is rarely off by more
    than one."""
    pace: float = (len(edges) - 1) / (edges[-1] - edges[0])
    return pace


@njit(cache=True, nogil=True)
def _period(at: int, edges: Ints, pace: float) -> int:
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
def _room(offsets: Ints) -> int:
    """How many events a block can have."""
    room = BLOCK
    for m in range(len(offsets) - 1):
        room = max(room, offsets[m + 1] - offsets[m])
    return room


@njit(cache=True, nogil=True)
def _match_instant(
    mask: Codes, lo: int, hi: int, first: int, want: int, owner: Codes, seen: Codes, path: Codes, picks: Picks
) -> int:
    """How many of the steps first, first+1, ... (at most `want`) the events lo:hi of one instant can serve.

    Fills `picks[step]` with the event that serves it. A step that finds every fitting event taken asks the steps that
    hold them to move to another one: breadth-first search for an augmenting path.
    """
    if hi - lo == 1:
        if want > 0 and (mask[lo] >> first) & 1:
            picks[first] = lo
            return 1
        return 0
    for event in range(hi - lo):
        owner[event] = -1
        seen[event] = -1
    for step in range(first, first + want):
        # `path` holds two queues: the steps that look for an event, and for each the entry it came from.
        path[0] = step
        head, tail, found = 0, 1, -1
        while head < tail and found < 0:
            looking = path[2 * head]
            for event in range(hi - lo):
                if seen[event] == step or not (mask[lo + event] >> looking) & 1:
                    continue
                seen[event] = step
                if owner[event] < 0:
                    found = event
                    break
                path[2 * tail] = owner[event]
                path[2 * tail + 1] = head
                tail += 1
            if found < 0:
                head += 1
        if found < 0:
            return step - first
        while True:
            looking = path[2 * head]
            released = picks[looking] - lo
            owner[found] = looking
            picks[looking] = lo + found
            if looking == step:
                break
            found = released
            head = path[2 * head + 1]
    return want


@njit(cache=True, nogil=True)
def _instant_end(at: Ints, i: int, hi: int) -> int:
    j = i + 1
    while j < hi and at[j] == at[i]:
        j += 1
    return j


@njit(cache=True, nogil=True)
def _is_void(at: Ints, lo: int, picks: Picks, reached: int, deadline: int, exclusions: Ints, later: Ints) -> bool:
    """Whether an exclusion spoils an attempt. `later[e, i]`: time of the first excluded event after event lo+i."""
    for e in range(len(exclusions)):
        after, before = exclusions[e, 0], exclusions[e, 1]
        if reached >= before:
            if later[e, picks[after - 1] - lo] < at[picks[before - 1]]:
                return True
        elif reached >= after and later[e, picks[after - 1] - lo] <= deadline:
            return True
    return False


@njit(cache=True, nogil=True)
def _ordered_attempt(
    at: Ints, mask: Codes, i: int, j: int, hi: int, steps: int, window: int,
    pointer: Ints, owner: Codes, seen: Codes, path: Codes, picks: Picks,
) -> int:  # fmt: skip
    """Steps reached from the instant i:j on, each as early as can be.

    A later start never reaches a step earlier, so `pointer[k]` (the next event of step k) only moves on from one start
    to the next and the search over all starts of a member is linear.
    """
    reached = _match_instant(mask, i, j, 0, steps, owner, seen, path, picks)
    end = j
    while 0 < reached < steps:
        p = max(pointer[reached], end)
        while p < hi and not (mask[p] >> reached) & 1:
            p += 1
        pointer[reached] = p
        if p == hi or at[p] - at[i] > window:
            break
        a = p
        while a > end and at[a - 1] == at[p]:
            a -= 1
        end = _instant_end(at, p, hi)
        reached += _match_instant(mask, a, end, reached, steps - reached, owner, seen, path, picks)
    return reached


@njit(cache=True, nogil=True)
def _strict_attempt(
    at: Ints, mask: Codes, i: int, j: int, hi: int, steps: int, window: int, own: int,
    owner: Codes, seen: Codes, path: Codes, picks: Picks,
) -> int:  # fmt: skip
    """Steps reached when `own` events of the first instant serve and every later event must be the next step.

    The other events of the first instant may be ordered before the start, those of the last one after the end; every
    instant in between must be used up.
    """
    reached = _match_instant(mask, i, j, 0, own, owner, seen, path, picks)
    if reached < own:
        return 0
    end = j
    while reached < steps and end < hi and at[end] - at[i] <= window:
        a, end = end, _instant_end(at, end, hi)
        served = _match_instant(mask, a, end, reached, steps - reached, owner, seen, path, picks)
        reached += served
        if served < end - a:
            break
    return reached


@njit(cache=True, nogil=True)
def _ends_here(
    mask: Codes, lo: int, hi: int, first: int, want: int, owner: Codes, seen: Codes, path: Codes, picks: Picks
) -> bool:
    """Whether a strict run can end in the instant lo:hi after `want` of its events served the steps from `first` on:
    when they still can without one that does not fit the step after them, which then comes next."""
    for event in range(lo, hi):
        if not (mask[event] >> (first + want)) & 1:
            kept = mask[event]
            mask[event] = 0
            served = _match_instant(mask, lo, hi, first, want, owner, seen, path, picks)
            mask[event] = kept
            if served == want:
                return True
    return False


@njit(cache=True, nogil=True)
def _shorter_run(
    at: Ints, mask: Codes, i: int, j: int, lo: int, hi: int, got: int, own: int, window: int, exclusions: Ints,
    later: Ints, owner: Codes, seen: Codes, path: Codes, picks: Picks,
) -> int:  # fmt: skip
    """The steps of the longest strict run that ends before a void one of `got` steps and is not void; 0 for none.

    The events of one instant have no order, so one that breaks the run off may come before those that lead it on.
    """
    for steps in range(got - 1, own - 1, -1):
        a = picks[steps]
        while a > lo and at[a - 1] == at[a]:
            a -= 1
        here = 0
        while at[picks[steps - here - 1]] == at[a]:
            here += 1
        b = _instant_end(at, a, hi)
        ends = _ends_here(mask, a, b, steps - here, here, owner, seen, path, picks)
        if not ends and steps == own:
            ends = _ends_here(mask, i, j, 0, own, owner, seen, path, picks)
        if ends and not _is_void(at, lo, picks, steps, at[i] + window, exclusions, later):
            return steps
    return 0


@njit(cache=True, nogil=True)
def _unordered_attempt(
    at: Ints, mask: Codes, look: Codes, i: int, lo: int, hi: int, steps: int, window: int,
    following: Ints, first: Ints, cursor: Ints, serves: Ints, path: Codes, picks: Picks,
) -> int:  # fmt: skip
    """Different steps done from event i on: `picks[k]` is the event that brought the number to k+1.

    Events are taken in order of time; one that cannot add a step to those already served never can later, nor can any
    event of the same look (the same mask), so each look is dropped at its first failure.
    """
    for c in range(len(first)):
        cursor[c] = first[c]
    for k in range(steps):
        serves[k] = -1
    reached = 0
    while reached < steps:
        event = hi
        for c in range(len(first)):
            if cursor[c] < event:
                event = cursor[c]
        if event == hi or at[event] - at[i] > window:
            break
        visited, tail, head, free = 0, 0, -1, -1
        held = event
        while free < 0:
            for k in range(steps):
                if (mask[held] >> k) & 1 and not (visited >> k) & 1:
                    visited |= 1 << k
                    path[2 * tail] = k
                    path[2 * tail + 1] = head
                    tail += 1
                    if serves[k] < 0:
                        free = tail - 1
                        break
            if free < 0:
                head += 1
                if head == tail:
                    break
                held = serves[path[2 * head]]
        if free < 0:
            cursor[look[event]] = hi
            continue
        while free >= 0:
            came = path[2 * free + 1]
            serves[path[2 * free]] = event if came < 0 else serves[path[2 * came]]
            free = came
        picks[reached] = event
        reached += 1
        cursor[look[event]] = following[event - lo]
    return reached


@njit(cache=True, nogil=True)
def funnel(
    shard: Shard, lens: Lens, exclusions: Ints, steps: int, mode: int, window: int, start_from: int, start_until: int,
    edges: Ints, from_step: int, to_step: int, split: Split, touch: int, touch_step: int,
) -> tuple[Codes, Picks, Codes, Ints, Ints]:  # fmt: skip
    """The best attempt of every member.

    Bits of the lens: k says that an event fits step k (from 0), EXCLUSIONS + e that it fits exclusion e, whose two
    steps (from 1) are `exclusions[e]`; in strict mode COUNTS marks every event of the question. `window` in ms, end
    included. Attempts start in `start_from <= at < start_until`. `edges`: starts of the entry periods, and the end of
    the last; empty for none. `touch` says which event decides on the row of the breakdown: the first or last one that
    fits a step and has a value, or the one used for step `touch_step` (from 1).

    Returns steps reached, the instant of each (member x step), the row of the breakdown (-1 for none), and by entry
    period the number of members whose best attempt reached `from_step`, and `to_step`.
    """
    offsets = shard.offsets
    members = len(offsets) - 1
    room = _room(offsets)
    periods = max(len(edges) - 1, 0)
    reached = np.zeros(members, np.int32)
    times = np.zeros((steps, members), np.int64).T
    rows = np.full(members, -1, np.int32)
    entered = np.zeros(periods, np.int64)
    converted = np.zeros(periods, np.int64)
    starts = np.empty(BLOCK + 2, np.int64)
    place = np.empty(room, np.int64)
    at = np.empty(room, np.int64)
    bits = np.empty(room, np.int64)
    code = np.zeros(room, np.int32)
    mask = np.empty(room, np.int32)
    look = np.empty(room, np.int32)
    picks = np.full(steps, -1, np.int64)
    best = np.full(steps, -1, np.int64)
    owner = np.empty(room, np.int32)
    seen = np.empty(room, np.int32)
    path = np.empty(2 * (steps + 1), np.int32)
    pointer = np.empty(steps, np.int64)
    serves = np.empty(steps, np.int64)
    free = room if mode == UNORDERED else 1
    following = np.empty(free, np.int64)
    masks = np.empty(free, np.int32)
    first = np.empty(free, np.int64)
    cursor = np.empty(free, np.int64)
    later = np.empty((len(exclusions), room), np.int64)
    opening_bits = np.int64(STEPS if mode == UNORDERED else 1)

    end = 0
    while end < members:
        begin = end
        end = _block_end(offsets, begin)
        _gather(shard, lens, split, begin, end, starts, place, at, bits, code)
        for m in range(begin, end):
            lo, hi = starts[m - begin], starts[m - begin + 1]
            furthest, opens = 0, np.int64(0)
            for i in range(lo, hi):
                opens |= bits[i]
                mask[i] = bits[i] & STEPS
            if opens & opening_bits == 0:
                continue
            for e in range(len(exclusions)):
                ahead, upcoming = NEVER, NEVER
                for i in range(hi - 1, lo - 1, -1):
                    if i + 1 < hi and at[i + 1] > at[i]:
                        ahead = upcoming
                    later[e, i - lo] = ahead
                    if (bits[i] >> (EXCLUSIONS + e)) & 1:
                        upcoming = at[i]
            pointer[:] = lo
            looks = 0
            if mode == UNORDERED:
                for i in range(lo, hi):
                    known = 0
                    while known < looks and masks[known] != mask[i]:
                        known += 1
                    if known == looks:
                        masks[looks] = mask[i]
                        looks += 1
                    look[i] = known
                first[:looks] = hi
                for i in range(hi - 1, lo - 1, -1):
                    following[i - lo] = first[look[i]]
                    if mask[i] != 0:
                        first[look[i]] = i
            period, period_best = -1, 0
            i = lo
            while i < hi and at[i] < start_until:
                if not periods and furthest == steps and at[i] > at[best[steps - 1]]:
                    break  # no later start can finish earlier
                j = _instant_end(at, i, hi)
                fits = 0
                for e in range(i, j):
                    fits |= mask[e]
                if mode != UNORDERED:
                    fits &= 1
                if at[i] >= start_from and fits:
                    # A strict run may begin with one or more events of its first instant; the others have one way.
                    for own in range(1, (min(j - i, steps) if mode == STRICT else 1) + 1):
                        if mode == ORDERED:
                            got = _ordered_attempt(at, mask, i, j, hi, steps, window, pointer, owner, seen, path, picks)
                        elif mode == STRICT:
                            got = _strict_attempt(at, mask, i, j, hi, steps, window, own, owner, seen, path, picks)
                        else:
                            got = _unordered_attempt(
                                at, mask, look, i, lo, hi, steps, window, following, first[:looks], cursor, serves,
                                path, picks,
                            )  # fmt: skip
                        if got == 0:
                            break
                        if len(exclusions) and _is_void(at, lo, picks, got, at[i] + window, exclusions, later):
                            if mode == STRICT:
                                got = _shorter_run(
                                    at, mask, i, j, lo, hi, got, own, window, exclusions, later, owner, seen, path,
                                    picks,
                                )  # fmt: skip
                            if mode != STRICT or got == 0:
                                continue
                        # The furthest attempt; of those the first to get there; of those the latest start.
                        if got > furthest or (got == furthest and at[picks[got - 1]] <= at[best[got - 1]]):
                            furthest = got
                            best[:got] = picks[:got]
                        if periods:
                            if period < 0 or at[i] >= edges[period + 1]:
                                if period_best >= from_step:
                                    entered[period] += 1
                                    converted[period] += period_best >= to_step
                                period_best = 0
                                period = max(period, 0)
                                while at[i] >= edges[period + 1]:
                                    period += 1
                            period_best = max(period_best, got)
                if mode == UNORDERED:
                    for e in range(i, j):
                        if mask[e] != 0:
                            first[look[e]] = following[e - lo]
                i = j
            if periods and period >= 0 and period_best >= from_step:
                entered[period] += 1
                converted[period] += period_best >= to_step
            if furthest == 0:
                continue
            reached[m] = furthest
            for k in range(furthest):
                times[m, k] = at[best[k]]
            used = best[touch_step - 1]
            if touch == AT_STEP:
                if furthest >= touch_step:
                    rows[m] = code[used]
            elif touch != NO_TOUCH:
                rows[m] = 0
                for i in range(lo, hi):
                    e = i if touch == FIRST_TOUCH else hi - 1 - (i - lo)
                    if bits[e] & STEPS and code[e] > 0:
                        rows[m] = code[e]
                        break
    return reached, times, rows, entered, converted


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
    pace = _pace(edges)
    matrix = np.zeros((intervals, intervals), np.int64)
    started = np.zeros(intervals, np.int64)
    came_back = np.zeros(intervals, np.int64)
    times = np.zeros(intervals, np.int64)
    split = Split(False, np.zeros(0, np.int32), 1)
    offsets = shard.offsets
    room = _room(offsets)
    starts = np.empty(BLOCK + 2, np.int64)
    place = np.empty(room, np.int64)
    at = np.empty(room, np.int64)
    bits = np.empty(room, np.int64)
    code = np.zeros(room, np.int32)
    end = 0
    while end < len(offsets) - 1:
        begin = end
        end = _block_end(offsets, begin)
        _gather(shard, lens, split, begin, end, starts, place, at, bits, code)
        for m in range(begin, end):
            lo, hi = starts[m - begin], starts[m - begin + 1]
            if lo == hi:
                continue
            started[:] = 0
            times[:] = 0
            begun = False
            for i in range(lo, hi):
                p = _period(at[i], edges, pace)
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
    pace = _pace(edges)
    data = np.zeros((split.size, periods), np.int64)
    whole = np.zeros(split.size, np.int64)
    offsets = shard.offsets
    room = _room(offsets)
    starts = np.empty(BLOCK + 2, np.int64)
    place = np.empty(room, np.int64)
    at = np.empty(room, np.int64)
    bits = np.empty(room, np.int64)
    code = np.zeros(room, np.int32)
    end = 0
    while end < len(offsets) - 1:
        begin = end
        end = _block_end(offsets, begin)
        _gather(shard, lens, split, begin, end, starts, place, at, bits, code)
        for m in range(begin, end):
            lo, hi = starts[m - begin], starts[m - begin + 1]
            for i in range(lo, hi):
                whole[code[i]] += 1
                p = _period(at[i], edges, pace)
                if 0 <= p < periods:
                    data[code[i], p] += 1
    return data, whole


@njit(cache=True, nogil=True)
def unique(shard: Shard, lens: Lens, edges: Ints, split: Split, probe: int, flags: Flags) -> tuple[Ints, Ints]:
    """Members with an event, by row of the breakdown and period, and by row in all. The probe is a period of any row;
    below 0 it means the whole range."""
    periods = len(edges) - 1
    pace = _pace(edges)
    data = np.zeros((split.size, periods), np.int64)
    whole = np.zeros(split.size, np.int64)
    # Whose event was the last one counted in a row, and in which period.
    whose = np.full(split.size, -1, np.int64)
    last = np.empty(split.size, np.int64)
    offsets = shard.offsets
    room = _room(offsets)
    starts = np.empty(BLOCK + 2, np.int64)
    place = np.empty(room, np.int64)
    at = np.empty(room, np.int64)
    bits = np.empty(room, np.int64)
    code = np.zeros(room, np.int32)
    end = 0
    while end < len(offsets) - 1:
        begin = end
        end = _block_end(offsets, begin)
        _gather(shard, lens, split, begin, end, starts, place, at, bits, code)
        for m in range(begin, end):
            lo, hi = starts[m - begin], starts[m - begin + 1]
            for i in range(lo, hi):
                row = code[i]
                if whose[row] != m:
                    whose[row] = m
                    last[row] = -1
                    whole[row] += 1
                    if probe < 0:
                        flags[m] = True
                p = _period(at[i], edges, pace)
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
    pace = _pace(edges)
    change = np.zeros((split.size, periods + 1), np.int64)
    whole = np.zeros(split.size, np.int64)
    whose = np.full(split.size, -1, np.int64)
    covered = np.empty(split.size, np.int64)  # the first point that this member is not yet counted in
    offsets = shard.offsets
    room = _room(offsets)
    starts = np.empty(BLOCK + 2, np.int64)
    place = np.empty(room, np.int64)
    at = np.empty(room, np.int64)
    bits = np.empty(room, np.int64)
    code = np.zeros(room, np.int32)
    end = 0
    while end < len(offsets) - 1:
        begin = end
        end = _block_end(offsets, begin)
        _gather(shard, lens, split, begin, end, starts, place, at, bits, code)
        for m in range(begin, end):
            lo, hi = starts[m - begin], starts[m - begin + 1]
            for i in range(lo, hi):
                row = code[i]
                whole[row] += 1
                if whose[row] != m:
                    whose[row] = m
                    covered[row] = 0
                p = _period(at[i], edges, pace)
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
    pace = _pace(edges)
    counts = np.zeros((4, periods), np.int64)
    split = Split(False, np.zeros(0, np.int32), 1)
    offsets = shard.offsets
    room = _room(offsets)
    starts = np.empty(BLOCK + 2, np.int64)
    place = np.empty(room, np.int64)
    at = np.empty(room, np.int64)
    bits = np.empty(room, np.int64)
    code = np.zeros(room, np.int32)
    end = 0
    while end < len(offsets) - 1:
        begin = end
        end = _block_end(offsets, begin)
        _gather(shard, lens, split, begin, end, starts, place, at, bits, code)
        for m in range(begin, end):
            lo, hi = starts[m - begin], starts[m - begin + 1]
            last = -3
            for i in range(lo, hi):
                p = max(_period(at[i], edges, pace) - before, -2)
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
    pace = _pace(edges)
    counts = np.zeros(len(shard.offsets) - 1, np.int32)
    split = Split(False, np.zeros(0, np.int32), 1)
    offsets = shard.offsets
    room = _room(offsets)
    starts = np.empty(BLOCK + 2, np.int64)
    place = np.empty(room, np.int64)
    at = np.empty(room, np.int64)
    bits = np.empty(room, np.int64)
    code = np.zeros(room, np.int32)
    end = 0
    while end < len(offsets) - 1:
        begin = end
        end = _block_end(offsets, begin)
        _gather(shard, lens, split, begin, end, starts, place, at, bits, code)
        for m in range(begin, end):
            lo, hi = starts[m - begin], starts[m - begin + 1]
            last = -1
            for i in range(lo, hi):
                p = _period(at[i], edges, pace)
                if last < p < periods:
                    last = p
                    counts[m] += 1
    return counts


@njit(cache=True, nogil=True)
def matching(shard: Shard, lens: Lens) -> tuple[Ints, Ints]:
    """The events that the lens is about: which of the shard's they are, and the place of each one's member."""
    split = Split(False, np.zeros(0, np.int32), 1)
    offsets = shard.offsets
    room = _room(offsets)
    starts = np.empty(BLOCK + 2, np.int64)
    place = np.empty(room, np.int64)
    at = np.empty(room, np.int64)
    bits = np.empty(room, np.int64)
    code = np.zeros(room, np.int32)
    events = np.empty(room, np.int64)
    owners = np.empty(room, np.int64)
    n = end = 0
    while end < len(offsets) - 1:
        begin = end
        end = _block_end(offsets, begin)
        _gather(shard, lens, split, begin, end, starts, place, at, bits, code)
        lo, hi = starts[0], starts[end - begin]
        found = hi - lo
        if n + found > len(events):
            events = np.append(events, np.empty(len(events) + found, np.int64))
            owners = np.append(owners, np.empty(len(owners) + found, np.int64))
        events[n : n + found] = place[lo:hi]
        for m in range(begin, end):
            owners[n + starts[m - begin] - lo : n + starts[m - begin + 1] - lo] = m
        n += found
    return events[:n].copy(), owners[:n].copy()
