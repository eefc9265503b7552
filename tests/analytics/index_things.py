"""Events, an index of them, and what happens to both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import strategies as st

from activity.models import Event
from activity.services import (
    EventRow,
    event_key,
    events_delete,
    events_move,
    events_move_back,
    kinds_ensure,
    record_batch,
)
from analytics.columns import Columns, events_of
from analytics.index import building, files
from analytics.index.building import index_build, index_refresh
from analytics.index.source import IndexSource, source_of
from analytics.sources import Selection, SqlSource
from tests.base import Cast
from tests.builders import NOW, make_group, make_member

START = datetime(2026, 3, 1, tzinfo=UTC)
EVER = int(datetime(2030, 1, 1, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def small(monkeypatch):
    """Parts of a few events, and everything wide enough for the index."""
    monkeypatch.setattr(building, "PART", 7)
    monkeypatch.setattr(building, "CHUNK", 5)
    monkeypatch.setattr("analytics.index.source.FEW_GROUPS", 0)
    monkeypatch.setattr("analytics.index.source.FEW_MEMBERS", 0)
    monkeypatch.setattr("analytics.index.readers.SPARED", 0)


def add(rows, start=0):
    """Events from (member, group, kind, second); their keys continue from `start`."""
    kinds = kinds_ensure({kind for _member, _group, kind, _second in rows})
    record_batch(
        [
            EventRow(event_key("index", f"{start + n}"), member, group, kinds[kind], START + timedelta(seconds=second))
            for n, (member, group, kind, second) in enumerate(rows)
        ]
    )


def same(selection, **question):
    """What the index says, after a look that it is the index, and that the database says the same."""
    source = source_of(selection)
    assert isinstance(source, IndexSource)
    question = {"since": None, "until": EVER, "kinds": None} | question
    ours, truth = by_member(read(source, **question)), by_member(read(SqlSource(selection), **question))
    assert ours == truth
    return ours


def read(source, *, since, until, kinds):
    """What a source brings of just these events."""
    every = events_of([shard.open() for shard in source.shards(since=since, until=until, kinds=kinds)])
    keep = (every.at >= (since or 0)) & (every.at < until)
    if kinds is not None:
        keep &= np.isin(every.kind, list(kinds))
    member = np.repeat(every.members, np.diff(every.offsets))
    columns = (member, every.at, every.kind, every.group, every.channel)
    return Columns.build(*(column[keep] for column in columns))


def by_member(columns):
    spans = zip(columns.members.tolist(), columns.offsets[:-1].tolist(), columns.offsets[1:].tolist(), strict=True)
    return {
        member: list(
            zip(
                *(column[lo:hi].tolist() for column in (columns.at, columns.kind, columns.group, columns.channel)),
                strict=True,
            )
        )
        for member, lo, hi in spans
        if hi > lo
    }


DAYS = {"from": "2026-03-01T00:00:01Z", "to": "2026-03-01T00:00:05Z"}
ACTS = ["add", "build", "refresh", "move", "back", "take"]


class Story:
    """What happens to events and to their index, which begin with nothing."""

    def __init__(self, data, groups, members):
        self.data, self.members, self.sent = data, members, 0
        self.event = st.tuples(
            st.sampled_from([member.pk for member in members]),
            st.sampled_from([None, *(group.pk for group in groups)]),
            st.sampled_from(["message", "like", "ordered"]),
            st.integers(0, 6),
        )
        files.index_remove()
        Event.objects.all().delete()

    def act(self, act):
        if act == "add":
            rows = self.data.draw(st.lists(self.event, min_size=1, max_size=12))
            add(rows, self.sent)
            self.sent += len(rows)
        elif act == "build":
            index_build(now=NOW)
        elif act == "refresh":
            index_refresh(now=NOW)
        elif act == "take":
            events_delete(keys=[event_key("index", f"{number}") for number in range(self.sent) if number % 3 == 0])
        else:
            one, other = self.data.draw(st.permutations(self.members))[:2]
            numbers = events_move(member_id=one.pk, to=other.pk)
            if act == "back":
                events_move_back(numbers=numbers, member_id=other.pk, to=one.pk)


@pytest.fixture
def cast_once(cast: Cast):
    groups = [make_group(branch=cast.hangzhou), make_group(branch=cast.hangzhou), make_group(branch=cast.chengdu)]
    members = [make_member(groups=[groups[number % 3]]) for number in range(5)]
    return cast, groups, members


@pytest.fixture
def talk(cast, small):
    """Three members who wrote something, of whom an index was built."""
    group = make_group(branch=cast.hangzhou)
    members = [make_member(groups=[group]) for _number in range(3)]
    add([(member.pk, group.pk, "message", second) for second, member in enumerate([*members, *members])])
    index_build(now=NOW)
    return Selection(cast.lin), group, members
