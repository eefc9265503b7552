from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import kernels, kernels_events, kernels_funnel
from analytics import kernels_attempts as attempts
from analytics.columns import Columns
from analytics.queries.running import selected
from tests.analytics import oracle

pytestmark = pytest.mark.once

MODES = {"ordered": attempts.ORDERED, "strict": attempts.STRICT, "unordered": attempts.UNORDERED}
# Through a night: EXAMPLES=100000 python3 run.py test tests/analytics/test_kernels_against_oracle.py
many = settings(
    max_examples=int(os.environ.get("EXAMPLES", "120")), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@st.composite
def funnels(draw, mode):
    """Few kinds, few instants, overlapping steps and repeated ones: where ties and shared events are common."""
    steps = draw(st.sampled_from([1, 2, 3, 3, 4]))
    excluded = st.sets(st.integers(0, 1), max_size=1) if draw(st.booleans()) else st.just(set())
    fits = st.one_of(st.sets(st.integers(0, steps - 1), max_size=1), st.sets(st.integers(0, steps - 1), max_size=3))
    kinds = draw(st.lists(st.tuples(fits, excluded), min_size=2, max_size=5))
    event = st.tuples(st.integers(0, draw(st.sampled_from([1, 2, 4, 8]))), st.sampled_from(kinds))
    members = [
        sorted(((at, *kind) for at, kind in events), key=lambda event: event[0])
        for events in draw(st.lists(st.lists(event, min_size=3, max_size=6), min_size=1, max_size=2))
    ]
    pairs = [(a, b) for a in range(1, steps + 1) for b in range(a + 1, steps + 1)]
    exclusions = draw(st.lists(st.sampled_from(pairs), max_size=2)) if pairs else []
    window = draw(st.sampled_from([1, 2, 3, 9]))
    starts = draw(st.sampled_from([(0, 9), (0, 9), (1, 3)]))
    return steps, members, exclusions, window, starts


@st.composite
def looks(draw):
    """Events with groups and channels beyond what the tables of the lens and of the shard know, or without any. Some
    stories are interrupted by many events that fit nothing, as events are looked at 64 at a time."""
    steps = draw(st.sampled_from([1, 2, 3, 6]))
    what = st.integers(0, (1 << steps) - 1)

    def table(values, most):
        return draw(st.one_of(st.just([]), st.lists(values, min_size=1, max_size=most)))

    lens = kernels_events.Lens(
        draw(st.sampled_from([kernels_events.ALWAYS, 3])),
        draw(st.sampled_from([kernels_events.NEVER, 20])),
        draw(what),
        np.array([*draw(st.lists(what, max_size=4)), 0], np.int64),
        np.array(table(what, 3), np.int64),
        np.array(table(what, 3), np.int64),
    )
    event = st.tuples(st.integers(0, draw(st.sampled_from([5, 30]))), *[st.integers(0, 4)] * 3)
    members = [sorted(each) for each in draw(st.lists(st.lists(event, max_size=12), min_size=1, max_size=4))]
    for each in members:
        place, size = draw(st.integers(0, len(each))), draw(st.sampled_from([0, 0, 50, 60, 64 - len(each), 64, 130]))
        each[place:place] = [((each[place - 1] if place else (0,))[0], len(lens.kinds) - 1, 0, 0)] * size
    flat = np.array([event for events in members for event in events], np.int64).reshape(-1, 4)
    marks = st.lists(st.booleans(), min_size=len(members), max_size=len(members))
    allow = np.array(table(st.booleans(), 4), np.bool_)
    shard = Columns(np.arange(len(members)), offsets_of(members), *flat.T.copy()).shard(
        skip=np.array(draw(st.one_of(st.just([]), marks)), np.bool_),
        own=np.array(draw(st.one_of(st.just([]), marks)) if len(allow) else [], np.bool_),
        allow=allow,
    )
    codes = np.array([0, *draw(st.lists(st.integers(0, 2), max_size=3))], np.int32)
    return steps, shard, lens, kernels_events.Split(draw(st.booleans()), codes, 3)


def bits(numbers):
    return sum(1 << number for number in numbers)


def look(members):
    """Members' events as (instant, bits), as a shard and a lens that gives each event its bits through its kind."""
    flat = [event for events in members for event in events]
    kinds = sorted({what for _at, what in flat})
    number = np.arange(len(members))
    shard = Columns(
        members=number,
        offsets=offsets_of(members),
        at=np.array([at for at, _what in flat], np.int64),
        kind=np.array([kinds.index(what) for _at, what in flat], np.int64),
        group=np.zeros(len(flat), np.int64),
        channel=np.zeros(len(flat), np.int64),
    ).shard()
    nothing = np.zeros(0, np.int64)
    return shard, kernels_events.Lens(
        kernels_events.ALWAYS, kernels_events.NEVER, 0, np.array([*kinds, 0], np.int64), nothing, nothing
    )


ALL = kernels_events.Split(False, np.zeros(0, np.int32), 1)


def run(members, *, steps, mode, window, exclusions, starts, edges=(), from_step=1, to_step=1):
    more = kernels_events.COUNTS if mode == "strict" else 0
    marked = [
        [(at, bits(fits) | bits(excluded) << kernels_events.EXCLUSIONS | more) for at, fits, excluded in events]
        for events in members
    ]
    shard, lens = look(marked)
    return attempts.funnel(
        shard,
        lens,
        np.array(exclusions, np.int64).reshape(-1, 2),
        steps,
        MODES[mode],
        window,
        starts[0],
        starts[1],
        np.array(edges, np.int64),
        from_step,
        to_step,
        ALL,
        attempts.NO_TOUCH,
        1,
    )


@pytest.mark.parametrize("mode", MODES)
@many
@given(data=st.data())
def test_a_member_goes_as_far_and_as_fast_as_the_best_of_all_attempts(mode, data):
    steps, members, exclusions, window, starts = data.draw(funnels(mode))
    reached, instants, _rows, _entered, _converted = run(
        members, steps=steps, mode=mode, window=window, exclusions=exclusions, starts=starts
    )
    for m, events in enumerate(members):
        attempts = oracle.funnel(events, steps=steps, mode=mode, window=window, exclusions=exclusions, starts=starts)
        want = oracle.best(attempts)
        times = instants[m, : reached[m]].tolist()
        assert reached[m] == len(want)
        if want:
            assert (times[0], times[-1]) == (want[0], want[-1])
            assert tuple(times) in attempts


@many
@given(looks())
def test_only_what_a_lens_is_about_and_may_be_looked_at_is_selected(look):
    _steps, shard, lens, _split = look
    only = selected(shard, lens)
    rows = zip(
        np.repeat(only.members, np.diff(only.offsets)), only.at, only.kind, only.group, only.channel, strict=True
    )
    assert [tuple(map(int, row)) for row in rows] == [event for event, _what in oracle.events(shard, lens)]
    assert np.all(np.diff(only.offsets) > 0)


NOTHING = np.zeros(0, np.int64)
# Ways to narrow a question: the kinds and others, and whether by channel and by group.
NARROWED = {
    "as it is": lambda lens, steps: lens,
    "kinds": lambda lens, steps: lens._replace(channels=NOTHING, groups=NOTHING),
    "some kinds": lambda lens, steps: lens._replace(other=0, channels=NOTHING, groups=NOTHING),
    "some kinds by group": lambda lens, steps: lens._replace(other=0, channels=NOTHING),
    "some kinds by channel": lambda lens, steps: lens._replace(other=0, groups=NOTHING),
    "no kind": lambda lens, steps: lens._replace(kinds=lens.kinds * 0, other=0, channels=NOTHING, groups=NOTHING),
    "anything": lambda lens, steps: lens._replace(
        kinds=NOTHING, other=(1 << steps) - 1, channels=NOTHING, groups=NOTHING
    ),
}


@pytest.mark.parametrize("narrowed", NARROWED)
@many
@given(looks(), st.booleans(), st.integers(0, 4))
def test_the_events_of_many_members_are_found_as_one_by_one(narrowed, look, may_see_all, apart):
    steps, shard, lens, split = look
    lens = NARROWED[narrowed](lens, steps)
    if may_see_all:
        # Then they are looked at 64 at a time, where enough of them lie within the time.
        shard = shard._replace(own=NOTHING.astype(bool), allow=NOTHING.astype(bool)).sealed()
    everybody, block, found = kernels_events.looked_at(shard), kernels_events.room_for(shard, lens), []
    for kept in (everybody[:apart], everybody[apart:]):
        end = 0
        while end < len(kept):
            begin, end = end, kernels_events.gather(shard, lens, split, kept, end, block)
            for r in range(begin, end):
                for n in range(block.starts[r - begin], block.starts[r - begin + 1]):
                    found.append((kept[r], block.place[n], block.at[n], block.bits[n], block.code[n]))
    owner = np.repeat(np.arange(len(shard.members)), np.diff(shard.offsets))
    columns = [column.tolist() for column in shard[2:6]]
    events = [((int(shard.members[m]), *(column[i] for column in columns)), what) for m, i, _at, what, _code in found]
    assert events == oracle.events(shard, lens)
    for m, i, at, _what, code in found:
        value = int((shard.channel if split.by_channel else shard.group)[i])
        assert (m, at) == (owner[i], shard.at[i])
        assert code == (split.codes[value] if value < len(split.codes) else 0)


@many
@given(looks(), st.integers(1, 40), st.integers(0, 3), st.data())
def test_the_plain_funnel_says_what_the_other_one_says_or_leaves_it_to_that(look, window, touch, data):
    steps, shard, lens, split = look
    starts = data.draw(st.sampled_from([(0, 31), (4, 12)]))
    from_step, touch_step = (data.draw(st.integers(1, steps)) for _each in range(2))
    edges = np.array(data.draw(st.sampled_from([[], [0, 31], [0, 5, 6, 12, 31]])), np.int64)
    asked = (window, *starts, edges, from_step, data.draw(st.integers(from_step, steps)), split, touch, touch_step)
    only = selected(shard, lens)
    if not len(shard.allow) and data.draw(st.booleans()):
        only = shard
    reached, ways, way_rows, sizes, rows, entered, converted, tied = kernels_funnel.plain_funnel(
        only, lens, steps, *asked
    )
    none = np.zeros((0, 2), np.int64)
    full: Any = attempts.funnel(shard, lens, none, steps, attempts.ORDERED, *asked)
    place = np.searchsorted(shard.members, only.members)
    assert np.all(np.delete(full[0], place) == 0)
    seen = [event for event, _what in oracle.events(shard, lens)]
    for m, member in enumerate(only.members):
        instants = [at for owner, at, *_rest in seen if owner == member]
        assert tied[m] == (len(set(instants)) < len(instants))
    assert reached.tolist() == np.where(tied, 0, full[0][place]).tolist()
    assert rows.tolist() == np.where(tied, -1, full[2][place]).tolist()
    others = only._replace(skip=tied | only.skip if len(only.skip) else tied).sealed()
    want: Any = attempts.funnel(others, lens, none, steps, attempts.ORDERED, *asked)
    want_entered, want_converted = want[3:]
    want_ways, want_rows, want_sizes = kernels_funnel.paces(*want[:3])
    assert sizes.tolist() == want_sizes.tolist()
    for k, size in enumerate(sizes):
        assert ways[k, :size].tolist() == want_ways[k, :size].tolist()
        assert not touch or way_rows[k, :size].tolist() == want_rows[k, :size].tolist()
    assert (entered.tolist(), converted.tolist()) == (want_entered.tolist(), want_converted.tolist())


def test_each_start_of_a_funnel_counts_in_its_own_period_by_how_far_that_start_came():
    first, second = 1, 2
    shard, lens = look([[(1, first), (2, second), (7, first)], [(1, first), (7, first), (8, second)]])
    edges = np.array([0, 5, 6, 12, 31], np.int64)
    *_answers, entered, converted, _tied = kernels_funnel.plain_funnel(
        shard, lens, 2, 9, 0, 31, edges, 1, 2, ALL, attempts.NO_TOUCH, 1
    )
    assert entered.tolist() == [2, 0, 2, 0]
    assert converted.tolist() == [2, 0, 1, 0]


@pytest.mark.parametrize("ahead", [*range(0, 140, 9), 62, 64])
@pytest.mark.parametrize("between", [0, 1, 61, 62, 63, 64, 126, 127, 128])
def test_a_funnel_goes_on_behind_any_number_of_events_and_not_with_the_next_member(ahead, between):
    first, second, nothing = (1, 1), (3, 2), (2, 0)
    shard, lens = look([[nothing] * ahead, [first, *[nothing] * between, second], [nothing] * ahead + [second]])
    asked = (9, 0, 9, np.zeros(0, np.int64), 1, 2, ALL, attempts.NO_TOUCH, 1)
    reached, *_ways, tied = kernels_funnel.plain_funnel(shard, lens, 2, *asked)
    assert reached.tolist() == [0, 2, 0]
    assert not tied.any()

    at_once = shard._replace(at=np.ones(len(shard.at), np.int64)).sealed()
    reached, *_ways, tied = kernels_funnel.plain_funnel(at_once, lens, 2, *asked)
    assert tied.tolist() == [False, True, False]
    assert not reached.any()


@pytest.mark.parametrize("mode", MODES)
@many
@given(data=st.data())
def test_entries_are_booked_on_the_period_of_the_first_step(mode, data):
    steps, members, exclusions, window, starts = data.draw(funnels(mode))
    from_step = data.draw(st.integers(1, steps))
    to_step = data.draw(st.integers(from_step, steps))
    edges = [0, 3, 4, 9]
    _reached, _times, _rows, entered, converted = run(
        members, steps=steps, mode=mode, window=window, exclusions=exclusions, starts=starts,
        edges=edges, from_step=from_step, to_step=to_step,
    )  # fmt: skip
    for p in range(3):
        furthest = [
            max((len(times) for times in attempts if edges[p] <= times[0] < edges[p + 1]), default=0)
            for attempts in (
                oracle.funnel(events, steps=steps, mode=mode, window=window, exclusions=exclusions, starts=starts)
                for events in members
            )
        ]
        assert entered[p] == sum(1 for k in furthest if k >= from_step)
        assert converted[p] == sum(1 for k in furthest if k >= to_step)


EDGES = np.arange(6, dtype=np.int64) * 10
# Periods from -3, which is before all, to 6, which is after them, and an instant within each.
moments = st.tuples(st.integers(-3, 6), st.integers(0, 9))
periods = st.lists(st.lists(moments, max_size=6).map(sorted), min_size=1, max_size=5)


def offsets_of(members):
    return np.cumsum([0, *map(len, members)]).astype(np.int64)


def periods_of(members):
    return [[p for p, _into in each] for each in members]


def look_at(members, what=1):
    return look([[(10 * p + into, what) for p, into in each] for each in members])


def nobody(members):
    return np.zeros(len(members), np.bool_)


@many
@given(
    st.lists(
        st.lists(st.tuples(st.integers(-2, 5), st.booleans(), st.booleans()), max_size=8).map(sorted),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
    st.booleans(),
    st.integers(1, 3),
)
def test_cohorts_and_returns_are_counted_as_defined(members, first_time, or_after, least):
    shard, lens = look([[(10 * p, starts | returns << 1) for p, starts, returns in each] for each in members])
    want = oracle.retention(members, intervals=5, first_time=first_time, or_after=or_after, least=least)
    for probe, after in ((0, 0), (1, 2), (0, 4)):
        flags = nobody(members)
        got = kernels.retention(shard, lens, EDGES, first_time, or_after, least, probe, after, flags)
        assert [got[i, : 5 - i].tolist() for i in range(5)] == want
        assert flags.sum() == want[probe][after]


@many
@given(periods, st.integers(1, 4), st.integers(0, 3))
def test_rolling_members_are_those_of_the_window(members, span, probe):
    shard, lens = look_at(members)
    flags = nobody(members)
    got, _events = kernels.rolling(shard, lens, EDGES, 0, span, ALL, probe, flags)
    inside = [[p for p in each if p >= 0] for each in periods_of(members)]
    assert got[0].tolist() == oracle.rolling(inside, size=5, span=span)
    assert flags.sum() == got[0][probe]
    # The first two of the same periods as history: the window reaches back into them.
    flags = nobody(members)
    got, _events = kernels.rolling(shard, lens, EDGES, 2, span, ALL, min(probe, 2), flags)
    assert got[0].tolist() == oracle.rolling([[p - 2 for p in each] for each in inside], size=3, span=span)
    assert flags.sum() == got[0][min(probe, 2)]


@many
@given(periods, st.integers(0, 4))
def test_unique_members_and_active_periods_are_counted_once(members, probe):
    shard, lens = look_at(members)
    flags = nobody(members)
    got, whole = kernels.unique(shard, lens, EDGES, ALL, probe, flags)
    each = periods_of(members)
    assert got[0].tolist() == oracle.rolling(each, size=5, span=1)
    assert flags.tolist() == [probe in own for own in each]
    assert whole.tolist() == [sum(map(bool, members))]
    days = kernels.active_periods(shard, lens, EDGES)
    assert days.tolist() == [len({p for p in own if 0 <= p < 5}) for own in each]
    events, every = kernels.total(shard, lens, EDGES, ALL)
    assert events[0].tolist() == [sum(own.count(p) for own in each) for p in range(5)]
    assert every.tolist() == [sum(map(len, each))]


@many
@given(periods, st.integers(0, 3))
def test_every_member_of_a_period_is_new_returning_resurrecting_or_dormant(members, probe):
    shard, lens = look_at(members)
    states = np.zeros(len(members), np.int32)
    got = kernels.lifecycle(shard, lens, EDGES, 1, probe, states)
    assert got.tolist() == oracle.lifecycle([[max(p - 1, -2) for p in each] for each in periods_of(members)], size=4)
    assert [int((states == code).sum()) for code in (1, 2, 3, 4)] == got[:, probe].tolist()
