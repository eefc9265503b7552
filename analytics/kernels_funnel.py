"""The funnel in order and without exclusions, which is what most people ask: many members at once, bit by bit."""

from __future__ import annotations

import numpy as np
from numba import njit

from analytics.columns import Codes, Flags, Ints, Shard
from analytics.kernels_attempts import AT_STEP, FIRST_TOUCH, LAST_TOUCH, NO_TOUCH, Picks
from analytics.kernels_events import ALWAYS, AT_ONCE, BLOCK, Lens, Split
from analytics.kernels_memory import LINE, ask_for
from analytics.kernels_words import (
    ALL,
    NONE,
    ONE,
    WORD,
    Number,
    Word,
    Words,
    as_the_one_before,
    below,
    equal,
    first_bit,
    have_any,
    last_bit,
    lowest,
    many,
    not_before,
)

LONG_AGO = ALWAYS // 2


@njit(cache=True, nogil=True)
def _after(earlier: Word, fits: Word, keep: Word, waiting: Word) -> tuple[Word, Word]:
    """The first of the bits `fits` after each of the bits `earlier`, and whether the next word has to go on looking.

    `waiting` says so of the word before. `keep` has no bit where a member begins: nobody looks beyond that. A carry of
    the addition runs through the bits in between and comes to rest on the one looked for (as in Cameron and others,
    "Bitwise Data Parallelism in Regular Expression Matching", 2014).
    """
    start = ((earlier << ONE) | waiting) & keep
    between = ~fits & keep
    ran = (start & between) + between
    return (start | ran) & fits & keep, (earlier >> np.uint64(WORD - 1)) | np.uint64(ran < between)


@njit(cache=True, nogil=True)
def _hit_after(p: Number, hits: Words, ranks: Codes, places: Codes) -> Number:
    """The place of the first hit after p; behind all events if there is none in the block."""
    w = p >> 6
    return places[ranks[w] + many(hits[w] & (below(p) | (ONE << np.uint64(p & 63)))) + 1]


