"""Who has events in which group: it spares reading the others, and changes no answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from activity.models import Event
from analytics.index import files, readers
from analytics.index.building import index_build, index_refresh
from analytics.index.files import index_folder, manifest_read
from analytics.index.postings import FILES
from analytics.index.source import IndexSource, generation_in_force, source_of
from analytics.queries import adding
from analytics.queries.activity import ActivityQuery
from analytics.queries.funnel import FunnelQuery
from analytics.queries.retention import RetentionQuery
from analytics.sources import Selection, SqlNames, SqlSource
from tests.analytics.index_things import ACTS, DAYS, Story, add, cast_once, data_dir, small, talk
from tests.builders import NOW, make_group, make_member

__all__ = ["cast_once", "data_dir", "small", "talk"]


def questions(where):
    asked = {"range": DAYS, "filter": where}
    zone = ZoneInfo("UTC")
    for metric in ("total", "unique", "lifecycle", "stickiness"):
        yield ActivityQuery.read({"metric": metric, "interval": "hour", **asked}, zone=zone, now=NOW)
    yield RetentionQuery.read({"period": "day", "start_event": {"kind": "message"}, **asked}, zone=zone, now=NOW)
    yield FunnelQuery.read({"steps": [{"kind": "message"}, {"kind": "ordered"}], **asked}, zone=zone, now=NOW)


@pytest.mark.django_db
@examples(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_answers_are_those_without_it(cast_once, small, monkeypatch, data):
    cast, groups, members = cast_once
    story = Story(data, groups, members)
    monkeypatch.setattr(readers, "FEW_READ", data.draw(st.sampled_from([0, 5000])))
    for act in ["add", "build", *data.draw(st.lists(st.sampled_from(ACTS), max_size=4))]:
        story.act(act)
    if not Event.objects.exists():
        return
    index_refresh(now=NOW)
    if data.draw(st.booleans()):
        story.act("add")
    names = st.sampled_from([group.external_id for group in groups])
    user = data.draw(st.sampled_from([cast.lin, cast.mei, cast.out]))
    selection = Selection.of(user, groups=data.draw(st.none() | st.frozensets(names, min_size=1)), members=None)
    where = data.draw(
        st.sampled_from([{}, {"branch": cast.hangzhou.code}, {"group": ""}])
        | st.lists(names, min_size=1).map(lambda n: {"group": n})
    )
    source = source_of(selection)
    assert isinstance(source, IndexSource)
    assert source.generation.postings
    without = IndexSource(selection, replace(source.generation, postings=()))
    assert np.array_equal(source.generation.outside, without.generation.outside)
    for question in questions(where):
        answers = []
        for one in (source, without, SqlSource(selection)):
            adding.forget_counts()
            answers.append(question.compute(one, SqlNames(), now=NOW).as_dict())
        assert answers[0] == answers[1] == answers[2], question


@pytest.mark.django_db
class TestWhoIsRead:
    def test_only_members_of_the_groups_that_are_asked_for(self, talk, cast, monkeypatch):
        _selection, _group, members = talk
        other = make_group(branch=cast.hangzhou)
        add([(members[0].pk, other.pk, "like", 3)], start=50)
        index_build(now=NOW)
        chosen = IndexSource(Selection(cast.lin, group_ids=frozenset([other.pk])), generation_in_force())
        until = int((NOW + timedelta(days=9)).timestamp() * 1000)
        (few,) = (one.open() for one in chosen.shards(since=None, until=until, kinds=None))
        assert (few.members.tolist(), few.group.tolist()) == ([members[0].pk], [other.pk])
        monkeypatch.setattr(readers, "FEW_READ", 0)
        read = [one.open() for one in chosen.shards(since=None, until=until, kinds=None)]
        assert [number for one in read for number in one.members[~one.skip]] == [members[0].pk]

    @pytest.mark.parametrize("few", [0, 5000])
    def test_what_a_member_of_a_branch_does_outside_of_groups_is_read_with_the_rest(self, talk, cast, monkeypatch, few):
        _selection, group, _members = talk
        monkeypatch.setattr(readers, "FEW_READ", few)
        of_branch, stranger = make_member(groups=[group]), make_member(groups=[make_group(branch=cast.chengdu)])
        Event.objects.filter(member_id=of_branch.pk).delete()  # of joining: a membership can be known without one
        add([(member.pk, None, "like", 3) for member in (of_branch, stranger)], start=50)
        index_build(now=NOW)
        liked = {"steps": [{"kind": "like"}], "range": DAYS}
        question = FunnelQuery.read(liked, zone=ZoneInfo("UTC"), now=NOW)
        source = source_of(Selection(cast.mei))
        assert isinstance(source, IndexSource)
        assert question.compute(source, SqlNames(), now=NOW).all.counts == [1]

    def test_a_filter_reads_as_few_as_a_selection(self, talk, cast, monkeypatch):
        _selection, _group, members = talk
        other = make_group(branch=cast.hangzhou)
        add([(members[1].pk, other.pk, "like", 3)], start=50)
        index_build(now=NOW)
        seen: list[int] = []
        shards = IndexSource.shards

        def watched(self, **asked):
            found = shards(self, **asked)
            seen.extend(number for one in found for number in one.open().members.tolist())
            return found

        monkeypatch.setattr(IndexSource, "shards", watched)
        question = ActivityQuery.read(
            {"range": DAYS, "metric": "total", "filter": {"group": other.external_id}}, zone=ZoneInfo("UTC"), now=NOW
        )
        assert question.compute(source_of(Selection(cast.lin)), SqlNames(), now=NOW).all["sum"] == 1
        assert seen == [members[1].pk]


@pytest.mark.django_db
class TestFiles:
    def test_an_index_from_before_still_serves_and_few_groups_are_read_from_the_database(self, talk, monkeypatch):
        selection, group, _members = talk
        monkeypatch.setattr("analytics.index.source.FEW_GROUPS", 50)
        few = replace(selection, group_ids=frozenset([group.pk]))
        assert isinstance(source_of(few), IndexSource)
        for path in index_folder().glob("base-*/*/posting_*.npy"):
            path.unlink()
        opened = files.generation_open(manifest_read())
        assert (opened.postings, len(opened.outside)) == ((), 0)
        monkeypatch.setattr("analytics.index.source._opened.generation", opened)
        assert isinstance(source_of(few), SqlSource)
        assert isinstance(source_of(selection), IndexSource)

    @pytest.mark.parametrize("part", ["base-*/000", "recent-*"])
    def test_the_next_refresh_builds_an_index_from_before_anew(self, talk, part):
        _selection, group, members = talk
        add([(members[0].pk, group.pk, "like", 3)], start=50)
        before = index_refresh(now=NOW)
        assert before.recent
        for path in index_folder().glob(f"{part}/posting_*.npy"):
            path.unlink()
        assert not files.generation_open(manifest_read()).postings
        index_refresh(now=NOW)
        after = manifest_read()
        assert (after.base != before.base, after.recent, after.events) == (True, "", before.events)
        assert generation_in_force().postings
        index_refresh(now=NOW)
        assert manifest_read() == after

    @pytest.mark.parametrize("fault", ["gone", "cut", "of others"])
    @pytest.mark.parametrize("name", FILES)
    def test_damaged_ones_are_no_index(self, talk, name, fault):
        (file,) = index_folder().glob(f"base-*/000/{name}.npy")
        if fault == "gone":
            file.unlink()
        elif fault == "cut":
            file.write_bytes(file.read_bytes()[:-4])
        else:
            np.save(file, np.full(99, 99, np.load(file).dtype))
        with pytest.raises((OSError, ValueError)):
            files.generation_open(manifest_read())
