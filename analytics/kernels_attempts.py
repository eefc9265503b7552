"""The funnel of members one by one: in any order, with exclusions, and with events of one instant.

It is exact about events of one instant: they count in any order, and each serves one step only, so which of them serve
which steps is a bipartite matching (augmenting paths; Kuhn 1955, Hopcroft and Karp 1973).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from analytics.columns import Codes, Ints, Shard
from analytics.kernels_events import EXCLUSIONS, NEVER, Lens, Split, gather, looked_at, room_for

ORDERED, STRICT, UNORDERED = 0, 1, 2
NO_TOUCH, FIRST_TOUCH, LAST_TOUCH, AT_STEP = 0, 1, 2, 3
# Bits of the steps of a funnel in the mask of an event.
STEPS = (1 << EXCLUSIONS) - 1

Picks = npt.NDArray[np.int64]


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
    kept, block = looked_at(shard), room_for(shard, lens)
    starts, at, bits, code = block.starts, block.at, block.bits, block.code
    members, room = len(shard.offsets) - 1, len(at)
    periods = max(len(edges) - 1, 0)
    reached = np.zeros(members, np.int32)
    times = np.zeros((steps, members), np.int64).T
    rows = np.full(members, -1, np.int32)
    entered = np.zeros(periods, np.int64)
    converted = np.zeros(periods, np.int64)
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
    while end < len(kept):
        begin = end
        end = gather(shard, lens, split, kept, begin, block)
        for r in range(begin, end):
            m, lo, hi = kept[r], starts[r - begin], starts[r - begin + 1]
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
