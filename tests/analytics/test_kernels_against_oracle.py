from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import kernels
from tests.analytics import oracle

pytestmark = pytest.mark.once

MODES = {"ordered": kernels.ORDERED, "strict": kernels.STRICT, "unordered": kernels.UNORDERED}
many = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])


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


def bits(numbers):
    return sum(1 << number for number in numbers)


def run(members, *, steps, mode, window, exclusions, starts, edges=(), from_step=1, to_step=1):
    flat = [event for events in members for event in events]
    mask = np.array([bits(fits) for _at, fits, _x in flat], np.int32)
    looks, look = np.unique(mask, return_inverse=True)
    return kernels.funnel(
        np.cumsum([0, *map(len, members)]).astype(np.int64),
        np.array([at for at, _fits, _x in flat], np.int64),
        mask,
        look.astype(np.int32),
        len(looks),
        np.array([bits(excluded) for _at, _fits, excluded in flat], np.int32),
        np.array(exclusions, np.int64).reshape(-1, 2),
        steps,
        MODES[mode],
        window,
        starts[0],
        starts[1],
        np.array(edges, np.int64),
        from_step,
        to_step,
    )


@pytest.mark.parametrize("mode", MODES)
@many
@given(data=st.data())
def test_a_member_goes_as_far_and_as_fast_as_the_best_of_all_attempts(mode, data):
    steps, members, exclusions, window, starts = data.draw(funnels(mode))
    reached, picks, _entered, _converted = run(
        members, steps=steps, mode=mode, window=window, exclusions=exclusions, starts=starts
    )
    flat = [event for events in members for event in events]
    for m, events in enumerate(members):
        attempts = oracle.funnel(events, steps=steps, mode=mode, window=window, exclusions=exclusions, starts=starts)
        want = oracle.best(attempts)
        used = picks[m, : reached[m]].tolist()
        times = [flat[i][0] for i in used]
        assert reached[m] == len(want)
        assert len(set(used)) == len(used), "one event, one step"
        if want:
            assert (times[0], times[-1]) == (want[0], want[-1])
            assert tuple(times) in attempts
        if mode != "unordered":
            assert all(k in flat[i][1] for k, i in enumerate(used))


@pytest.mark.parametrize("mode", MODES)
@many
@given(data=st.data())
def test_entries_are_booked_on_the_period_of_the_first_step(mode, data):
    steps, members, exclusions, window, starts = data.draw(funnels(mode))
    from_step = data.draw(st.integers(1, steps))
    to_step = data.draw(st.integers(from_step, steps))
    edges = [0, 3, 4, 9]
    _reached, _picks, entered, converted = run(
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


periods = st.lists(st.lists(st.integers(-3, 6), max_size=6).map(sorted), min_size=1, max_size=5)


def offsets_of(members):
    return np.cumsum([0, *map(len, members)]).astype(np.int64)


def flat_of(members):
    return np.array([p for each in members for p in each], np.int32)


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
    flat = [event for events in members for event in events]
    columns = (
        offsets_of(members),
        np.array([p for p, _s, _r in flat], np.int32),
        np.array([s for _p, s, _r in flat], np.bool_),
        np.array([r for _p, _s, r in flat], np.bool_),
    )
    want = oracle.retention(members, intervals=5, first_time=first_time, or_after=or_after, least=least)
    for probe, after in ((0, 0), (1, 2), (0, 4)):
        flags = np.zeros(len(members), np.bool_)
        got = kernels.retention(*columns, 5, first_time, or_after, least, probe, after, flags)
        assert [got[i, : 5 - i].tolist() for i in range(5)] == want
        assert flags.sum() == want[probe][after]


@many
@given(periods, st.integers(1, 4), st.integers(0, 4))
def test_rolling_members_are_those_of_the_window(members, span, probe):
    flags = np.zeros(len(members), np.bool_)
    got = kernels.rolling(offsets_of(members), flat_of(members), 5, span, probe, flags)
    assert got.tolist() == oracle.rolling(members, size=5, span=span)
    assert flags.sum() == got[probe]


@many
@given(periods, st.integers(0, 4))
def test_unique_members_and_active_periods_are_counted_once(members, probe):
    flags = np.zeros(len(members), np.bool_)
    got = kernels.unique(offsets_of(members), flat_of(members), 5, probe, flags)
    assert got.tolist() == oracle.rolling(members, size=5, span=1)
    assert flags.tolist() == [probe in each for each in members]
    days = kernels.active_periods(offsets_of(members), flat_of(members), 5)
    assert days.tolist() == [len({p for p in each if 0 <= p < 5}) for each in members]


@many
@given(periods, st.integers(0, 4))
def test_every_member_of_a_period_is_new_returning_resurrecting_or_dormant(members, probe):
    members = [[max(p, -2) for p in each] for each in members]
    states = np.zeros(len(members), np.int32)
    got = kernels.lifecycle(offsets_of(members), flat_of(members), 5, probe, states)
    assert got.tolist() == oracle.lifecycle(members, size=5)
    assert [int((states == code).sum()) for code in (1, 2, 3, 4)] == got[:, probe].tolist()
