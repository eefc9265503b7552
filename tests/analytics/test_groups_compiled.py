"""Reports about groups count in compiled loops: they say what a plain count says, with an index and without one."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.test import Client

from analytics import kernels_groups
from analytics.columns import Columns, codes_of
from analytics.index import source
from analytics.index.building import index_build
from analytics.index.files import index_remove
from analytics.kernels_groups import (
    ACTIVE,
    BUYERS,
    CAME,
    MEMBERS,
    ORDERS,
    STAYED,
    PostTable,
    Reading,
    Windows,
    active_and_back,
    newcomers,
    post_readers,
    present,
)
from analytics.ledger import reading as ledger_reading
from analytics.ledger.building import ledger_build
from analytics.ledger.columns import NEVER, Places, table_of
from analytics.warmup import warm_up
from members.models import Member
from tests.analytics.test_best_hour import EVENING, at_noon, clock, did, reading
from tests.builders import NOW, make_group, make_member

assert at_noon
assert reading
KERNELS = (active_and_back, newcomers, post_readers, present)
PAGES = (
    "/reports/best-hour/?export=csv",
    "/reports/best-hour/?measure=conversion&export=csv",
    "/reports/branches/?export=csv",
    "/reports/retention/?what=membership&export=csv",
    "/reports/retention/?what=membership&by=branch&export=csv&table=breakdown",
    "/reports/retention/?what=membership&by=group&export=csv&table=breakdown",
)


def answers(*people):
    """The files behind the pages, as these people get them."""
    files = []
    for person in people:
        client = Client()
        client.force_login(person)
        files += [b"".join(client.get(address)).decode() for address in PAGES]
    return files


@pytest.mark.django_db
def test_an_index_says_what_the_database_says_of_new_events_too(cast, reading, settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(source, "FEW_GROUPS", 0)  # else so few are read from the database one by one
    monkeypatch.setattr(ledger_reading, "LARGE", 1)  # places are counted in several threads
    warm_up()
    compiled = [list(kernel.signatures) for kernel in KERNELS]
    assert all(compiled)
    other = make_group("Maths", branch=cast.chengdu, now=NOW - timedelta(days=90))
    first, second, *_others, last = Member.objects.filter(memberships__group=reading).order_by("pk")
    make_member("Late", [other], now=NOW - timedelta(days=50))
    did([(first, other, "message", clock(50, 9)), (first, other, "message", clock(20, 9))])
    index_build(now=NOW)
    ledger_build()
    before = answers(cast.ana, cast.mei)

    reading.refresh_from_db()
    make_member("Newest", [reading, other], now=clock(3, 9))
    did(
        [
            (last, reading, "post_seen", clock(5, EVENING, 30)),
            (second, other, "message", clock(4, 9)),
            (first, reading, "left", clock(1, 9)),
            (first, None, "ordered", clock(6, EVENING + 1)),
        ]
    )
    fresh = answers(cast.ana, cast.mei)
    monkeypatch.setattr(ledger_reading, "LARGE", 1_000)
    index_remove()
    assert answers(cast.ana, cast.mei) == fresh
    assert [new != old for new, old in zip(fresh, before, strict=True)] == [True] * len(fresh)
    assert [list(kernel.signatures) for kernel in KERNELS] == compiled


# The loops beside a plain count of random events. `now` is the end of a thousand milliseconds.

KIND_SEEN, KIND_ORDERED, GROUPS, ROWS = 1, 2, 6, 3


def made(dice):
    """Random events, who may be looked at, and places."""
    size = 400
    member, at = dice.integers(1, 12, size), dice.integers(0, 1000, size)
    order = np.lexsort((at, member))
    kind, group = dice.integers(0, 4, size), dice.integers(0, GROUPS, size)
    columns = Columns.build(member[order], at[order], kind[order], group[order], np.zeros(size, np.int64))
    skip = dice.random(len(columns.members)) < 0.1
    shard = columns.shard(skip=skip)
    seen = [
        (who, when, what, where)
        for who, when, what, where in zip(
            columns.members[columns.rows()].tolist(),
            *(column.tolist() for column in (columns.at, columns.kind, columns.group)),
            strict=True,
        )
        if not skip[np.searchsorted(columns.members, who)]
    ]
    return shard, seen


@pytest.mark.once
@pytest.mark.parametrize("bought", [False, True])
def test_readers_of_posts_are_those_whom_a_plain_count_finds(bought):
    dice = np.random.default_rng(7)
    for _round in range(30):
        shard, seen = made(dice)
        number = int(dice.integers(1, 40))
        posts = sorted((int(dice.integers(1, GROUPS)), int(dice.integers(0, 1000))) for _post in range(number))
        group, sent = np.array(posts, np.int64).T.copy()
        cell = dice.integers(0, 3, number)
        since, until, patience, wait = 100, 900, 200, 200
        marks = np.arange(3) == KIND_SEEN
        orders = np.arange(3) == KIND_ORDERED if bought else np.zeros(0, np.bool_)
        table = PostTable(np.searchsorted(group, np.arange(int(group[-1]) + 2)).astype(np.int64), sent, cell)
        flags = np.zeros(len(shard.members), np.bool_)
        counts = post_readers(shard, table, Reading(since, until, marks, patience, orders, wait), 1, flags)
        readers: list[set[int]] = [set() for _post in posts]
        for who, at, kind, where in seen:
            before = [n for n, (of, when) in enumerate(posts) if of == where and when <= at]
            if kind != KIND_SEEN or not since <= at < until or not before or at - posts[before[-1]][1] > patience:
                continue
            followed = any(
                buyer == who and what == KIND_ORDERED and at <= when < until and when - at <= wait
                for buyer, when, what, _where in seen
            )
            if followed or not bought:
                readers[before[-1]].add(who)
        assert counts.tolist() == [len(found) for found in readers]
        behind = set().union(*(found for found, of in zip(readers, cell.tolist(), strict=True) if of == 1))
        assert set(shard.members[flags].tolist()) == behind


@pytest.mark.once
def test_places_and_who_came_back_are_as_a_plain_count_finds():
    dice = np.random.default_rng(8)
    for _round in range(30):
        shard, seen = made(dice)
        first: dict[tuple[int, int], int] = {}
        for who, at, _kind, where in seen:
            if where:
                first.setdefault((who, where), at)
        rows = [
            (who, number, at, int(at + dice.integers(0, 300)) if dice.random() < 0.3 else NEVER, where)
            for number, ((who, where), at) in enumerate(first.items())
        ]
        places = table_of(Places, np.array(rows, np.int64))
        nobody = np.zeros(len(places.members), np.bool_)
        row_of = np.array([-1, 0, 1, 1, 2, -1])[: int(dice.integers(4, GROUPS + 1))]
        table = codes_of(np.flatnonzero(row_of >= 0), row_of[row_of >= 0])
        mine = [(who, at, gone, int(row_of[where])) for who, _n, at, gone, where in rows if where < len(row_of)]
        mine = [place for place in mine if place[3] >= 0]

        found = newcomers(places, nobody, table, ROWS, 200, 700)
        times: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for who, at, gone, row in mine:
            times.setdefault((who, row), []).append((at, gone))
        came = {key: (min(at for at, _g in spans), max(gone for _at, gone in spans)) for key, spans in times.items()}
        expected = sorted((*key, *span) for key, span in came.items() if 200 <= span[0] < 700)
        assert sorted(map(tuple, found.T.tolist())) == expected

        edges = np.array([100, 300, 500], np.int64)
        windows = Windows(np.array([400, 600, 800], np.int64), edges, 100, 250)
        orders, before = dice.integers(0, 3, 41), dice.integers(0, 3, 41)
        figures, began = present(places, nobody, table, ROWS, edges, orders, before)
        figures = figures + active_and_back(shard, windows, table, table, ROWS, began)
        for row in range(ROWS):
            here = {who for who, _at, gone, of in mine if of == row and gone == NEVER}
            assert figures[MEMBERS, row] == len(here)
            for then, counts in enumerate((orders, before)):
                assert figures[ORDERS + then, row] == sum(counts[who] for who in here)
                assert figures[BUYERS + then, row] == sum(counts[who] > 0 for who in here)
                start, end = (edges[1], edges[2]) if not then else (edges[0], edges[1])
                new = {
                    (who, where): at
                    for who, _n, at, _gone, where in rows
                    if where < len(row_of) and row_of[where] == row and start <= at < end
                }
                assert figures[CAME + then, row] == len(new)
                stayed = {
                    (who, where)
                    for who, at, _kind, where in seen
                    if (who, where) in new and 100 <= at - new[who, where] < 250
                }
                assert figures[STAYED + then, row] == len(stayed)
                start, end = (600, 800) if not then else (400, 600)
                active = {
                    who
                    for who, at, _kind, where in seen
                    if where < len(row_of) and row_of[where] == row and start <= at < end
                }
                assert figures[ACTIVE + then, row] == len(active)


def test_every_loop_is_compiled_before_anybody_waits():
    loops = {name for name, loop in vars(kernels_groups).items() if hasattr(loop, "signatures") and name[0] != "_"}
    assert loops == {kernel.__name__ for kernel in KERNELS}
