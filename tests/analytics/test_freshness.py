"""What the API acknowledged is in the next report, whatever the index is going through meanwhile."""

from __future__ import annotations

import pytest

from analytics.index import building, files
from analytics.index.building import index_build, index_refresh
from analytics.index.files import IndexBusy
from tests.analytics.test_api import WRITE, asker
from tests.builders import NOW
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS, POSTS, EVENTS = 2, 25, 4
DAY = {"from": "2026-03-01", "to": "2026-03-01"}
QUESTION = {"timezone": "UTC", "metric": "total", "range": DAY, "event": {"kind": "message"}}


def test_an_acknowledged_event_is_in_the_next_report_while_the_index_is_built_grows_and_is_taken_away(
    cast, settings, tmp_path, monkeypatch
):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(building, "PART", 40)
    monkeypatch.setattr(building, "MOST_RECENT", 30)
    monkeypatch.setattr(building, "CHUNK", 20)
    ask = asker(cast.lin, *WRITE)
    acknowledged = [0] * WRITERS
    begun = [0] * WRITERS
    finished: list[int] = []
    through_index: list[bool] = []

    def post(writer, number):
        events = [
            {"id": f"{writer}-{number}-{n}", "member": f"m{(7 * number + n) % 30}", "kind": "message"}
            | {"at": f"2026-03-01T10:{number % 60:02}:{n:02}Z"}
            for n in range(EVENTS)
        ]
        begun[writer] += EVENTS
        answer = ask("events", {"create_missing": True, "events": events})
        assert answer["accepted"] == EVENTS
        acknowledged[writer] += EVENTS

    def write(writer):
        try:
            for number in range(1, POSTS + 1):
                post(writer, number)
        finally:
            finished.append(writer)

    def is_over():
        return len(finished) == WRITERS

    def report():
        before = sum(acknowledged)
        manifest = files.manifest_read()
        found = ask(
            "reports/activity", {"timezone": "UTC", "metric": "total", "range": DAY, "event": {"kind": "message"}}
        )
        assert before <= found["sum"] <= sum(begun), "an acknowledged event is missing, or one was counted twice"
        through_index.append(manifest is not None)

    def read():
        while not is_over():
            report()
        report()

    def build():
        rounds = 0
        while not is_over():
            rounds += 1
            try:
                if rounds % 4 == 0:
                    files.index_remove()
                elif rounds % 4 == 1:
                    index_build(now=NOW)
                else:
                    index_refresh(now=NOW)
            except IndexBusy:
                pass

    post(0, 0)
    acts = [*[lambda writer=writer: write(writer) for writer in range(WRITERS)], read, read, build]
    faults = [outcome for outcome in at_once(lambda position: acts[position](), len(acts)) if outcome is not None]
    assert not faults
    assert sum(acknowledged) == EVENTS * (WRITERS * POSTS + 1)
    assert {True, False} <= set(through_index), "reports were asked with an index and without one"
