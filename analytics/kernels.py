"""The loops of the reports: each goes once over every member's events, sorted by time.

They are plain Python, compiled by Numba. Strings never get here: the caller turns "is this event step k" into bits of a
mask and "in which period is it" into a number. A `probe` asks which members stand behind one number: it fills `flags`,
one entry for each member. Numba keeps the compiled code in the folder that `NUMBA_CACHE_DIR` names.

The funnel is exact about events of one instant: they count in any order, and each serves one step only, so which of
them serve which steps is a bipartite matching (augmenting paths; Kuhn 1955, Hopcroft and Karp 1973).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from analytics.columns import Codes, Flags, Ints

ORDERED, STRICT, UNORDERED = 0, 1, 2
NEW, RETURNING, RESURRECTING, DORMANT = 1, 2, 3, 4
NEVER = np.iinfo(np.int64).max

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
    offsets: Ints, at: Ints, mask: Codes, look: Codes, looks: int, excluded: Codes, exclusions: Ints, steps: int,
    mode: int, window: int, start_from: int, start_until: int, edges: Ints, from_step: int, to_step: int,
) -> tuple[Codes, Picks, Ints, Ints]:  # fmt: skip
    """The best attempt of every member.

    `mask`: bit k of an event says that it fits step k (from 0). `look`: events of one mask share a number, below
    `looks`. `excluded`: bit e says that it fits exclusion e; `exclusions[e]` holds its two steps (from 1). `window` in
    ms, end included. Attempts start in `start_from <= at < start_until`. `edges`: starts of the entry periods, and the
    end of the last.

    Returns steps reached, the event used for each step (member x step), and by entry period the number of members whose
    best attempt reached `from_step`, and `to_step`.
    """
    members = len(offsets) - 1
    longest = 1
    for m in range(members):
        longest = max(longest, offsets[m + 1] - offsets[m])
    periods = max(len(edges) - 1, 0)
    reached = np.zeros(members, np.int32)
    best = np.full((members, steps), -1, np.int64)
    entered = np.zeros(periods, np.int64)
    converted = np.zeros(periods, np.int64)
    picks = np.full(steps, -1, np.int64)
    owner = np.empty(longest, np.int32)
    seen = np.empty(longest, np.int32)
    path = np.empty(2 * (steps + 1), np.int32)
    pointer = np.empty(steps, np.int64)
    serves = np.empty(steps, np.int64)
    following = np.empty(longest if mode == UNORDERED else 1, np.int64)
    first = np.empty(looks, np.int64)
    cursor = np.empty(looks, np.int64)
    later = np.empty((len(exclusions), longest), np.int64)

    for m in range(members):
        lo, hi = offsets[m], offsets[m + 1]
        for e in range(len(exclusions)):
            ahead, upcoming = NEVER, NEVER
            for i in range(hi - 1, lo - 1, -1):
                if i + 1 < hi and at[i + 1] > at[i]:
                    ahead = upcoming
                later[e, i - lo] = ahead
                if (excluded[i] >> e) & 1:
                    upcoming = at[i]
        pointer[:] = lo
        if mode == UNORDERED:
            first[:] = hi
            for i in range(hi - 1, lo - 1, -1):
                following[i - lo] = first[look[i]]
                if mask[i] != 0:
                    first[look[i]] = i
        period, period_best = -1, 0
        i = lo
        while i < hi and at[i] < start_until:
            if not periods and reached[m] == steps and at[i] > at[best[m, steps - 1]]:
                break  # no later start can finish earlier
            j = _instant_end(at, i, hi)
            opens = 0
            for e in range(i, j):
                opens |= mask[e]
            if mode != UNORDERED:
                opens &= 1
            if at[i] >= start_from and opens:
                # A strict run may begin with one or more events of its first instant; the other modes have one way.
                for own in range(1, (min(j - i, steps) if mode == STRICT else 1) + 1):
                    if mode == ORDERED:
                        got = _ordered_attempt(at, mask, i, j, hi, steps, window, pointer, owner, seen, path, picks)
                    elif mode == STRICT:
                        got = _strict_attempt(at, mask, i, j, hi, steps, window, own, owner, seen, path, picks)
                    else:
                        got = _unordered_attempt(
                            at, mask, look, i, lo, hi, steps, window, following, first, cursor, serves, path, picks
                        )
                    if got == 0:
                        break
                    if len(exclusions) and _is_void(at, lo, picks, got, at[i] + window, exclusions, later):
                        continue
                    # The furthest attempt; of those the first to get there; of those the latest start.
                    if got > reached[m] or (got == reached[m] and at[picks[got - 1]] <= at[best[m, got - 1]]):
                        reached[m] = got
                        best[m, :got] = picks[:got]
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
    return reached, best, entered, converted


@njit(cache=True, nogil=True)
def retention(
    offsets: Ints, period: Codes, starts: Flags, returns: Flags, intervals: int, first_time: bool, or_after: bool,
    least: int, probe: int, probe_after: int, flags: Flags,
) -> Ints:  # fmt: skip
    """Cohort sizes and returns as a square matrix; cells beyond the triangle stay 0.

    `period` is the event's interval, below 0 before the first one and `intervals` after the last. Cell (i, 0) is the
    size of cohort i, cell (i, k) those of it with at least `least` return events in one interval: i+k, or any from
    there on with `or_after`. The probe is cell (probe, probe_after).
    """
    matrix = np.zeros((intervals, intervals), np.int64)
    started = np.zeros(intervals, np.bool_)
    times = np.zeros(intervals, np.int64)
    for m in range(len(offsets) - 1):
        started[:] = False
        times[:] = 0
        begun = False
        for i in range(offsets[m], offsets[m + 1]):
            p = period[i]
            if p >= intervals:
                break
            if starts[i] and not (first_time and begun):
                begun = True
                if p >= 0:
                    started[p] = True
            if returns[i] and p >= 0:
                times[p] += 1
        if not begun:
            continue
        if or_after:
            for p in range(intervals - 2, -1, -1):
                times[p] = max(times[p], times[p + 1])
        for p in range(intervals):
            if not started[p]:
                continue
            matrix[p, 0] += 1
            for k in range(1, intervals - p):
                matrix[p, k] += times[p + k] >= least
            if p == probe:
                flags[m] = probe_after == 0 or times[p + probe_after] >= least
    return matrix


@njit(cache=True, nogil=True)
def unique(offsets: Ints, period: Codes, periods: int, probe: int, flags: Flags) -> Ints:
    """Members with an event in each period. `period` is below 0 or `periods` for events that count in none."""
    data = np.zeros(periods, np.int64)
    for m in range(len(offsets) - 1):
        last = -1
        for i in range(offsets[m], offsets[m + 1]):
            p = period[i]
            if last < p < periods:
                last = p
                data[p] += 1
                if p == probe:
                    flags[m] = True
    return data


@njit(cache=True, nogil=True)
def rolling(offsets: Ints, period: Codes, periods: int, span: int, probe: int, flags: Flags) -> Ints:
    """Members with an event in the period or in the `span` - 1 before it. Periods before the range are below 0."""
    change = np.zeros(periods + 1, np.int64)
    for m in range(len(offsets) - 1):
        covered = 0  # the first point that this member is not yet counted in
        for i in range(offsets[m], offsets[m + 1]):
            a = max(period[i], covered)
            b = min(period[i] + span, periods)
            if a < b:
                change[a] += 1
                change[b] -= 1
                if a <= probe < b:
                    flags[m] = True
                covered = b
    return np.cumsum(change)[:periods]


@njit(cache=True, nogil=True)
def lifecycle(offsets: Ints, period: Codes, periods: int, probe: int, states: Codes) -> Ints:
    """Members by state (rows new, returning, resurrecting, dormant) and period, all as positive numbers.

    Needs every event ever: the first one decides who is new. Period -1 is the one just before the range, anything lower
    lies further back.
    """
    counts = np.zeros((4, periods), np.int64)
    for m in range(len(offsets) - 1):
        last = -3
        for i in range(offsets[m], offsets[m + 1]):
            p = period[i]
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
def active_periods(offsets: Ints, period: Codes, periods: int) -> Codes:
    """In how many different periods each member has an event."""
    counts = np.zeros(len(offsets) - 1, np.int32)
    for m in range(len(offsets) - 1):
        last = -1
        for i in range(offsets[m], offsets[m + 1]):
            p = period[i]
            if last < p < periods:
                last = p
                counts[m] += 1
    return counts
