"""Events of few groups, picked out of all parts of an index by who of them has events there.

A part has ten thousands of members, of whom some ten did something in a group. Nothing here looks at the others, and
nothing is made that is as long as a part but one mark for each of its members. See kernels.py for what kernels are.

All parts are read in one call, so they are told as a table of where in memory their columns begin: to take in ten
arrays of each of 25 parts costs Numba several times what reading them does. Whoever makes the table holds on to the
arrays as long as it is used, and vouches for their types (analytics.index.postings.table_of).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import carray, njit, types  # type: ignore[attr-defined]
from numba.core import cgutils
from numba.extending import intrinsic

from analytics.columns import Flags, Ints, Numbers


class Sought(NamedTuple):
    """Which events: since <= at < until, in these groups and of these kinds, each named by a table of marks by number;
    what is beyond one is not meant. An empty table of kinds means all.

    `only` names members where `is_only`, `gone` those who are left out, and `outside`, where `is_outside`, those of
    whom events outside of any group are meant as well. All are in ascending order."""

    groups: Ints
    among: Flags
    kinds: Flags
    since: int
    until: int
    only: Ints
    is_only: bool
    gone: Ints
    outside: Ints
    is_outside: bool


def _inttoptr(_context: Any, _address: Any) -> Any:
    def made(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), made


# An address as Numba takes it for an array.
_pointer: Any = intrinsic(_inttoptr)


@njit(cache=True, nogil=True)
def _longs(address: int, size: int) -> Ints:
    """A column of eight bytes."""
    column: Ints = carray(_pointer(address), (size,), np.int64)
    return column


@njit(cache=True, nogil=True)
def _short(address: int, width: int, i: int) -> Any:
    """A number of a column of this width; the columns of a part differ in it, so they cannot be arrays of one type."""
    number: Any
    if width == 4:
        number = np.int64(carray(_pointer(address), (i + 1,), np.uint32)[i])
    elif width == 2:
        number = np.int64(carray(_pointer(address), (i + 1,), np.uint16)[i])
    elif width == 1:
        number = np.int64(carray(_pointer(address), (i + 1,), np.uint8)[i])
    else:
        number = carray(_pointer(address), (i + 1,), np.int64)[i]
    return number


@njit(cache=True, nogil=True)
def _found(numbers: Ints, wanted: int, lo: int) -> int:
    """Where a number stands among ascending ones from `lo` on, or would. In ever longer steps: what is looked for next
    is mostly near."""
    step, hi = 1, lo
    while hi < len(numbers) and numbers[hi] < wanted:
        lo = hi + 1
        hi += step
        step *= 2
    hi = min(hi, len(numbers))
    while lo < hi:
        middle = (lo + hi) // 2
        if numbers[middle] < wanted:
            lo = middle + 1
        else:
            hi = middle
    return lo


@njit(cache=True, nogil=True)
def _has(numbers: Ints, wanted: int) -> bool:
    spot = _found(numbers, wanted, 0)
    return spot < len(numbers) and numbers[spot] == wanted


@njit(cache=True, nogil=True)
def _first_since(at: Ints, lo: int, hi: int, since: int) -> int:
    """As in kernels.py: the first of the events lo:hi that is not before `since`, searched from the end."""
    step = 1
    while hi - step >= lo and at[hi - step] >= since:
        hi -= step
        step *= 2
    return max(lo, hi - step) + _found(at[max(lo, hi - step) : hi], since, 0)


@njit(cache=True, nogil=True)
def _postings(table: Numbers, part: int, groups: Ints) -> int:
    """How many places of members these groups have in a part."""
    posted = _longs(table[part].posted, table[part].groups)
    starts = _longs(table[part].start, table[part].groups + 1)
    number, spot = 0, 0
    for wanted in groups:
        spot = _found(posted, wanted, spot)
        if spot < len(posted) and posted[spot] == wanted:
            number += starts[spot + 1] - starts[spot]
    return number


@njit(cache=True, nogil=True)
def _readers(table: Numbers, part: int, sought: Sought, is_seen: Flags, who: Ints) -> int:
    """Writes the members of a part who are to be read to the front of `who`, once each; returns how many they are."""
    posted = _longs(table[part].posted, table[part].groups)
    starts = _longs(table[part].start, table[part].groups + 1)
    members = _longs(table[part].member, table[part].members)
    n, spot = 0, 0
    for wanted in sought.groups:
        spot = _found(posted, wanted, spot)
        if spot < len(posted) and posted[spot] == wanted:
            for i in range(starts[spot], starts[spot + 1]):
                m = _short(table[part].place, 4, i)
                if not is_seen[m]:
                    who[n] = m
                    n += 1
                    is_seen[m] = True
    spot = 0
    for wanted in sought.outside:
        spot = _found(members, wanted, spot)
        if spot < len(members) and members[spot] == wanted and not is_seen[spot]:
            who[n] = spot
            n += 1
            is_seen[spot] = True
    kept = 0
    for i in range(n):
        m = who[i]
        is_seen[m] = False
        is_skipped = table[part].skip != 0 and _short(table[part].skip, 1, m) != 0
        if is_skipped or (sought.is_only and not _has(sought.only, members[m])) or _has(sought.gone, members[m]):
            continue
        who[kept] = m
        kept += 1
    return kept


@njit(cache=True, nogil=True)
def few_events(table: Numbers, sought: Sought, most: int) -> tuple[int, Ints, Ints, Ints, Ints, Ints]:
    """Columns of members, instants, kinds, groups and channels: each member's events together, as they stand. None of
    them where the groups have more places of members than `most`; the first answer is how many they have."""
    nothing = np.zeros(0, np.int64)
    places, members = len(sought.outside), 0
    for part in range(len(table)):
        members = max(members, table[part].members)
        places += _postings(table, part, sought.groups)
        if places > most:
            return places, nothing, nothing, nothing, nothing, nothing
    who = np.empty(places + len(table) * len(sought.outside), np.int64)
    ends = np.zeros(len(table) + 1, np.int64)
    first = np.empty(len(who), np.int64)
    is_seen = np.zeros(members, np.bool_)
    room = 0
    for part in range(len(table)):
        begin = ends[part]
        ends[part + 1] = begin + _readers(table, part, sought, is_seen, who[begin:])
        offsets = _longs(table[part].offset, table[part].members + 1)
        at = _longs(table[part].at, offsets[-1])
        for w in range(begin, ends[part + 1]):
            hi = offsets[who[w] + 1]
            first[w] = _first_since(at, offsets[who[w]], hi, sought.since)
            room += hi - first[w]
    member = np.empty(room, np.int64)
    moment = np.empty(room, np.int64)
    kind = np.empty(room, np.int64)
    group = np.empty(room, np.int64)
    channel = np.empty(room, np.int64)
    n = 0
    for part in range(len(table)):
        numbers = _longs(table[part].member, table[part].members)
        offsets = _longs(table[part].offset, table[part].members + 1)
        at = _longs(table[part].at, offsets[-1])
        groups, group_width = table[part].group, table[part].group_width
        kinds, kind_width = table[part].kind, table[part].kind_width
        channels, channel_width = table[part].channel, table[part].channel_width
        for w in range(ends[part], ends[part + 1]):
            number = numbers[who[w]]
            is_outside = sought.is_outside and _has(sought.outside, number)
            for i in range(first[w], offsets[who[w] + 1]):
                if at[i] >= sought.until:
                    break
                where = _short(groups, group_width, i)
                what = _short(kinds, kind_width, i)
                fits = where < len(sought.among) and sought.among[where]
                fits |= where == 0 and is_outside
                fits &= len(sought.kinds) == 0 or (what < len(sought.kinds) and sought.kinds[what])
                # Written whether or not it is meant, as in kernels.py.
                member[n] = number
                moment[n] = at[i]
                kind[n] = what
                group[n] = where
                channel[n] = _short(channels, channel_width, i)
                n += fits
    return places, member[:n], moment[:n], kind[:n], group[:n], channel[:n]
