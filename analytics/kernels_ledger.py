"""Loops over the ledger, and over what members whom it names did. See kernels.py for how they are made.

Arrays by member are as long as the highest number of one, plus one. `allow` marks groups, and none of them means all.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from analytics.columns import Codes, Flags, Ints, Numbers, Shard
from analytics.kernels_memory import LINE, ask_for
from analytics.ledger.columns import NEVER, Orders, Payments, Places

# What a member was in the groups asked about: in one of them ever, within a time, and whether they came within it.
EVER, THERE, CAME = 1, 2, 4
# Of the member so many further on so many of the newest events are asked for ahead.
AHEAD, NEWEST = 8, 32
# How wide a number of what somebody did is, in bits, until it is added to the others.
DIGITS = 16
MOST = (1 << DIGITS) - 1


# Inlined: a call counts references for every array that it is given, which takes longer than what it does.
@njit(inline="always")
def _is_allowed(allow: Flags, group: int) -> bool:
    return len(allow) == 0 or (group < len(allow) and allow[group])


@njit(inline="always")
def _cohort(spans: Ints, first: int) -> int:
    for r in range(len(spans)):
        if spans[r, 0] <= first < spans[r, 1]:
            return r
    return -1


@njit(cache=True, nogil=True)
def first_joined(places: Places, skip: Flags, allow: Flags, first: Ints) -> None:
    """By member when they first joined one of the groups."""
    members, offsets, joined, group = places.members, places.offsets, places.joined, places.group
    for m in range(len(members)):
        if not skip[m]:
            earliest = NEVER
            for i in range(offsets[m], offsets[m + 1]):
                if joined[i] < earliest and _is_allowed(allow, group[i]):
                    earliest = joined[i]
            first[members[m]] = earliest


@njit(cache=True, nogil=True)
def standing(places: Places, skip: Flags, allow: Flags, start: int, end: int, marks: Numbers) -> None:
    """By member EVER, THERE and CAME; the time is start <= at < end."""
    members, offsets, joined, gone, group = places.members, places.offsets, places.joined, places.gone, places.group
    for m in range(len(members)):
        if not skip[m]:
            found = 0
            for i in range(offsets[m], offsets[m + 1]):
                if _is_allowed(allow, group[i]):
                    found |= EVER
                    if joined[i] < end:
                        if gone[i] >= start:
                            found |= THERE
                        if joined[i] >= start:
                            found |= CAME
            marks[members[m]] = found


@njit(cache=True, nogil=True)
def holding(places: Places, skip: Flags, allow: Flags, held: Numbers, marks: Flags) -> None:
    """By member whether one of their memberships in the groups is held: of those by number `held` has a bit each. With
    a byte each the table would not stay in the processor's cache."""
    members, offsets, number, group = places.members, places.offsets, places.number, places.group
    end = 8 * len(held)
    for m in range(len(members)):
        if not skip[m]:
            for i in range(offsets[m], offsets[m + 1]):
                bit = np.int64(number[i])
                if _is_allowed(allow, group[i]) and bit < end and (held[bit >> 3] >> (bit & 7)) & 1:
                    marks[members[m]] = True


@njit(cache=True, nogil=True)
def ordered_within(orders: Orders, skip: Flags, start: int, end: int, counts: Ints) -> None:
    """By member how many orders there were with start <= at < end."""
    members, offsets, at = orders.members, orders.offsets, orders.at
    for m in range(len(members)):
        if not skip[m]:
            n = 0
            for i in range(offsets[m], offsets[m + 1]):
                n += start <= at[i] < end
            counts[members[m]] += n


@njit(cache=True, nogil=True)
def clicked(shard: Shard, spans: Ints, first: Ints, click: int) -> Ints:
    """Which channels were clicked (`click` is the kind) by people who had joined no group by then: a row of span,
    channel and whether they joined since for each person and channel."""
    earliest, latest = spans[:, 0].min(), spans[:, 1].max()
    members, offsets, at, kind, channel, skip = (
        shard.members, shard.offsets, shard.at, shard.kind, shard.channel, shard.skip
    )  # fmt: skip
    # Room is made beforehand: a loop that replaces the array it fills takes five times as long.
    asked = np.empty(len(members), np.int64)
    room = people = 0
    for m in range(len(members)):
        joined = first[members[m]] if members[m] < len(first) else NEVER
        if joined < earliest or (len(skip) > 0 and skip[m]):
            continue
        before = room
        for i in range(offsets[m], offsets[m + 1]):
            if at[i] > joined or at[i] >= latest:
                break
            room += kind[i] == click and channel[i] > 0
        if room > before:
            asked[people] = m
            people += 1
    rows = np.empty((room, 3), np.int64)
    n = 0
    for m in asked[:people]:
        joined = first[members[m]] if members[m] < len(first) else NEVER
        own = n
        for i in range(offsets[m], offsets[m + 1]):
            if at[i] > joined or at[i] >= latest:
                break
            if kind[i] == click and channel[i] > 0:
                r = _cohort(spans, at[i])
                known = r < 0
                for k in range(own, n):
                    known = known or (rows[k, 0] == r and rows[k, 1] == channel[i])
                if not known:
                    rows[n, 0], rows[n, 1], rows[n, 2] = r, channel[i], joined < spans[r, 2]
                    n += 1
    return rows[:n].copy()


