"""Apps above take part in the way in of events."""

from __future__ import annotations

import pytest

from activity.models import Event
from activity.services import EventRow, event_key, kinds_ensure
from members.ingestion import Arrival, Expected, IncomingEvent, arrivals, ingest, register_preparer
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard(monkeypatch) -> list[object]:
    """A preparer for which every `roll` of a member is one thing, and a message "bell" makes an event `rang`."""
    monkeypatch.setattr(arrivals, "_PREPARERS", {})
    calls: list[object] = []

    def preparer(found, now):
        calls.append([(arrival.kind, arrival.text) for arrival in found])
        kinds = kinds_ensure(["rang"])
        keys, more = {}, []
        for arrival in found:
            if arrival.kind == "roll":
                keys[arrival.row.key] = event_key("rolls", str(arrival.row.member_id))
            if arrival.text == "bell":
                key = event_key("rang", arrival.row.key)
                row = EventRow(key, arrival.row.member_id, arrival.row.group_id, kinds["rang"], arrival.row.at)
                more.append(Arrival(row, "rang"))
        return Expected(keys, more, lambda fresh: calls.append(len(fresh)))

    register_preparer("tests", ["roll", "message"], preparer)
    return calls


def sent(name: str, member, group, kind: str) -> IncomingEvent:
    return IncomingEvent(event_key("tests", name), member.external_id, group.external_id, kind, NOW)


def told(events, **more):
    outcome = ingest(events=events, source="tests", by=None, create_missing=False, now=NOW, **more)
    return outcome.accepted, outcome.duplicates


def test_a_thing_told_twice_is_one_event_and_what_follows_from_a_message_is_written_with_it(heard):
    group = make_group()
    member = make_member(groups=[group])
    first, second = sent("a", member, group, "roll"), sent("b", member, group, "roll")
    bell, other = sent("c", member, group, "message"), sent("d", member, group, "message")
    texts = {bell.key: "bell"}
    assert told([first, second, bell, other], texts=texts) == (3, 1)
    assert heard == [[("roll", ""), ("roll", ""), ("message", "bell")], 4], "a message without a text is not shown"
    assert told([second, bell], texts=texts) == (0, 2), "known by what they stand for"
    assert sorted(Event.objects.filter(group_id=group.pk).values_list("kind__slug", flat=True)) == [
        "joined", "message", "message", "rang", "roll",
    ]  # fmt: skip


def test_an_event_taken_in_before_it_was_known_what_it_stands_for_is_a_duplicate(heard, monkeypatch):
    group = make_group()
    member = make_member(groups=[group])
    with monkeypatch.context() as before:
        before.setattr(arrivals, "_PREPARERS", {})
        assert told([sent("a", member, group, "roll")]) == (1, 0)
    assert told([sent("a", member, group, "roll")]) == (0, 1)
