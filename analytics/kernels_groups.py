"""The loops of the reports about groups: each goes once over every member's events, sorted by time.

As in `kernels`: plain Python compiled by Numba.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from analytics.columns import Codes, Flags, Ints, Shard
from analytics.ledger.columns import NEVER, Places

NOBODY = -1
# Rows of figures; of those behind the first there is one more each, for the time before.
MEMBERS, ACTIVE, CAME, STAYED, ORDERS, BUYERS, FIGURES = 0, 1, 3, 5, 7, 9, 11


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


@njit(cache=True, nogil=True)
def newcomers(places: Places, skip: Flags, row_of: Codes, rows: int, since: int, until: int) -> Ints:
    """Who first joined since <= at < until a group of each row: columns of members, rows, that instant, and when they
    left the last of its groups; NEVER while they are in one. `row_of` says by number of a group which row it is of,
    NOBODY for none."""
    members, offsets, joined, gone, group = places.members, places.offsets, places.joined, places.gone, places.group
    met = np.full(rows, NOBODY, np.int64)
    first = np.zeros(rows, np.int64)
    last = np.zeros(rows, np.int64)
    here = np.zeros(rows, np.int64)
    found = np.zeros((4, 1024), np.int64)
    n = 0
    for m in range(len(members)):
        if skip[m]:
            continue
        known = 0
        for i in range(offsets[m], offsets[m + 1]):
            row = row_of[group[i]] if group[i] < len(row_of) else NOBODY
            if row < 0:
                continue
            if met[row] != m:
                met[row], first[row], last[row] = m, joined[i], gone[i]
                here[known] = row
                known += 1
            first[row] = min(first[row], joined[i])
            last[row] = max(last[row], gone[i])
        if n + known > found.shape[1]:
            wider = np.zeros((4, 2 * (n + known)), np.int64)
            wider[:, :n] = found[:, :n]
            found = wider
        for k in range(known):
            row = here[k]
            if since <= first[row] < until:
                found[0, n], found[1, n], found[2, n], found[3, n] = members[m], row, first[row], last[row]
                n += 1
    return found[:, :n].copy()


class Windows(NamedTuple):
    """Instants: before-from, from and until of being active and of coming; and from and until when after that somebody
    who came is one who stayed."""

    active: Ints
    came: Ints
    back_from: int
    back_until: int


@njit(cache=True, nogil=True)
def present(
    places: Places, skip: Flags, row_of: Codes, rows: int, came: Ints, orders: Ints, orders_before: Ints
) -> tuple[Ints, Ints]:
    """Figures of each row: members who are there; then, each of now and before, places that began, orders of those who
    are there (`orders` counts them by number of the member) and buyers among them. And the places that began: columns
    of members, groups and instants, in the order of members where theirs is."""
    members, offsets, joined, gone, group = places.members, places.offsets, places.joined, places.gone, places.group
    figures = np.zeros((FIGURES, rows), np.int64)
    met = np.full(rows, NOBODY, np.int64)
    began = np.zeros((3, 1024), np.int64)
    n = 0
    for m in range(len(members)):
        if skip[m]:
            continue
        who = members[m]
        for i in range(offsets[m], offsets[m + 1]):
            row = row_of[group[i]] if group[i] < len(row_of) else NOBODY
            if row < 0:
                continue
            if came[0] <= joined[i] < came[2]:
                figures[CAME + (joined[i] < came[1]), row] += 1
                if n == began.shape[1]:
                    wider = np.zeros((3, 2 * n), np.int64)
                    wider[:, :n] = began
                    began = wider
                began[0, n], began[1, n], began[2, n] = who, group[i], joined[i]
                n += 1
            if gone[i] == NEVER and met[row] != m:
                met[row] = m
                figures[MEMBERS, row] += 1
                if who < len(orders) and orders[who] + orders_before[who] > 0:
                    figures[ORDERS, row] += orders[who]
                    figures[ORDERS + 1, row] += orders_before[who]
                    figures[BUYERS, row] += orders[who] > 0
                    figures[BUYERS + 1, row] += orders_before[who] > 0
    return figures, began[:, :n].copy()


@njit(cache=True, nogil=True)
def active_and_back(shard: Shard, windows: Windows, active_of: Codes, row_of: Codes, rows: int, began: Ints) -> Ints:
    """Figures of each row, each of now and before: who was active in its groups, and whose places stayed. `began` are
    those that `present` found, in the order of members, who stand in order in the shard, too."""
    at, group, offsets, skip, members = shard.at, shard.group, shard.offsets, shard.skip, shard.members
    figures = np.zeros((FIGURES, rows), np.int64)
    met = np.full((2, rows), NOBODY, np.int64)
    back = np.zeros(began.shape[1], np.bool_)
    place = 0
    recent = min(windows.active[0], windows.came[0] + windows.back_from)
    for m in range(len(offsets) - 1):
        while place < began.shape[1] and began[0, place] < members[m]:
            place += 1
        if len(skip) > 0 and skip[m]:
            continue
        for i in range(_begin(at, offsets[m], offsets[m + 1], recent), offsets[m + 1]):
            row = active_of[group[i]] if group[i] < len(active_of) else NOBODY
            if row >= 0 and windows.active[0] <= at[i] < windows.active[2]:
                then = int(at[i] < windows.active[1])
                if met[then, row] != m:
                    met[then, row] = m
                    figures[ACTIVE + then, row] += 1
            k = place
            while k < began.shape[1] and began[0, k] == members[m]:
                after = at[i] - began[2, k]
                if began[1, k] == group[i] and windows.back_from <= after < windows.back_until and not back[k]:
                    back[k] = True
                    figures[STAYED + (began[2, k] < windows.came[1]), row_of[group[i]]] += 1
                k += 1
    return figures