@njit(cache=True, nogil=True)
def touches(
    shard: Shard, spans: Ints, first: Ints, allow: Flags, friended: int, touch: Codes, friend: Flags
) -> None:  # fmt: skip
    """How those who first joined in one of the spans were found, and whether they became friends: fills `touch` with
    the channel of their earliest event that carries one, and `friend`, up to the end of what is known of their span.

    `spans` are rows of start and end of joining, and until when things are known.
    """
    members, offsets, at = shard.members, shard.offsets, shard.at
    kind, group, channel, skip = shard.kind, shard.group, shard.channel, shard.skip
    for m in range(len(members)):
        who = members[m]
        r = _cohort(spans, first[who] if who < len(first) else NEVER)
        if r < 0 or (len(skip) > 0 and skip[m]):
            continue
        is_touched, is_friend = False, False
        for i in range(offsets[m], offsets[m + 1]):
            is_touch, is_deed = not is_touched and channel[i] > 0, kind[i] == friended
            if not is_touch and not is_deed:
                continue
            # The other columns are looked at for these few events only.
            if at[i] >= spans[r, 2]:
                break
            if group[i] == 0 or _is_allowed(allow, group[i]):
                if is_touch:
                    is_touched = True
                    touch[who] = channel[i]
                is_friend = is_friend or is_deed
                if is_touched and is_friend:
                    break
        friend[who] = is_friend


@njit(inline="always")
def _since(at: Ints, low: int, high: int, since: int) -> int:
    """The first of the events low:high that is not before it."""
    while low < high:
        middle = (low + high) // 2
        if at[middle] < since:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def deeds(shard: Shard, adds: Ints, since: int, until: int, inside: Flags, counts: Codes) -> None:
    """By member (a row each) how often they did what in one of the groups, `inside` (see columns.py). `adds` says by
    kind what one event adds to the columns: numbers of DIGITS bits, the first column lowest, so that all are counted in
    one register; kinds beyond its end are as its last.

    Events are read from the newest back, without a jump that goes either way at random, and those of somebody further
    on asked for ahead.
    """
    members, offsets, at, kind, group = shard.members, shard.offsets, shard.at, shard.kind, shard.group
    skip, columns = shard.skip, counts.shape[1]
    other, beyond = np.int64(len(adds) - 1), np.int64(len(inside) - 1)
    # Whoever is skipped is left out beforehand: then it is known who comes next.
    asked = np.empty(len(members) + AHEAD, np.int64)
    n = 0
    for m in range(len(members)):
        asked[n] = m
        n += len(skip) == 0 or not skip[m]
    asked[n:] = asked[n - 1] if n > 0 else 0
    for k in range(n):
        newest = offsets[asked[k + AHEAD] + 1] - 1
        ask_for(kind, newest)
        for back in range(0, NEWEST, LINE):
            ask_for(at, newest - back)
        for back in range(0, NEWEST, 2 * LINE):
            ask_for(group, newest - back)
        m = asked[k]
        lo, hi = offsets[m], offsets[m + 1]
        if hi > lo and at[hi - 1] >= until:
            hi = _since(at, lo, hi, until)
        i = hi - 1
        while i >= lo and at[i] >= since:
            last, did = max(lo, i - MOST + 1), 0
            while i >= last and at[i] >= since:
                did += adds[min(np.int64(kind[i]), other)] * inside[min(np.int64(group[i]), beyond)]
                i -= 1
            if did != 0:
                for column in range(columns):
                    counts[members[m], column] += (did >> (DIGITS * column)) & MOST


