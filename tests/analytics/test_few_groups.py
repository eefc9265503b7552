"""Events of few groups are picked out of the parts of an index without looking at the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from analytics.columns import Columns
from analytics.index import readers
from analytics.index.files import Generation, Manifest
from analytics.index.postings import Postings, table_of
from analytics.index.readers import Readers
from analytics.kernels_few import few_events
from analytics.queries.base import EventSpec, Where, lens_of
from analytics.sources import Selection, SqlSource

MANIFEST = Manifest("", 3, "", 0, 0, 0, "", 0, "")
numbers = st.integers(0, 6)


@st.composite
def generations(draw):
    """Parts of whole members, whose numbers leave the same rest, and columns of all widths."""
    events = draw(
        st.lists(st.tuples(st.integers(1, 12), st.integers(0, 8), numbers, numbers, numbers), min_size=20, max_size=60)
    )
    events = draw(st.sampled_from([events, events, events, events[:2], []]))
    width = draw(st.sampled_from([(np.uint16, np.uint32), (np.uint32, np.uint64)]))
    rows = np.array(events, np.int64).reshape(-1, 5)
    parts, skips = [], []
    for rest in range(3):
        part = Columns.build(*(np.ascontiguousarray(column) for column in rows[rows[:, 0] % 3 == rest].T))
        kind, place = width if rest else (np.uint16, np.uint32)
        parts.append(
            replace(
                part,
                kind=part.kind.astype(kind),
                group=part.group.astype(place),
                channel=part.channel.astype(place),
            )
        )
        skips.append(np.array([draw(st.sampled_from([False, False, True])) for _member in part.members], np.bool_))
    postings = tuple(Postings.of(part) for part in parts)
    # The last part is that of members with news: nobody is skipped there.
    return Generation(MANIFEST, tuple(parts), None, tuple(skips[:2]), postings)


def sorted_numbers(most, **limits):
    return st.frozensets(st.integers(0, most), **limits).map(lambda found: np.array(sorted(found), np.int64))


@pytest.mark.once
@examples(deadline=None, max_examples=60)
@given(data=st.data())
def test_they_are_those_that_looking_at_each_event_finds(data):
    generation = data.draw(generations())
    # Mostly wide, for something to be left of it all.
    groups, gone = data.draw(sorted_numbers(7)), data.draw(sorted_numbers(13, max_size=3))
    outside, only = (data.draw(st.none() | sorted_numbers(13, min_size=least)) for least in (0, 8))
    kinds = data.draw(st.none() | st.frozensets(st.integers(1, 7), min_size=4) | st.just(frozenset()))
    since, until = data.draw(st.sampled_from([None, 0, 4])), data.draw(st.sampled_from([9, 6, -1]))
    found = Readers(generation, groups, outside).events(since=since, until=until, kinds=kinds, only=only, gone=gone)
    expected = []
    for number, part in enumerate(generation.columns):
        for place, at, kind, group, channel in zip(
            part.rows().tolist(), *(c.tolist() for c in (part.at, part.kind, part.group, part.channel)), strict=True
        ):
            member = int(part.members[place])
            is_left_out = number < len(generation.skips) and generation.skips[number][place]
            is_there = group in groups if group or outside is None else member in outside
            if (
                is_there
                and not is_left_out
                and member not in gone
                and (only is None or member in only)
                and (kinds is None or kind in kinds)
                and (since is None or at >= since)
                and at < until
            ):
                expected.append((member, at, kind, group, channel))
    # Compiled once, whatever columns there are.
    assert len(few_events.signatures) == 1
    # Each member's stand together, as they stood; in which order members do is left open.
    together = Columns.together(*found)
    assert len(set(together.members.tolist())) == len(together.members)
    in_order = Columns.build(*found)
    columns = (in_order.at, in_order.kind, in_order.group, in_order.channel)
    rows = zip(in_order.members[in_order.rows()].tolist(), *(column.tolist() for column in columns), strict=True)
    assert list(rows) == sorted(expected, key=lambda row: row[:2])


@pytest.mark.once
def test_of_many_members_none_are_picked(monkeypatch):
    part = Columns.build(*(np.array(column, np.int64) for column in ([1, 2, 3], [5] * 3, [1] * 3, [4, 4, 5], [0] * 3)))
    part = Columns(*part.shard()[:6])
    generation = Generation(MANIFEST, (part,), None, (), (Postings.of(part),))
    monkeypatch.setattr(readers, "FEW_READ", 1)
    for groups, outside, are_few in (([5], None, True), ([4], None, False), ([4, 5], None, False), ([5], [1], False)):
        asked = Readers(generation, np.array(groups), None if outside is None else np.array(outside))
        assert (asked.events(since=None, until=9, kinds=None) is not None) is are_few


@pytest.mark.once
@pytest.mark.parametrize("name", ["members", "at", "kind", "group"])
def test_a_column_of_another_type_is_refused(name):
    part = Columns(*Columns.build(*(np.ones(3, np.int64) for _column in range(5))).shard()[:6])
    table_of([part], [Postings.of(part)], ())
    wrong = replace(part, **{name: getattr(part, name).astype(np.float64)})
    with pytest.raises(ValueError, match="type"):
        table_of([wrong], [Postings.of(part)], ())


@pytest.mark.django_db
@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL chooses by its statistics, SQLite by the indexes there are"
)
@pytest.mark.parametrize("chosen", [None, frozenset([7])])
def test_the_newest_of_a_large_group_and_those_of_few_members_are_not_looked_for_in_all_of_it(cast, chosen):
    source = SqlSource(Selection(cast.lin, group_ids=chosen), everything=True)
    for after, members, found_by in (
        (1, None, "PRIMARY KEY"),
        (0, [3], "activity_event_member_at"),
        (0, None, "activity_event_group_at"),
    ):
        with CaptureQueriesContext(connection) as asked:
            source.rows(since=0, until=9, kinds=None, after=after, members=members, groups=np.array([7]))
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN QUERY PLAN " + asked[-1]["sql"])
            assert found_by in str(cursor.fetchall())


class Places:
    """Seven groups, the last of them without a type, and seven channels."""

    def kind(self, slug):
        return 1

    def known(self, attribute):
        values = "babab" if attribute == "community_type" else "12345"
        return {**dict(enumerate([*values, "6"], start=1)), 7: ""}

    def having(self, attribute, values):
        return [number for number, value in self.known(attribute).items() if value in values]

    def members(self, ids):
        return [str(number) for number in ids]


@pytest.mark.once
@examples(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_condition_says_of_each_group_what_its_value_says(data):
    conditions = st.dictionaries(
        st.sampled_from(["channel", "group", "community_type"]),
        st.lists(st.sampled_from(["", "1", "3", "6", "8", "a", "b"]), max_size=3).map(tuple),
    ).map(Where)
    specs = [EventSpec(None, data.draw(conditions)) for _step in range(3)]
    every = data.draw(conditions)
    lens = lens_of(specs, every, Places(), since=None, until=9)
    for group in range(9):
        for channel in range(9):
            bits = lens.other
            for table, number in ((lens.groups, group), (lens.channels, channel)):
                if len(table):
                    bits &= table[number if number < len(table) else 0]
            for step, spec in enumerate(specs):
                fits = True
                for where in (every, spec.where):
                    for attribute, values in where.allowed.items():
                        # There is no eighth one: it is taken for none.
                        value = Places().known(attribute).get(channel if attribute == "channel" else group, "")
                        fits &= value in values
                assert bool(bits >> step & 1) is fits, (group, channel, step)
