"""The way to the events: which of them a question is about, put into small arrays, many members at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from analytics.columns import Codes, Ints, Numbers, Shard
from analytics.kernels_memory import LINE, ask_for
from analytics.kernels_words import ALL, NONE, ONE, WORD, Words, below, equal, lowest, many, not_before

NEVER = np.iinfo(np.int64).max
ALWAYS = np.iinfo(np.int64).min
# Bits of a mask: the steps of a funnel (from bit 0), its exclusions, and that an event is one to be looked at.
EXCLUSIONS = 20
COUNTS = 1 << 40
# So many events are looked at together: they fit into the processor's cache.
BLOCK = 2048
# So many of a member's events are asked for ahead: mostly the newest matter.
NEWEST = 32
# Where at least one of so many events lies within the time, judged by a sample of members, all are looked at.
MUCH, SAMPLE = 8, 32
# So many kinds are compared one by one with 64 events; of more it takes less to look each event up.
FEW_KINDS = 8
# So many bits of a word are taken at once, as mostly there are no more.
AT_ONCE = 4


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
    `starts[r]:starts[r + 1]`. Of each event `place` says which of the shard's it is; `code` is for a breakdown.

    The rest serves to find them: whether neighbours are looked at as one (`is_dense`), the only kinds that count (none
    for all), and a bit for each of their events, with how many are set before each word.
    """

    starts: Ints
    place: Ints
    at: Ints
    bits: Ints
    code: Codes
    is_dense: bool
    wanted: Numbers
    words: Words
    ranks: Ints


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
def is_bare(shard: Shard, lens: Lens) -> bool:
    """Whether every event within the time counts, whatever it is and wherever it happened, and all count alike."""
    bare = len(shard.allow) == 0 and len(lens.channels) == 0 and len(lens.groups) == 0 and lens.other != 0
    for what in lens.kinds:
        bare = bare and what == lens.other
    return bare


@njit(cache=True, nogil=True)
def _is_much(shard: Shard, lens: Lens) -> bool:
    """Whether a good part of the events lies within the time, judged by a few members."""
    offsets, times = shard.offsets, shard.at
    members = len(offsets) - 1
    there = within = 0
    for m in range(0, members, members // SAMPLE + 1):
        lo, hi = offsets[m], offsets[m + 1]
        there += hi - lo
        within += first_since(times, lo, hi, lens.until) - first_since(times, lo, hi, lens.since)
    return MUCH * within >= there


@njit(cache=True, nogil=True)
def room_for(shard: Shard, lens: Lens) -> Block:
    """A block that can hold the events of any members who are looked at together."""
    offsets = shard.offsets
    room = BLOCK
    for m in range(len(offsets) - 1):
        room = max(room, offsets[m + 1] - offsets[m])
    is_narrow = len(shard.allow) > 0 or len(lens.channels) > 0 or len(lens.groups) > 0
    wanted = np.flatnonzero(lens.kinds).astype(shard.kind.dtype)
    by_kind = not is_narrow and lens.other == 0 and 0 < len(wanted) <= FEW_KINDS
    is_dense = (by_kind or is_bare(shard, lens)) and _is_much(shard, lens)
    starts, code = np.empty(BLOCK + 2, np.int64), np.zeros(room, np.int32)
    place, at, bits = np.empty(room + AT_ONCE, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    words, ranks = np.empty(room // WORD + 2, np.uint64), np.empty(room // WORD + 2, np.int64)
    return Block(starts, place, at, bits, code, is_dense, wanted if by_kind else wanted[:0], words, ranks)


@njit(cache=True, nogil=True)
def _gather_densely(shard: Shard, lens: Lens, first: int, end: int, block: Block) -> None:
    """What `gather` does for the members first:end, whose events lie side by side: 64 at a time."""
    times, kind, offsets = shard.at, shard.kind, shard.offsets
    since, until, kinds, wanted = lens.since, lens.until, lens.kinds, block.wanted
    starts, place, at, bits, words, ranks = block.starts, block.place, block.at, block.bits, block.words, block.ranks
    begin, stop = offsets[first], offsets[end]
    many_words = (stop - begin + WORD - 1) // WORD
    n = 0
    for w in range(many_words):
        start = begin + w * WORD
        word = not_before(times, start, since) & ~not_before(times, start, until)
        if start + WORD > stop:
            word &= ALL >> np.uint64(start + WORD - stop)
        if word != NONE and len(wanted) > 0:
            fits = NONE
            for what in wanted:
                fits |= equal(kind, start, what)
            word &= fits
        words[w], ranks[w] = word, n
        noted = n
        n += many(word)
        while noted < n:
            for ahead in range(AT_ONCE):
                place[noted + ahead] = start + lowest(word)
                word &= word - ONE
            noted += AT_ONCE
    # Members may begin, and the last one ends, where the last word does.
    words[many_words], ranks[many_words] = NONE, n
    for m in range(first, end + 1):
        p = offsets[m] - begin
        starts[m - first] = ranks[p >> 6] + many(words[p >> 6] & below(p))
    for i in range(n):
        at[i] = times[place[i]]
    if len(wanted) == 0:
        bits[:n] = lens.other
    else:
        for i in range(n):
            bits[i] = kinds[kind[place[i]]]


@njit(cache=True, nogil=True)
def _gather_backwards(shard: Shard, lens: Lens, kept: Ints, first: int, end: int, block: Block) -> None:
    """What `gather` does for kept[first:end]. Each member's events are read from the newest back, as the range mostly
    begins near the end, so the arrays are filled from theirs."""
    times, kind, channel, group = shard.at, shard.kind, shard.channel, shard.group
    offsets, own, allow = shard.offsets, shard.own, shard.allow
    since, until, other = lens.since, lens.until, lens.other
    kinds, channels, groups = lens.kinds, lens.channels, lens.groups
    starts, place, at, bits = block.starts, block.place, block.at, block.bits
    bare, is_placed, is_channelled = is_bare(shard, lens), len(allow) > 0 or len(groups) > 0, len(channels) > 0
    n = len(at)
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
            n -= what != 0
        starts[r - first] = n


@njit(cache=True, nogil=True)
def gather(shard: Shard, lens: Lens, split: Split, kept: Ints, first: int, block: Block) -> int:
    """Fills the block with the events that count of kept[first] and those after, and returns the place in `kept` of the
    first who did not fit.

    It is called for many members at once: a call counts references for every array that it is given, which takes
    longer than a member.
    """
    end = block_end(shard.offsets, kept, first)
    if block.is_dense and kept[end - 1] - kept[first] == end - 1 - first:
        _gather_densely(shard, lens, kept[first], kept[end - 1] + 1, block)
    else:
        _gather_backwards(shard, lens, kept, first, end, block)
    codes, code, place, channel, group = split.codes, block.code, block.place, shard.channel, shard.group
    if len(codes) > 0:
        for n in range(block.starts[0], block.starts[end - first]):
            value = np.int64(channel[place[n]]) if split.by_channel else np.int64(group[place[n]])
            code[n] = codes[value] if value < len(codes) else 0
    return end
