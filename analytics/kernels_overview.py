"""The loops of the overview: over the ledger, and over the few events that say whether somebody was active and which
channel brought them. See kernels.py for how they are made.

`allow` marks groups, and none of them means all. Numbers of members ascend wherever they come as a list.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from analytics.columns import Flags, Ints, Numbers, Shard
from analytics.ledger.columns import NEVER, Orders, Places

JOINED, LEFT = 0, 1
NOW, BEFORE = 0, 1


# Inlined: a call counts references for every array that it is given, which takes longer than what it does.
@njit(inline="always")
def _is_allowed(allow: Flags, group: int) -> bool:
    return len(allow) == 0 or (group < len(allow) and allow[group])


@njit(inline="always")
def _day(at: int, edges: Ints, pace: float) -> int:
    """Which day an instant between the edges lies in: they are nearly of one length, the first guess is rarely off."""
    p = min(int((at - edges[0]) * pace), len(edges) - 2)
    while at >= edges[p + 1]:
        p += 1
    while at < edges[p]:
        p -= 1
    return p


@njit(cache=True, nogil=True)
def flow(places: Places, skip: Flags, allow: Flags, edges: Ints, later: int, by_day: Ints, by_group: Ints) -> int:
    """Adds who joined and left the groups by day to `by_day`, and who joined by group, NOW from day number `later` on
    and BEFORE, to `by_group`. Returns how many places there were at the end of the days. Here no mark is none."""
    offsets, joined, gone, group = places.offsets, places.joined, places.gone, places.group
    start, end = edges[0], edges[-1]
    pace = (len(edges) - 1) / (end - start)
    there = m = low = 0
    # All rows as one, then those of members to be skipped are taken off: few rows of each would be a loop of their own.
    high, sign = offsets[-1], 1
    while True:
        for i in range(low, high):
            if joined[i] < end and group[i] < len(allow) and allow[group[i]]:
                if gone[i] >= end:
                    there += sign
                elif gone[i] >= start:
                    by_day[LEFT, _day(gone[i], edges, pace)] += sign
                if joined[i] >= start:
                    day = _day(joined[i], edges, pace)
                    by_day[JOINED, day] += sign
                    by_group[group[i], NOW if day >= later else BEFORE] += sign
        while m < len(skip) and not skip[m]:
            m += 1
        if m == len(skip):
            return there
        low, high, sign = offsets[m], offsets[m + 1], -1
        m += 1


@njit(cache=True, nogil=True)
def rows_between(offsets: Ints, at: Ints, skip: Flags, start: int, end: int) -> tuple[Ints, Ints]:
    """The rows of a table with start <= at < end, and whose of its members each is."""
    rows = np.empty(len(at) + 1, np.int64)
    n = 0
    for i in range(len(at)):
        # Written whether or not it counts: a jump that goes either way at random takes longer.
        rows[n] = i
        n += (at[i] >= start) & (at[i] < end)
    owner = np.empty(n, np.int64)
    kept = m = 0
    for row in rows[:n]:
        while offsets[m + 1] <= row:
            m += 1
        rows[kept], owner[kept] = row, m
        kept += not skip[m]
    return rows[:kept].copy(), owner[:kept].copy()


@njit(cache=True, nogil=True)
def came(places: Places, skip: Flags, allow: Flags, start: int, end: int) -> tuple[Ints, Ints, Ints]:
    """Who joined one of the groups with start <= at < end: members, the first time that each did, and when they left
    the last of the groups that they joined then; NEVER for who is in one."""
    members, joined, gone, group = places.members, places.joined, places.gone, places.group
    rows, owner = rows_between(places.offsets, joined, skip, start, end)
    who = np.empty(len(rows), np.int64)
    since = np.empty(len(rows), np.int64)
    until = np.empty(len(rows), np.int64)
    n, last = -1, -1
    for k in range(len(rows)):
        i = rows[k]
        if not _is_allowed(allow, group[i]):
            continue
        if owner[k] != last:
            n, last = n + 1, owner[k]
            who[n], since[n], until[n] = members[last], joined[i], gone[i]
        else:
            since[n], until[n] = min(since[n], joined[i]), max(until[n], gone[i])
    n += 1
    return who[:n].copy(), since[:n].copy(), until[:n].copy()


@njit(cache=True, nogil=True)
def bought_since(orders: Orders, skip: Flags, who: Ints, since: Ints, until: int, found: Flags) -> None:
    """Marks those of `who` that ordered with since <= at < until."""
    members, offsets, at = orders.members, orders.offsets, orders.at
    p = 0
    for m in range(len(members)):
        while p < len(who) and who[p] < members[m]:
            p += 1
        if p == len(who):
            break
        if who[p] == members[m] and not skip[m]:
            for i in range(offsets[m], offsets[m + 1]):
                if since[p] <= at[i] < until:
                    found[p] = True
                    break


@njit(cache=True, nogil=True)
def first_group(places: Places, skip: Flags, allow: Flags, who: Ints, found: Ints) -> None:
    """The group that each of `who` joined first; `found` stays what it was where there is none."""
    members, offsets, joined, number, group = (
        places.members, places.offsets, places.joined, places.number, places.group
    )  # fmt: skip
    p = 0
    for m in range(len(members)):
        while p < len(who) and who[p] < members[m]:
            p += 1
        if p == len(who):
            break
        if who[p] != members[m] or skip[m]:
            continue
        first = least = NEVER
        for i in range(offsets[m], offsets[m + 1]):
            is_earlier = joined[i] < first or (joined[i] == first and number[i] < least)
            if is_earlier and _is_allowed(allow, group[i]):
                first, least = joined[i], number[i]
                found[p] = group[i]


@njit(inline="always")
def _ahead(at: Ints, low: int, high: int, until: int) -> int:
    """The first of the events low:high that is not before `until`: most questions are about the end, searched first."""
    step, below = 1, high
    while below > low and at[below - 1] >= until:
        high = below - 1
        below = max(low, below - step)
        step *= 2
    low = below
    while low < high:
        middle = (low + high) // 2
        if at[middle] < until:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def active_of(shard: Shard, wanted: Numbers, since: Ints, until: Ints) -> Numbers:
    """Who did anything with since[k] <= at < until[k]: by place in the shard those bits k that `wanted` has by number
    of the member."""
    members, offsets, at, group = shard.members, shard.offsets, shard.at, shard.group
    skip, own, allow = shard.skip, shard.own, shard.allow
    marks = np.zeros(len(members), np.uint8)
    for m in range(len(members)):
        who = members[m]
        if who >= len(wanted) or wanted[who] == 0 or (len(skip) > 0 and skip[m]):
            continue
        for k in range(len(since)):
            if not (wanted[who] >> k) & 1:
                continue
            for i in range(_ahead(at, offsets[m], offsets[m + 1], until[k]) - 1, offsets[m] - 1, -1):
                if at[i] < since[k]:
                    break
                if len(allow) == 0:
                    may = True
                elif group[i] == 0 and len(own) > 0:
                    may = own[m]
                else:
                    may = group[i] < len(allow) and allow[group[i]]
                if may:
                    marks[m] |= 1 << k
                    break
    return marks


@njit(cache=True, nogil=True)
def first_channel(shard: Shard, joined: int, inside: bool) -> tuple[Ints, Ints]:
    """The members of the shard who have an event of joining that names a channel, and the first of these channels.
    `inside`: events outside of any group do not count."""
    members, offsets, kind, group, channel = shard.members, shard.offsets, shard.kind, shard.group, shard.channel
    skip, own, allow = shard.skip, shard.own, shard.allow
    who = np.empty(len(members), np.int64)
    first = np.empty(len(members), np.int64)
    n = 0
    for m in range(len(members)):
        if len(skip) > 0 and skip[m]:
            continue
        for i in range(offsets[m], offsets[m + 1]):
            # The other columns are looked at for these few events only.
            if kind[i] != joined or channel[i] == 0:
                continue
            if group[i] == 0:
                may = not inside and (len(allow) == 0 or (own[m] if len(own) > 0 else allow[0]))
            else:
                may = _is_allowed(allow, group[i])
            if may:
                who[n], first[n] = members[m], channel[i]
                n += 1
                break
    return who[:n].copy(), first[:n].copy()
