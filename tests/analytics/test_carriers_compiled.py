"""What members did, and who holds a role, is counted in compiled loops: they say what a plain count says."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.columns import NONE, Columns, allowed, inside
from analytics.kernels_ledger import DIGITS, MOST, deeds, holding
from analytics.ledger.columns import Places, table_of

SINCE, UNTIL = 300, 900
# By kind: the column in which it is counted, or None; the last counts all that is.
COLUMN = {1: 0, 2: 1, 3: None}


def shard_of(seed, *, often=0):
    """Events of thirty members, of whom the first did the same thing `often` besides."""
    rng = np.random.default_rng(seed)
    number = 2_000
    member, at = rng.integers(1, 31, number), rng.integers(0, 1_000, number)
    kind, group = rng.choice([1, 2, 3, 5, 70_000 if seed % 2 else 6], number), rng.integers(0, 9, number)
    more = np.full(often, 1)
    columns = Columns.build(
        np.append(member, more),
        np.append(at, more * (SINCE + 1)),
        np.append(kind, more),
        np.append(group, more * 4),
        np.zeros(number + often, np.int64),
    )
    skip = NONE if seed % 3 == 0 else rng.random(len(columns.members)) < (1 if seed == 1 else 0.4)
    return columns.shard(skip=skip)


def adds():
    table = np.zeros(5, np.int64)
    for kind, column in COLUMN.items():
        table[kind] = (1 << 2 * DIGITS) + (0 if column is None else 1 << column * DIGITS)
    return table


def plain_deeds(shard, groups):
    counts = np.zeros((31, 3), np.int32)
    for place, member in enumerate(shard.members.tolist()):
        if len(shard.skip) and shard.skip[place]:
            continue
        for i in range(shard.offsets[place], shard.offsets[place + 1]):
            kind, group = int(shard.kind[i]), int(shard.group[i])
            is_meant = group > 0 if groups is None else group in groups
            if kind in COLUMN and is_meant and SINCE <= shard.at[i] < UNTIL:
                counts[member, 2] += 1
                if COLUMN[kind] is not None:
                    counts[member, COLUMN[kind]] += 1
    return counts


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("groups", [None, [], [2, 4], [5, 7, 8]])
def test_deeds_are_those_of_the_groups_kinds_and_instants_asked_about(seed, groups):
    shard = shard_of(seed)
    counts = np.zeros((31, 3), np.int32)
    numbers = None if groups is None else np.array(groups, np.int64)
    deeds(shard, adds(), SINCE, UNTIL, inside(numbers), counts)
    assert counts.tolist() == plain_deeds(shard, groups).tolist()


@pytest.mark.parametrize("often", [MOST - 20, MOST, 2 * MOST + 7])
def test_whoever_did_something_more_often_than_a_register_holds_is_counted_whole(often):
    shard = shard_of(0, often=often)
    counts = np.zeros((31, 3), np.int32)
    deeds(shard, adds(), SINCE, UNTIL, inside(None), counts)
    assert counts.tolist() == plain_deeds(shard, None).tolist()
    assert counts[1, 0] >= often


def test_nobody_did_anything_where_nobody_is():
    shard = Columns.build(*np.zeros((5, 0), np.int64)).shard()
    counts = np.zeros((1, 3), np.int32)
    deeds(shard, adds(), SINCE, UNTIL, inside(None), counts)
    assert not counts.any()


@pytest.mark.parametrize("groups", [None, [], [1, 3]])
def test_who_holds_one_of_some_memberships(groups):
    rng = np.random.default_rng(7)
    member, number, group = rng.integers(1, 40, 100), rng.permutation(100) + 1, rng.integers(1, 6, 100)
    nothing = np.zeros(100, np.int64)
    places = table_of(Places, np.stack([member, number, nothing, nothing, group], axis=1))
    skip = rng.random(len(places.members)) < 0.2
    held = np.array([3, 8, 17, 40, 41, 62])  # others have a number beyond the bits
    marks = np.zeros(40, np.bool_)
    allow = allowed(None if groups is None else np.array(groups, np.int64))
    holding(places, skip, allow, np.packbits(allowed(held), bitorder="little"), marks)
    skipped = set(places.members[skip].tolist())
    told = {
        m
        for m, n, g in zip(member.tolist(), number.tolist(), group.tolist(), strict=True)
        if n in held and m not in skipped and (groups is None or g in groups)
    }
    assert set(np.flatnonzero(marks).tolist()) == told
