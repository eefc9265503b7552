"""Loops look at some two thousand events together. Whoever lies in which block, the answer is that of few at a time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from analytics import kernels, kernels_events, kernels_funnel, kernels_periods
from analytics import kernels_attempts as attempts
from analytics.columns import Columns, Shard
from analytics.queries.funnel import Order, _Walking
from analytics.queries.running import selected
from tests.analytics.test_kernels_against_oracle import looks, many

pytestmark = pytest.mark.once

MEMBERS, AT_A_TIME = 600, 7
EDGES = np.arange(0, 1_001, 100)
NOTHING = np.zeros(0, np.int64)
STEPS = 3


def crowd(seen: str) -> Shard:
    """Events enough for some six blocks. Among all there is a member who has more than a block holds: then arrays have
    room for more than a block, so nobody else has."""
    rng = np.random.default_rng(5)
    member = np.append(rng.integers(0, MEMBERS, 12_000), np.full(5_000 if seen == "all" else 0, 311))
    size = len(member)
    at, kind = rng.integers(0, 3_000, size), rng.choice(6, size, p=[0.1, 0.2, 0.2, 0.2, 0.2, 0.1])
    columns = Columns.build(member, at, kind, rng.integers(0, 5, size), rng.integers(0, 4, size))
    marks = rng.random((2, len(columns.members)))
    if seen == "all":
        return columns.shard()
    if seen == "most members":
        return columns.shard(skip=marks[0] < 0.2)
    return columns.shard(skip=marks[0] < 0.2, own=marks[1] < 0.5, allow=np.array([False, True, False, True]))


def in_pieces(shard: Shard) -> list[Shard]:
    pieces = []
    for first in range(0, len(shard.members), AT_A_TIME):
        each = slice(first, first + AT_A_TIME)
        offsets = shard.offsets[first : first + AT_A_TIME + 1]
        events = slice(offsets[0], offsets[-1])
        piece = Shard(
            shard.members[each].copy(),
            offsets - offsets[0],
            shard.at[events].copy(),
            shard.kind[events].copy(),
            shard.group[events].copy(),
            shard.channel[events].copy(),
            shard.skip[each].copy(),
            shard.own[each].copy(),
            shard.allow,
        )
        pieces.append(piece.sealed())
    return pieces


EVERYTHING = kernels_events.Lens(kernels_events.ALWAYS, kernels_events.NEVER, 7, NOTHING, NOTHING, NOTHING)
SOME_KINDS = kernels_events.Lens(50, 2_500, 0, np.array([1, 2, 4, 3, 0]), NOTHING, NOTHING)
LENSES = {
    "everything": EVERYTHING,
    "some kinds": SOME_KINDS,
    # Too little of all to look at every event.
    "a short time": SOME_KINDS._replace(since=400, until=700),
    "some channels and groups": SOME_KINDS._replace(channels=np.array([7, 7, 5]), groups=np.array([7, 3, 7, 6])),
}


SPLIT = kernels_events.Split(True, np.array([0, 1, 2], np.int32), 3)
SETS = kernels_periods.Sets(
    np.append(EDGES, EDGES[:4]), np.array([0, 11, 15]), np.array([100, 0]), np.array([900, 300])
)


def nobody(shard: Shard, kind: Any = np.bool_) -> Any:
    return np.zeros(len(shard.members), kind)


def flagged(kernel: Any, shard: Shard, *asked: Any, kind: Any = np.bool_) -> tuple[Any, ...]:
    """What a kernel answers, and the marks of the members that it makes."""
    marks = nobody(shard, kind)
    answer = kernel(shard, *asked, marks)
    return (*(answer if isinstance(answer, tuple) else (answer,)), marks)


def stepped(mode: int) -> Any:
    exclusions = np.array([[1, 3]])

    def ask(shard: Shard, lens: kernels_events.Lens) -> tuple[Any, ...]:
        more = 2 << kernels_events.EXCLUSIONS if mode == attempts.STRICT else 0
        narrow = lens._replace(kinds=lens.kinds | more | kernels_events.COUNTS * (mode == attempts.STRICT))
        asked = (STEPS, mode, 150, 0, 2_000, EDGES, 1, 2, SPLIT, attempts.FIRST_TOUCH, 1)
        reached, times, rows, entered, converted = attempts.funnel(shard, narrow, exclusions, *asked)
        return reached, times, rows, entered, converted

    return ask


def plain(shard: Shard, lens: kernels_events.Lens) -> tuple[Any, ...]:
    only = selected(shard, lens) if len(shard.allow) else shard
    asked = (STEPS, 150, 0, 2_000, EDGES, 1, 2, SPLIT, attempts.LAST_TOUCH, 1)
    reached, ways, rows_of, sizes, rows, entered, converted, tied = kernels_funnel.plain_funnel(only, lens, *asked)
    each = [part[k, : sizes[k]] for part in (ways, rows_of) for k in range(STEPS)]
    return (reached, rows, tied, *each, entered, converted)


def columns_of(shard: Shard, lens: kernels_events.Lens) -> tuple[Any, ...]:
    only = selected(shard, lens)
    return (only.members, np.diff(only.offsets), only.at, only.kind, only.group, only.channel)


# Each question, and of how many of the first of its answers there is one for each member or event; the others add up.
QUESTIONS = {
    "retention": (lambda s, x: flagged(kernels.retention, s, x, EDGES, True, False, 1, 1, 2)[::-1], 1),
    "total": (lambda s, x: kernels.total(s, x, EDGES, SPLIT), 0),
    "unique": (lambda s, x: flagged(kernels.unique, s, x, EDGES, SPLIT, 3)[::-1], 1),
    "rolling": (lambda s, x: flagged(kernels.rolling, s, x, EDGES, 2, 3, SPLIT, 3)[::-1], 1),
    "lifecycle": (lambda s, x: flagged(kernels.lifecycle, s, x, EDGES, 1, 3, kind=np.int32)[::-1], 1),
    "active periods": (lambda s, x: (kernels.active_periods(s, x, EDGES),), 1),
    "selected": (columns_of, 6),
    "in order": (stepped(attempts.ORDERED), 3),
    "strict": (stepped(attempts.STRICT), 3),
    "in any order": (stepped(attempts.UNORDERED), 3),
    "plain": (plain, 3 + 2 * STEPS),
    "habits": (lambda s, x: kernels_periods.habits(s, x, SETS), 0),
    "lifecycles": (lambda s, x: (kernels_periods.lifecycles(s, x, SETS),), 0),
    "member days": (
        lambda s, x: kernels_periods.member_days(s, x, EDGES, 4, np.array([0, 1, 2, 1], np.int32), 3, 5, 5),
        0,
    ),
}


@pytest.mark.parametrize("seen", ["all", "most members", "some groups"])
@pytest.mark.parametrize("about", LENSES)
@pytest.mark.parametrize("question", QUESTIONS)
def test_many_members_are_answered_as_few_at_a_time(question, about, seen):
    ask, apart = QUESTIONS[question]
    shard, lens = crowd(seen), LENSES[about]
    if question == "member days":
        lens = lens._replace(since=0, until=1_000)
    whole, each = ask(shard, lens), [ask(piece, lens) for piece in in_pieces(shard)]
    assert any(np.any(answer) for answer in whole)
    for number, (answer, *parts) in enumerate(zip(whole, *each, strict=True)):
        told = np.concatenate(parts) if number < apart else sum(parts)
        assert np.array_equal(answer, told), number


@many
@given(looks())
def test_a_plain_funnel_counts_only_what_may_be_looked_at(look):
    steps, shard, lens, split = look
    # With tables of its own a lens narrows the funnel anyway.
    lens = lens._replace(channels=NOTHING, groups=NOTHING)
    query: Any = SimpleNamespace(steps=range(steps), window=9, order=Order.ORDERED, exclusions=(), breakdown=None)
    walking = _Walking(query, lens, split, 0, 31, NOTHING, 1, 1)
    asked = (9_000, 0, 31, NOTHING, 1, 1, split, attempts.NO_TOUCH, 1)
    truth = attempts.funnel(shard, lens, np.zeros((0, 2), np.int64), steps, attempts.ORDERED, *asked)[0]
    reached = sum(np.bincount(run.reached, minlength=steps + 1)[1:] for run in walking(shard))
    assert reached.tolist() == np.bincount(truth, minlength=steps + 1)[1:].tolist()
