"""The index on disk: whatever is asked of it, the answer is that of the database."""

from __future__ import annotations

import errno
import gc
import threading
import time
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from activity.models import Event
from activity.services import (
    event_key,
    events_delete,
    kinds_ensure,
)
from analytics.columns import column_open
from analytics.index import building, files, readers
from analytics.index.building import index_build, index_refresh
from analytics.index.files import IndexBusy, IndexDiskFull, index_folder, manifest_read
from analytics.index.source import source_of
from analytics.sources import Selection, SqlSource
from analytics.tasks import refresh_index
from tests.analytics.index_things import (
    ACTS,
    EVER,
    START,
    Story,
    add,
    by_member,
    cast_once,
    data_dir,
    read,
    same,
    small,
    talk,
)
from tests.builders import NOW, make_group, make_member

__all__ = ["cast_once", "data_dir", "small", "talk"]


@pytest.mark.django_db
@examples(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_it_answers_as_the_database_does_whatever_was_built_added_and_moved(cast_once, small, monkeypatch, data):
    cast, groups, members = cast_once
    story = Story(data, groups, members)
    for act in data.draw(st.lists(st.sampled_from(ACTS), min_size=2, max_size=7)):
        story.act(act)
    if not Event.objects.exists():
        return
    index_refresh(now=NOW)
    if data.draw(st.booleans()):
        story.act("add")
    user = data.draw(st.sampled_from([cast.lin, cast.mei, cast.out]))
    some = st.none() | st.frozensets(st.sampled_from([group.external_id for group in groups]), min_size=1)
    few = st.none() | st.frozensets(st.sampled_from([member.external_id for member in members]), min_size=1)
    selection = Selection.of(user, groups=data.draw(some), members=data.draw(few))
    kinds = data.draw(st.none() | st.just(set(kinds_ensure(["message", "ordered"]).values())))
    first = int(START.timestamp() * 1000)
    since = data.draw(st.none() | st.integers(0, 6).map(lambda second: first + 1000 * second))
    monkeypatch.setattr(readers, "FEW_READ", data.draw(st.sampled_from([0, 5000])))
    same(selection, since=since, until=first + 1000 * data.draw(st.integers(3, 8)), kinds=kinds)


@pytest.mark.django_db
class TestWithoutOne:
    def test_reports_are_read_from_the_database(self, cast):
        assert isinstance(source_of(Selection(cast.lin)), SqlSource)

    @pytest.mark.parametrize("fault", ["deleted", "no manifest", "half a manifest", "a file cut", "a file gone"])
    def test_a_damaged_one_is_none(self, talk, fault):
        selection, _group, _members = talk
        folder = index_folder()
        (part,) = folder.glob("base-*/000")
        if fault == "deleted":
            for path in sorted(folder.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
        if fault == "no manifest":
            files.index_remove()
        if fault == "half a manifest":
            (folder / files.MANIFEST).write_text('{"base": "ba')
        if fault == "a file cut":
            (part / "at.npy").write_bytes((part / "at.npy").read_bytes()[:-8])
        if fault == "a file gone":
            (part / "kind.npy").unlink()
        # Another thread has not opened it before.
        found = []
        reader = threading.Thread(target=lambda: found.append(files_of(selection)))
        reader.start()
        reader.join()
        assert found == [None]
        index_build(now=NOW)
        same(selection)

    def test_one_of_another_database_is_none(self, talk):
        selection, group, members = talk
        Event.objects.all().delete()
        add([(members[0].pk, group.pk, "message", second) for second in range(9)], start=1000)
        assert isinstance(source_of(selection), SqlSource)
        index_refresh(now=NOW)
        same(selection)


def files_of(_selection):
    """The generation that a thread would read from; without the database, which belongs to the test's own thread."""
    manifest = manifest_read()
    try:
        return manifest and files.generation_open(manifest)
    except (OSError, ValueError):
        return None


@pytest.mark.django_db
class TestBuilding:
    def test_the_command_says_what_it_built(self, talk, capsys):
        files.index_remove()
        out = StringIO()
        call_command("rebuild_index", stdout=out)
        assert "9 events in 2 parts" in out.getvalue()  # six messages and three joins
        assert "9 of 9 events" in capsys.readouterr().err

    def test_of_two_builders_one_leaves(self, talk):
        before = manifest_read()
        with files.building(), pytest.raises(IndexBusy):
            index_build(now=NOW)
        with files.building(), pytest.raises(CommandError, match="being built already"):
            call_command("rebuild_index")
        with files.building():
            refresh_index()
        assert manifest_read() == before

    def test_a_full_disk_leaves_the_old_one_in_force_and_no_rest(self, talk, monkeypatch):
        selection, _group, _members = talk
        before, inhabitants = manifest_read(), sorted(index_folder().iterdir())

        def full(*_arguments):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(building, "part_write", full)
        with pytest.raises(IndexDiskFull):
            index_build(now=NOW)
        with pytest.raises(CommandError, match="no room on the disk"):
            call_command("rebuild_index")
        assert (manifest_read(), sorted(index_folder().iterdir())) == (before, inhabitants)
        same(selection)

    @pytest.mark.parametrize("where", ["_spread", "_sort", "generation_open", "manifest_switch"])
    def test_one_that_breaks_off_anywhere_changes_nothing(self, talk, monkeypatch, where):
        selection, group, members = talk
        before = manifest_read()
        add([(members[1].pk, group.pk, "like", 3)], start=500)

        def killed(*_arguments):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(building, where, killed)
            with pytest.raises(KeyboardInterrupt):
                index_build(now=NOW)
        assert manifest_read() == before
        same(selection)
        index_build(now=NOW)
        assert same(selection)[members[1].pk][-1]

    def test_what_is_new_is_added_until_it_has_become_much(self, talk, monkeypatch):
        selection, group, members = talk
        assert index_refresh(now=NOW) is None, "nothing is new"
        add([(members[0].pk, group.pk, "like", 1), (members[2].pk, None, "like", 0)], start=100)
        added = index_refresh(now=NOW)
        assert (added.base, added.events, added.base_events) == (manifest_read().base, 11, 9)
        add([(members[1].pk, group.pk, "like", 2)], start=200)
        assert index_refresh(now=NOW).base == added.base
        same(selection)
        monkeypatch.setattr(building, "MOST_RECENT", 3)
        add([(members[1].pk, group.pk, "like", 4)], start=300)
        anew = index_refresh(now=NOW)
        assert (anew.base != added.base, anew.recent, anew.base_events) == (True, "", 13)
        same(selection)

    def test_what_is_taken_back_is_gone_at_once(self, talk):
        selection, _group, members = talk
        assert len(same(selection)[members[0].pk]) == 3
        events_delete(keys=[event_key("index", "0")])
        assert len(same(selection)[members[0].pk]) == 2

    def test_old_files_go_when_no_reader_can_need_them_any_more(self, talk, monkeypatch):
        monkeypatch.setattr(files, "KEPT_FOR_READERS", -1)
        index_build(now=NOW)
        assert len(list(index_folder().glob("base-*"))) == 1

    def test_twenty_bytes_an_event_at_most(self, cast):
        group, member = make_group(branch=cast.hangzhou), make_member()
        add([(member.pk, group.pk, "message", second) for second in range(5000)])
        index_build(now=NOW)
        size = sum(path.stat().st_size for path in index_folder().rglob("*.npy"))
        assert size <= 20 * 5000


@pytest.mark.django_db
@pytest.mark.parametrize("few", [0, 5000])
def test_a_branch_is_shown_no_more_by_the_index_than_by_the_database(cast, small, monkeypatch, few):
    """Whether those who did something outside of groups are looked up one by one or through their groups."""
    monkeypatch.setattr("analytics.sources.FEW_MEMBERS", few)
    here, there = make_group(branch=cast.hangzhou), make_group(branch=cast.chengdu)
    own, foreign = make_member(groups=[here]), make_member(groups=[there])
    add([(own.pk, None, "ordered", 1), (foreign.pk, None, "ordered", 1), (own.pk, there.pk, "message", 2)])
    index_build(now=NOW)
    assert set(same(Selection(cast.mei))) == {own.pk}
    assert set(same(Selection(cast.out))) == {foreign.pk, own.pk}
    new, unknown = make_member(groups=[here]), make_member(groups=[there])
    add([(new.pk, None, "ordered", 3), (unknown.pk, None, "ordered", 3)], start=3)
    assert set(same(Selection(cast.mei))) == {own.pk, new.pk}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_a_number_given_before_and_written_after_a_build_is_in_the_next_report(cast, small):
    """Numbers are given before a transaction ends: a builder must not take a higher one for the end of all."""
    group = make_group(branch=cast.hangzhou)
    members = [make_member(groups=[group]) for _number in range(2)]
    selection = Selection(cast.lin)
    is_given, may_end = threading.Event(), threading.Event()
    faults: list[Exception] = []

    def slowly():
        with transaction.atomic():
            add([(members[0].pk, group.pk, "message", 1)], start=100)
            is_given.set()
            may_end.wait(20)

    def build():
        index_build(now=NOW)

    def in_thread(act):
        def guarded():
            try:
                act()
            except Exception as error:
                faults.append(error)
            finally:
                connections.close_all()

        thread = threading.Thread(target=guarded)
        thread.start()
        return thread

    kinds_ensure(["message"])
    writer = in_thread(slowly)
    assert is_given.wait(20)
    add([(members[1].pk, group.pk, "message", 2)], start=200)
    builder = in_thread(build)
    builder.join(0.5)
    may_end.set()
    for thread in (writer, builder):
        thread.join(20)
    assert faults == []
    found = same(selection)
    assert [len(found[member.pk]) for member in members] == [2, 2], "each joined and wrote"


@pytest.mark.django_db(transaction=True)
def test_what_was_accepted_is_in_the_next_report_while_the_index_is_built_again_and_again(cast, small):
    group = make_group(branch=cast.hangzhou)
    member = make_member(groups=[group])
    selection = Selection(cast.lin)
    over = threading.Event()
    faults: list[object] = []

    def build():
        try:
            while not over.is_set():
                refresh_index()
        except Exception as error:
            faults.append(error)
        finally:
            connections.close_all()

    index_build(now=NOW)
    builder = threading.Thread(target=build)
    builder.start()
    try:
        for turn in range(40):
            add([(member.pk, group.pk, "message", turn)], start=100 + turn)
            found = by_member(read(source_of(selection), since=None, until=EVER, kinds=None))
            if len(found[member.pk]) != turn + 2:
                faults.append((turn, len(found[member.pk])))
    finally:
        over.set()
        builder.join()
    assert faults == []
    same(selection)


def test_columns_are_opened_by_many_threads_at_once_while_garbage_is_collected(tmp_path):
    path = tmp_path / "at.npy"
    np.save(path, np.arange(3))
    faults: list[BaseException] = []

    def change_places(*_: object):
        time.sleep(0)

    def open_again_and_again():
        try:
            for _ in range(200):
                assert column_open(path).tolist() == [0, 1, 2]
        except BaseException as error:
            faults.append(error)

    readers = [threading.Thread(target=open_again_and_again) for _ in range(4)]
    often = gc.get_threshold()
    gc.callbacks.append(change_places)
    gc.set_threshold(5)
    try:
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    finally:
        gc.set_threshold(*often)
        gc.callbacks.remove(change_places)
    assert faults == []


@pytest.mark.parametrize(
    ("processors", "events", "parts"), [(2, 7, 1), (2, 8, 2), (2, 50, 8), (3, 50, 9), (None, 50, 8)]
)
def test_each_processor_has_as_many_parts_to_look_at(monkeypatch, processors, events, parts):
    monkeypatch.setattr("analytics.index.building.PART", 7)
    monkeypatch.setattr("os.cpu_count", lambda: processors)
    assert building.parts_for(events) == parts