@njit(cache=True, nogil=True)
def plain_funnel(
    shard: Shard, lens: Lens, steps: int, window: int, start_from: int, start_until: int, edges: Ints, from_step: int,
    to_step: int, split: Split, touch: int, touch_step: int,
) -> tuple[Codes, Ints, Codes, Ints, Codes, Ints, Ints, Flags]:  # fmt: skip
    """What `kernels_attempts.funnel` says, in order and without exclusions, and instead of instants what `paces` makes
    of them. Members with two events of one instant that fit a step are marked in the last answer, and nothing is said
    of them. Everything that is in the shard may be looked at; where many are left out, better none are (`selected`).

    Where no two events are of one instant, an event of step k (from 0) changes something only if it is a hit: one that
    starts an attempt, or the first one after a hit of step k - 1. Of all attempts that come to a hit only the one that
    started last matters, and it is the one that came to the last hit of the step before; if that came too late for its
    window, so does every other attempt. So hits are found for 64 events at a time; then each of them looks up who came
    to the one before, in order of steps. Without jumps, as nobody can foretell which step an event is.
    """
    offsets, skip, instants, kinds = shard.offsets, shard.skip, shard.at, shard.kind
    since, until = lens.since, lens.until
    # The last entry of each table is for numbers beyond it.
    of_kind = np.append(lens.kinds, lens.other).astype(np.int32)
    of_channel = np.append(lens.channels, lens.channels[:1]).astype(np.int32)
    of_group = np.append(lens.groups, lens.groups[:1]).astype(np.int32)
    last_kind, last_channel = np.uint64(len(of_kind) - 1), np.uint64(len(lens.channels))
    last_group = np.uint64(len(lens.groups))
    is_narrow = len(of_channel) > 0 or len(of_group) > 0
    codes, last_code = np.append(split.codes, np.zeros(1, np.int32)), np.uint64(len(split.codes))
    by_channel = split.by_channel
    # Kinds are compared one by one where they are few: of each step the first that fits it, then the others.
    wanted, more, more_of = np.zeros(steps, kinds.dtype), np.zeros(0, kinds.dtype), np.zeros(0, np.int64)
    is_compared = lens.other & ((1 << steps) - 1) == 0
    for k in range(steps):
        fitting = np.array([n for n in range(len(lens.kinds)) if (of_kind[n] >> k) & 1], kinds.dtype)
        if len(fitting) == 0:
            is_compared = False
        else:
            wanted[k] = fitting[0]
            more, more_of = np.append(more, fitting[1:]), np.append(more_of, np.full(len(fitting) - 1, k))
    is_compared &= len(more) <= 2 * steps
    members = len(offsets) - 1
    room = BLOCK
    for m in range(members):
        room = max(room, offsets[m + 1] - offsets[m])
    most = room // WORD + 1

    reached = np.zeros(members, np.int32)
    # As in `paces`; what is not written takes no memory.
    ways = np.empty((steps, members), np.int64)
    whose_way = np.empty((steps, members if touch != NO_TOUCH else 0), np.int32)
    sizes = np.zeros(steps, np.int64)
    rows = np.full(members, -1, np.int32)
    tied = np.zeros(members, np.bool_)
    periods = max(len(edges) - 1, 0)
    entered = np.zeros(periods, np.int64)
    converted = np.zeros(periods, np.int64)
    # Of the block's members with events: who it is, and where they begin and end in the block.
    whose = np.empty(room, np.int64)
    begins = np.empty(room + 1, np.uint32)
    # By event: the bits that it has by all but its kind.
    fit = np.empty(room + WORD, np.int32)
    any_channel, any_group = ~np.zeros(1, shard.channel.dtype)[0], ~np.zeros(1, shard.group.dtype)[0]
    heads = np.empty(most, np.uint64)
    seen = np.empty(most, np.uint64)
    ties = np.empty(most, np.uint64)
    valued = np.empty(most, np.uint64)
    # Hits by step: their bits, how many there are before each word, and, counted from 1, their places and which hit of
    # step 0 started the attempt that came there last and in time (0 for none).
    hits = np.empty((steps, most), np.uint64)
    ranks = np.empty((steps, most), np.uint32)
    places = np.empty((steps, room + 1 + AT_ONCE), np.uint32)
    origins = np.zeros((steps, room + 1), np.uint32)
    # Of the hits of step 0, counted from 1: when, and by which of the block's members.
    opened_at = np.empty(room + 1, np.int64)
    opened_by = np.empty(room + 2, np.uint32)
    opened_at[0] = LONG_AGO
    # Of the block's members: the steps reached and the hit of step 0 that counts.
    furthest = np.empty(room + 1, np.int32)
    opening = np.empty(room + 1, np.uint32)
    end = 0
    while end < members:
        if len(skip) > 0 and skip[end]:
            end += 1
            continue
        first = end
        end += 1
        # As many as fit into a block, at least one, and without anybody who is skipped.
        while end < members and end - first < BLOCK and offsets[end + 1] - offsets[first] <= BLOCK:
            if len(skip) > 0 and skip[end]:
                break
            end += 1
        begin, size = offsets[first], offsets[end] - offsets[first]
        if size == 0:
            continue
        words = (size + WORD - 1) // WORD
        at, kind = instants[begin : begin + size], kinds[begin : begin + size]
        channel, group = shard.channel[begin : begin + size], shard.group[begin : begin + size]
        for w in range(words):
            # Of the next block, so that reading goes on while this one is counted.
            for n in range(0, WORD, LINE):
                ask_for(instants, begin + size + w * WORD + n)
            ties[w] = as_the_one_before(instants, begin + w * WORD)
            heads[w] = NONE
        there, is_inside, is_open = 0, True, True
        for m in range(first, end):
            lo, hi = offsets[m] - begin, offsets[m + 1] - begin
            if lo < hi:
                is_inside &= (at[lo] >= since) & (at[hi - 1] < until)
                is_open &= (at[lo] >= start_from) & (at[hi - 1] < start_until)
                heads[lo >> 6] |= ONE << np.uint64(lo & 63)
                whose[there], begins[there] = m, lo
                there += 1
        begins[there] = size

        if is_narrow or not is_compared:
            fit[:size] = -1
        if len(of_channel) > 0:
            for i in range(size):
                fit[i] = of_channel[min(np.uint64(channel[i]), last_channel)]
        if len(of_group) > 0:
            for i in range(size):
                fit[i] &= of_group[min(np.uint64(group[i]), last_group)]
        if not is_compared:
            for i in range(size):
                fit[i] &= of_kind[min(np.uint64(kind[i]), last_kind)]

        if is_compared:
            # Word by word and not step by step, as the kinds of a word stay in registers.
            for w in range(words):
                for k in range(steps):
                    hits[k, w] = equal(kinds, begin + w * WORD, wanted[k])
            for n in range(len(more)):
                for w in range(words):
                    hits[more_of[n], w] |= equal(kinds, begin + w * WORD, more[n])
        else:
            hits[:, :words] = ALL
        if is_narrow or not is_compared:
            for k in range(steps):
                for w in range(words):
                    hits[k, w] &= have_any(fit, w * WORD, np.int32(1 << k))
        if not is_inside:
            for w in range(words):
                inside = not_before(instants, begin + w * WORD, since)
                inside &= ~not_before(instants, begin + w * WORD, until)
                for k in range(steps):
                    hits[k, w] &= inside
        for k in range(steps):
            hits[k, words - 1] &= ALL >> np.uint64(words * WORD - size)
        for w in range(words):
            any_step = NONE
            for k in range(steps):
                any_step |= hits[k, w]
            seen[w] = any_step
        if not is_open:
            for w in range(words):
                hits[0, w] &= not_before(instants, begin + w * WORD, start_from)
                hits[0, w] &= ~not_before(instants, begin + w * WORD, start_until)

        furthest[: there + 1] = 0
        for k in range(steps):
            if k > 0:
                waiting = NONE
                for w in range(words):
                    hits[k, w], waiting = _after(hits[k - 1, w], hits[k, w], ~heads[w], waiting)
            count, row = 0, places[k]
            for w in range(words):
                hit, noted = hits[k, w], count
                ranks[k, w] = count
                count += many(hit)
                # Four at a time, as mostly there are no more: those too many are written over by the next. The first
                # four are written even if there are none.
                while True:
                    for n in range(1, AT_ONCE + 1):
                        row[noted + n] = w * WORD + lowest(hit)
                        hit &= hit - ONE
                    noted += AT_ONCE
                    if noted >= count:
                        break
            row[count + 1] = size
            came = origins[k]
            if k == 0:
                # The first hit of a member is marked with the member; those up to the next mark are theirs too.
                opened_by[: count + 2] = 0
                for r in range(there):
                    p = begins[r]
                    opened_by[ranks[0, p >> 6] + many(hits[0, p >> 6] & below(p)) + 1] = r
                owner = np.uint32(0)
                for j in range(1, count + 1):
                    owner = max(owner, opened_by[j])
                    opened_by[j] = owner
                    opened_at[j] = at[row[j]]
                    came[j] = j
                opened_by[0] = there
            else:
                came_before, hits_before, ranks_before = origins[k - 1], hits[k - 1], ranks[k - 1]
                for j in range(1, count + 1):
                    p = row[j]
                    o = came_before[ranks_before[p >> 6] + many(hits_before[p >> 6] & below(p))]
                    came[j] = o & -np.int64(at[p] - opened_at[o] <= window)
            # From the last to the first, so that the first to get there is what stays.
            for j in range(count, 0, -1):
                owner = opened_by[came[j]]
                opening[owner] = came[j]
                furthest[owner] = k + 1

        is_tied = NONE
        waiting = NONE
        for w in range(words):
            same = ties[w] & ~heads[w]
            # Another one that is seen after one that is, in the same instant.
            ties[w], waiting = _after(seen[w], seen[w], same, waiting)
            is_tied |= ties[w]
        if touch in (FIRST_TOUCH, LAST_TOUCH):
            for w in range(words):
                if by_channel:
                    valued[w] = seen[w] & have_any(shard.channel, begin + w * WORD, any_channel)
                else:
                    valued[w] = seen[w] & have_any(shard.group, begin + w * WORD, any_group)
        for r in range(there):
            m, lo, hi = whose[r], np.int64(begins[r]), np.int64(begins[r + 1])
            if is_tied:
                tied[m] = first_bit(ties, lo, hi) < hi
            if furthest[r] == 0 or tied[m]:
                continue
            reached[m] = furthest[r]
            p = used = places[0, opening[r]]
            opened = came_at = at[p]
            for k in range(1, furthest[r]):
                p = _hit_after(p, hits[k], ranks[k], places[k])
                ways[k, sizes[k]] = at[p] - came_at
                sizes[k] += 1
                came_at = at[p]
                used = p if k == touch_step - 1 else used
            ways[0, sizes[0]] = came_at - opened
            sizes[0] += furthest[r] == steps
            if touch == AT_STEP:
                if furthest[r] >= touch_step:
                    value = np.uint64(channel[used]) if by_channel else np.uint64(group[used])
                    rows[m] = codes[min(value, last_code)]
            elif touch != NO_TOUCH:
                code = np.int32(0)
                while code <= 0:
                    i = first_bit(valued, lo, hi) if touch == FIRST_TOUCH else last_bit(valued, lo, hi)
                    if not lo <= i < hi:
                        break
                    value = np.uint64(channel[i]) if by_channel else np.uint64(group[i])
                    code = codes[min(value, last_code)]
                    if touch == FIRST_TOUCH:
                        lo = i + 1
                    else:
                        hi = i
                rows[m] = max(code, np.int32(0))
            if touch != NO_TOUCH:
                if furthest[r] == steps:
                    whose_way[0, sizes[0] - 1] = rows[m]
                for k in range(1, furthest[r]):
                    whose_way[k, sizes[k] - 1] = rows[m]
        if periods:
            starts = ranks[0, words - 1] + many(hits[0, words - 1])
            j = 1
            while j <= starts:
                r, period, best = opened_by[j], 0, 0
                while j <= starts and opened_by[j] == r:
                    when = opened_at[j]
                    if not tied[whose[r]]:
                        if when >= edges[period + 1]:
                            if best >= from_step:
                                entered[period] += 1
                                converted[period] += best >= to_step
                            best = 0
                            while when >= edges[period + 1]:
                                period += 1
                        # Mostly a member has one start, and it is known how far that came.
                        got, p = furthest[r] if j == opening[r] else 1, places[0, j]
                        while got < steps and j != opening[r]:
                            p = _hit_after(p, hits[got], ranks[got], places[got])
                            if p >= begins[r + 1] or at[p] - when > window:
                                break
                            got += 1
                        best = max(best, got)
                    j += 1
                if best >= from_step:
                    entered[period] += 1
                    converted[period] += best >= to_step
    return reached, ways, whose_way, sizes, rows, entered, converted, tied


