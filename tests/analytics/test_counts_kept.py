"""Counts of the parts of an index that last are kept, and an answer is right whatever came since."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from analytics import kernels
from analytics.columns import events_of
from analytics.index.building import index_build
from analytics.index.source import IndexSource, source_of
from analytics.queries import adding
from analytics.queries.activity import ActivityQuery
from analytics.queries.funnel import FunnelQuery
from analytics.queries.retention import RetentionQuery
from analytics.sources import Selection, SqlNames, SqlSource
from members.models import Membership
from tests.analytics.index_things import (
    ACTS,
    DAYS,
    EVER,
    Story,
    add,
    cast_once,
    data_dir,
    small,
    talk,
)
from tests.builders import NOW, make_group, make_member

__all__ = ["cast_once", "data_dir", "small", "talk"]

QUESTIONS = [
    ActivityQuery.read({"range": DAYS, "interval": "hour", **asked}, zone=ZoneInfo("UTC"), now=NOW)
    for asked in (
        {"metric": "total", "breakdown": {"by": "group"}},
        {"metric": "unique", "breakdown": {"by": "branch"}},
        {"metric": "unique", "cumulative": True},
        {"metric": "rolling_unique"},
        {"metric": "lifecycle"},
        {"metric": "stickiness"},
    )
] + [
    RetentionQuery.read(
        {"range": DAYS, "period": "day", "start_event": {"kind": "message"}, "mode": mode},
        zone=ZoneInfo("UTC"),
        now=NOW,
    )
    for mode in ("recurring", "first_time")
]


FUNNEL = FunnelQuery.read(
    {"range": DAYS, "steps": [{"kind": "message"}, {"kind": "ordered"}]}, zone=ZoneInfo("UTC"), now=NOW
)


@dataclass(frozen=True)
class HowMany:
    """Members, and how many events of each may be looked at."""

    def __call__(self, shard):
        seen = events_of([shard])
        return seen.members, np.diff(seen.offsets)


def told_of_each(source):
    table = adding.run_by_member(source.shards(since=None, until=EVER, kinds=None), HowMany())
    return {number: table[number] for number in np.flatnonzero(table).tolist()}


@pytest.mark.django_db
@examples(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_counts_that_were_kept_of_what_lasts_are_right_whatever_came_since(cast_once, small, monkeypatch, data):
    cast, groups, members = cast_once
    story = Story(data, groups, members)
    monkeypatch.setattr(adding, "MOST_SKIPPED", data.draw(st.sampled_from([0.2, 1, 1])))
    few = st.frozensets(st.sampled_from([member.external_id for member in members]), min_size=3)
    chosen = data.draw(st.none() | few)
    story.act("add")
    index_build(now=NOW)
    for act in data.draw(st.lists(st.sampled_from(ACTS), min_size=1, max_size=5)):
        for question in QUESTIONS:
            for user in (cast.lin, cast.mei):
                selection = Selection.of(user, groups=None, members=chosen)
                # Of a database whose newest event was taken back there is no index.
                source = source_of(selection)
                ours, truth = (question.compute(one, SqlNames(), now=NOW) for one in (source, SqlSource(selection)))
                assert ours.as_dict() == truth.as_dict(), question
        for user in (cast.lin, cast.mei):
            selection = Selection.of(user, groups=None, members=chosen)
            assert told_of_each(source_of(selection)) == told_of_each(SqlSource(selection))
        counts = FUNNEL.compute(SqlSource(Selection(cast.lin)), SqlNames(), now=NOW).all.counts
        assert FUNNEL.counts(source_of(Selection(cast.lin)), SqlNames()) == counts
        story.act(act)


@pytest.mark.django_db
def test_a_question_is_counted_once_over_what_lasts_and_then_over_the_members_with_news(talk, monkeypatch):
    selection, group, members = talk
    looked_at = []
    unique = kernels.unique

    def watched(shard, *rest):
        looked_at.append(len(shard.members) - shard.skip.sum())
        return unique(shard, *rest)

    monkeypatch.setattr(kernels, "unique", watched)
    monkeypatch.setattr(adding, "MOST_SKIPPED", 0.5)
    adding.forget_counts()
    question = ActivityQuery.read({"range": DAYS, "metric": "unique"}, zone=ZoneInfo("UTC"), now=NOW)

    def ask():
        return question.compute(source_of(selection), SqlNames(), now=NOW).all

    first = ask()
    assert sum(looked_at) == 3
    looked_at.clear()
    assert ask() == first
    assert sum(looked_at) == 0
    add([(members[0].pk, group.pk, "ordered", 2)], start=100)
    assert ask() == first
    assert sum(looked_at) == 2, "the member with news: as it was, to be taken off, and as it is"


@pytest.mark.django_db
def test_what_is_kept_of_each_member_is_told_beside_that_of_who_came_since(talk):
    selection, group, members = talk
    before = told_of_each(source_of(selection))
    assert set(before) == {member.pk for member in members}
    newcomer = make_member(groups=[group])
    add([(newcomer.pk, group.pk, "message", 2)], start=100)
    after = told_of_each(source_of(selection))
    assert after == told_of_each(SqlSource(selection))
    assert set(after) == {*before, newcomer.pk}


@pytest.mark.django_db
def test_what_a_branch_comes_to_see_of_a_member_outside_of_groups_counts_from_then_on(cast, small):
    here, there = make_group(branch=cast.hangzhou), make_group(branch=cast.chengdu)
    ours, theirs = make_member(groups=[here]), make_member(groups=[there])
    add([(ours.pk, None, "message", 2), (theirs.pk, None, "message", 2)])
    index_build(now=NOW)
    question = ActivityQuery.read({"range": DAYS, "metric": "total"}, zone=ZoneInfo("UTC"), now=NOW)
    counts = []
    for _look in range(2):
        source = source_of(Selection(cast.mei))
        assert isinstance(source, IndexSource)
        counts.append(question.compute(source, SqlNames(), now=NOW).all["sum"])
        Membership.objects.get_or_create(member=theirs, group=here, defaults={"joined_at": NOW, "last_seen_at": NOW})
    assert counts == [1, 2]