@njit(cache=True, nogil=True)
def paid(
    payments: Payments, skip: Flags, spans: Ints, first: Ints, allow: Flags, touch: Codes, edges: Ints, buyer: Flags
) -> tuple[Ints, Ints, Ints, Ints]:
    """What those of the spans ordered and were given back since they joined, and who bought (`buyer`).

    Returns for each payment its cell, its amount, and which of the currencies it is in; and the currencies. A cell is
    ((span * most channels + channel) * 2 + refund) * days + day. Days lie between `edges`.
    """
    days, channels = len(edges) - 1, np.int64(touch.max()) + 1
    pace = days / (edges[-1] - edges[0])
    members, offsets, times, groups = payments.members, payments.offsets, payments.at, payments.group
    refund, amounts, words = payments.refund, payments.amount, payments.currency
    room = 0
    for m in range(len(members)):
        if not skip[m] and members[m] < len(first) and _cohort(spans, first[members[m]]) >= 0:
            room += offsets[m + 1] - offsets[m]
    cell, amount, currency, codes = (
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
    )
    n = known = 0
    for m in range(len(members)):
        member = members[m]
        joined = first[member] if member < len(first) else NEVER
        r = -1 if skip[m] else _cohort(spans, joined)
        if r < 0:
            continue
        for i in range(offsets[m], offsets[m + 1]):
            at, group = times[i], groups[i]
            if joined <= at < spans[r, 2] and (group == 0 or _is_allowed(allow, group)):
                # Days are nearly of one length, so the first guess is rarely off.
                day = min(max(int((at - edges[0]) * pace), 0), days - 1)
                while day < days - 1 and at >= edges[day + 1]:
                    day += 1
                while day > 0 and at < edges[day]:
                    day -= 1
                code = 0
                while code < known and codes[code] != words[i]:
                    code += 1
                if code == known:
                    codes[code] = words[i]
                    known += 1
                back = 1 if refund[i] > 0 else 0
                cell[n] = ((r * channels + touch[member]) * 2 + back) * days + day
                amount[n], currency[n] = amounts[i], code
                n += 1
                if back == 0:
                    buyer[member] = True
    return cell[:n].copy(), amount[:n].copy(), currency[:n].copy(), codes[:known].copy()


@njit(cache=True, nogil=True)
def nearest_there(
    places: Places, skip: Flags, allow: Flags, starts: Ints, joined: Ints, at: Ints, found: Ints, far: Ints
) -> None:
    """For each of some moments those who are still in its group, had joined by then (`at`), and had joined nearest to
    `joined`: rows of `found` get number, member and when they joined of as many as it has room for, and `far` how far
    off each is. Of equals the lower number of a membership first. The moments of a group stand from `starts[group]` to
    before `starts[group + 1]`; `found` begins with -1 and `far` with NEVER."""
    room = found.shape[1]
    members, offsets, numbers, times = places.members, places.offsets, places.number, places.joined
    gone, groups = places.gone, places.group
    for m in range(len(members)):
        if skip[m]:
            continue
        for i in range(offsets[m], offsets[m + 1]):
            group = int(groups[i])
            if gone[i] != NEVER or group >= len(starts) - 1 or not _is_allowed(allow, group):
                continue
            number, when = int(numbers[i]), times[i]
            for k in range(starts[group], starts[group + 1]):
                if when > at[k]:
                    continue
                off = abs(when - joined[k])
                place = room
                while place > 0 and (
                    off < far[k, place - 1] or (off == far[k, place - 1] and number < found[k, place - 1, 0])
                ):
                    place -= 1
                for later in range(room - 1, place, -1):
                    found[k, later] = found[k, later - 1]
                    far[k, later] = far[k, later - 1]
                if place < room:
                    found[k, place, 0], found[k, place, 1], found[k, place, 2] = number, members[m], when
                    far[k, place] = off


@njit(cache=True, nogil=True)
def last_before(
    shard: Shard, starts: Ints, group: Ints, at: Ints, back: int, left_out: Flags, kinds: Ints, instants: Ints
) -> None:
    """For each of some moments the last event of its member in its group before it, at most `back` milliseconds: fills
    `kinds` and `instants`. The moments of a member are `starts[member]:starts[member + 1]`; `left_out` marks kinds."""
    members, offsets, times, skip = shard.members, shard.offsets, shard.at, shard.skip
    shard_kinds, shard_groups = shard.kind, shard.group
    for m in range(len(members)):
        who = members[m]
        if who >= len(starts) - 1 or starts[who] == starts[who + 1] or (len(skip) > 0 and skip[m]):
            continue
        for k in range(starts[who], starts[who + 1]):
            for i in range(_since(times, offsets[m], offsets[m + 1], at[k]) - 1, offsets[m] - 1, -1):
                if times[i] < at[k] - back:
                    break
                kind = shard_kinds[i]
                if shard_groups[i] == group[k] and not (kind < len(left_out) and left_out[kind]):
                    kinds[k], instants[k] = kind, times[i]
                    break