@njit(cache=True, nogil=True)
def paces(reached: Codes, times: Picks, rows: Codes) -> tuple[Ints, Codes, Ints]:
    """How long it took, and the rows of the breakdown of those members, in their order: for step k (from 0) the first
    `sizes[k]` entries of row k. These are the milliseconds since the step before of all who reached it; for step 0
    those from the first to the last step of all who reached the last. `times`: the instants by member and step."""
    steps = times.shape[1]
    ways = np.empty((steps, len(reached)), np.int64)
    whose = np.empty((steps, len(reached)), np.int32)
    sizes = np.zeros(steps, np.int64)
    for m in range(len(reached)):
        if reached[m] == steps:
            ways[0, sizes[0]], whose[0, sizes[0]] = times[m, steps - 1] - times[m, 0], rows[m]
            sizes[0] += 1
        for k in range(1, reached[m]):
            ways[k, sizes[k]], whose[k, sizes[k]] = times[m, k] - times[m, k - 1], rows[m]
            sizes[k] += 1
    return ways, whose, sizes


@njit(cache=True, nogil=True)
def tally(rows: Codes, size: int) -> Ints:
    """How many there are of each row, from -1 on."""
    many = np.zeros(1 + size, np.int64)
    for row in rows:
        many[1 + row] += 1
    return many


@njit(cache=True, nogil=True)
def put_in_rows(ways: Ints, rows: Codes, places: Ints, ordered: Ints) -> None:
    """Puts each way of row r (from -1 on) at `places[1 + r]` of `ordered`, the next one behind it."""
    for i in range(len(ways)):
        ordered[places[1 + rows[i]]] = ways[i]
        places[1 + rows[i]] += 1
