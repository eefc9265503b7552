"""The overview counts in compiled loops: they say what a plain count says, with an index and without one."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from analytics.columns import NONE, Columns, events_of
from analytics.index import source
from analytics.index.building import index_build
from analytics.index.files import index_remove
from analytics.kernels_overview import (
    active_of,
    bought_since,
    came,
    first_channel,
    first_group,
    flow,
    rows_between,
)
from analytics.ledger.columns import NEVER, Orders, Places, owners_of, table_of
from analytics.overview.orders import _in_cents
from analytics.overview.page import overview_page
from analytics.overview.people import members_behind
from analytics.warmup import warm_up
from members.models import Member
from tests.analytics.test_overview import asked, at_noon, bought, community, did
from tests.builders import NOW, make_group, make_member

assert at_noon
assert community
KERNELS = (active_of, bought_since, came, first_channel, first_group, flow, rows_between)
GROUPS = 6


def answers(*users):
    found: list[list[object]] = []
    for user in users:
        form, scope = asked(user)
        found.append([list(row) for row in overview_page(form, scope).table.values()])
        for figure in ("stayed", "bought"):
            members, _words = members_behind(form, scope, figure=figure, currency="")
            found.append(list(members.order_by("name").values_list("name", flat=True)))
    return found


@pytest.mark.django_db
def test_an_index_says_what_the_database_says_of_new_events_too(community, settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(source, "FEW_GROUPS", 0)  # else so few are read from the database one by one
    warm_up()
    compiled = [list(kernel.signatures) for kernel in KERNELS]
    assert all(compiled)
    ann, cy, dee, old = (Member.objects.get(name=name) for name in ("Ann", "Cy", "Dee", "Old"))
    mine, theirs = (place.group for place in (ann.memberships.get(), dee.memberships.get()))
    # First an order without a group, of somebody whose first group the operator does not see.
    did(dee, "joined", 1, mine, "late")
    bought(dee, "3", 1)
    # Given back in a currency of its own, out of sight of the operator, before anything was ordered, and nothing.
    did(dee, "refunded", 1, theirs, value=Decimal("1.005"))
    did(cy, "refunded", 2, mine, value=Decimal("0.25"))
    did(old, "refunded", 3, mine, value=Decimal(0))
    before = answers(community.lin, community.mei)
    index_build(now=NOW)
    assert answers(community.lin, community.mei) == before

    did(ann, "message", 1, theirs)
    did(cy, "left", 1, mine)
    eve = make_member("Eve")
    did(eve, "joined", 8, mine, "poster")
    did(eve, "message", 2)
    bought(eve, "10.01", 2)
    did(make_member("Fay"), "joined", 4, make_group("New", branch=community.hangzhou))
    did(old, "refunded", 2, mine, value=Decimal("7.77"))
    fresh = answers(community.lin, community.mei)
    assert [new != old for new, old in zip(fresh, before, strict=True)] == [True, True, True, True, True, True]
    index_remove()
    assert answers(community.lin, community.mei) == fresh
    assert [list(kernel.signatures) for kernel in KERNELS] == compiled


# The loops beside a plain count of random rows, of which some members are skipped.


def moments(dice, size):
    """So few that many are equal, and are those at which something begins or ends."""
    return dice.integers(0, 20, size) * 50


def skipped(dice, table):
    return dice.random(len(table.members)) < 0.2


def random_allow(dice):
    return [NONE, np.arange(GROUPS - 1) % 2 == 1][int(dice.integers(2))]


def may(allow, group):
    return not len(allow) or (group < len(allow) and bool(allow[group]))


def random_places(dice):
    """A table, whom to skip in it, and the rows of the others."""
    size = int(dice.integers(1, 60))
    joined = moments(dice, size)
    gone = np.where(dice.random(size) < 0.5, NEVER, joined + moments(dice, size))
    columns = (dice.integers(1, 12, size), dice.permutation(size), joined, gone, dice.integers(1, GROUPS, size))
    table = table_of(Places, np.stack(columns, axis=1))
    skip = skipped(dice, table)
    rows = zip(owners_of(table, np.arange(size)).tolist(), *(column.tolist() for column in table[2:]), strict=True)
    return table, skip, [row for row in rows if not skip[np.searchsorted(table.members, row[0])]]


@pytest.mark.once
def test_who_came_and_went_is_what_a_plain_count_finds():
    dice = np.random.default_rng(11)
    edges, later = np.array([200, 300, 400, 500, 650, 700]), 2  # days of unequal length
    for _round in range(60):
        table, skip, rows = random_places(dice)
        allow = np.arange(GROUPS - int(dice.integers(2))) % 2 == 1
        by_day, by_group = np.zeros((2, 5), np.int64), np.zeros((len(allow), 2), np.int64)
        there = flow(table, skip, allow, edges, later, by_day, by_group)
        seen = [row for row in rows if may(allow, row[4])]
        days = [range(edges[n], edges[n + 1]) for n in range(5)]
        assert there == sum(joined < 700 <= gone for _who, _number, joined, gone, _group in seen)
        assert by_day[0].tolist() == [sum(row[2] in day for row in seen) for day in days]
        assert by_day[1].tolist() == [sum(row[2] < 700 and row[3] in day for row in seen) for day in days]
        halves = (range(400, 700), range(200, 400))
        for group in range(len(allow)):
            assert by_group[group].tolist() == [
                sum(row[4] == group and row[2] in half for row in seen) for half in halves
            ]


@pytest.mark.once
def test_newcomers_and_what_they_ordered_are_those_whom_a_plain_look_finds():
    dice = np.random.default_rng(12)
    for _round in range(60):
        table, skip, rows = random_places(dice)
        allow = random_allow(dice)
        found = came(table, skip, allow, 200, 600)
        known: dict[int, tuple[int, int]] = {}
        for who, _number, joined, gone, group in rows:
            if 200 <= joined < 600 and may(allow, group):
                first, last = known.get(who, (NEVER, 0))
                known[who] = min(first, joined), max(last, gone)
        assert list(zip(*(column.tolist() for column in found), strict=True)) == [
            (who, *known[who]) for who in sorted(known)
        ]
        size = int(dice.integers(0, 60))
        columns = [dice.integers(1, 14, size), moments(dice, size), *np.zeros((3, size), np.int64)]
        orders = table_of(Orders, np.stack(columns, axis=1))
        without = skipped(dice, orders)
        owner = owners_of(orders, np.arange(size)).tolist()
        kept = [
            (who, at)
            for who, at in zip(owner, orders.at.tolist(), strict=True)
            if not without[np.searchsorted(orders.members, who)]
        ]
        has_bought = np.zeros(len(found[0]), np.bool_)
        bought_since(orders, without, found[0], found[1], 800, has_bought)
        assert found[0][has_bought].tolist() == [
            who for who in sorted(known) if any(of == who and known[who][0] <= at < 800 for of, at in kept)
        ]
        places, owners = rows_between(orders.offsets, orders.at, without, 100, 700)
        between = [(who, at) for who, at in kept if 100 <= at < 700]
        assert list(zip(orders.members[owners].tolist(), orders.at[places].tolist(), strict=True)) == between
        asked_of = np.unique(dice.integers(1, 14, 6))
        groups = np.zeros(len(asked_of), np.int64)
        first_group(table, skip, allow, asked_of, groups)
        assert groups.tolist() == [
            min(((row[2], row[1], row[4]) for row in rows if row[0] == who and may(allow, row[4])), default=(0, 0, 0))[
                2
            ]
            for who in asked_of.tolist()
        ]


@pytest.mark.once
def test_who_was_active_and_the_first_channel_are_those_of_a_plain_look():
    dice = np.random.default_rng(13)
    for _round in range(60):
        size = int(dice.integers(1, 80))
        member, at = dice.integers(1, 12, size), moments(dice, size)
        order = np.lexsort((at, member))
        kind, group, channel = dice.integers(0, 3, size), dice.integers(0, GROUPS, size), dice.integers(0, 3, size)
        columns = Columns.build(member[order], at[order], kind, group, channel)
        allow = random_allow(dice)
        own = dice.random(len(columns.members)) < 0.5 if len(allow) and dice.random() < 0.7 else NONE
        shard = columns.shard(skip=dice.random(len(columns.members)) < 0.2, own=own, allow=allow)
        seen = events_of([shard])
        events = list(
            zip(
                seen.members[seen.rows()].tolist(),
                *(column.tolist() for column in (seen.at, seen.kind, seen.group, seen.channel)),
                strict=True,
            )
        )
        wanted = dice.integers(0, 4, 10).astype(np.uint8)  # the last members are beyond its end
        since, until = np.array([500, 200]), np.array([900, 500])
        marks = active_of(shard, wanted, since, until)
        for place, who in enumerate(columns.members.tolist()):
            bits = int(wanted[who]) if who < len(wanted) else 0
            did_it = [any(row[0] == who and since[k] <= row[1] < until[k] for row in events) for k in (0, 1)]
            assert marks[place] == bits & (did_it[0] | did_it[1] << 1)
        for inside in (False, True):
            who, channels = first_channel(shard, 1, inside)
            first: dict[int, int] = {}
            for of, _at, what, where, through in events:
                if what == 1 and through and (where or not inside):
                    first.setdefault(of, through)
            assert dict(zip(who.tolist(), channels.tolist(), strict=True)) == first


@pytest.mark.once
def test_amounts_are_rounded_as_databases_do():
    amounts = np.array([0, 49, 50, 51, 149, 150, -50, -149, 12_345_650])
    assert _in_cents(amounts).tolist() == [0, 0, 1, 1, 1, 2, -1, -1, 123_457]
