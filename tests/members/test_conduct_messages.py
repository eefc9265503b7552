"""Messages come in, count once, and are judged once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.db import connection, connections

from activity.models import Event
from groups.services import group_update
from members.conduct.judging import messages_forget
from members.models import KeptMessage, StaffTask, Violation
from members.roles.services import member_role_grant
from tests.api.base import Caller, assert_problem
from tests.base import Cast, cast  # noqa: F401  the fixture
from tests.builders import NOW, make_group, make_member
from tests.members.conduct import ADS, make_ruled_group, publish, write

pytestmark = pytest.mark.django_db

FLOOD = {
    "code": "flood",
    "category": "other",
    "text": "不刷屏",
    "detector": "flood",
    "params": {"messages": 3, "seconds": 60, "same": 0, "same_seconds": 60},
    "action": "warn",
}
AT = "2026-03-02T12:00:00+08:00"


@pytest.fixture
def ruled() -> SimpleNamespace:
    group = make_ruled_group(external_id="g1")
    return SimpleNamespace(group=group, member=make_member(groups=[group]))


class TestJudging:
    def test_a_message_that_breaks_a_rule_is_a_violation_with_its_evidence(self, ruled):
        taken = write(ruled.group, ruled.member, "想赚钱的加微信 abc")
        assert (taken.outcome.accepted, taken.violations) == (1, 1)
        violation = Violation.objects.get()
        assert (violation.member, violation.group, violation.rule.code) == (ruled.member, ruled.group, "ads")
        assert (violation.state, violation.source, violation.strikes) == ("open", "detector", 1)
        (hit,) = violation.hits
        assert violation.text[hit["start"] : hit["end"]] == "加微信"

    def test_what_breaks_no_rule_leaves_nothing_but_its_event(self, ruled):
        assert write(ruled.group, ruled.member, "今天读完了第三章").violations == 0
        assert Event.objects.filter(kind__slug="message").count() == 1
        assert (Violation.objects.count(), KeptMessage.objects.count()) == (0, 0)

    def test_a_message_is_judged_once_however_often_it_arrives(self, ruled):
        write(ruled.group, ruled.member, "加微信", id="m1")
        again = write(ruled.group, ruled.member, "加微信", id="m1")
        assert (again.outcome.duplicates, again.violations) == (1, 0)
        assert (Violation.objects.count(), StaffTask.objects.count()) == (1, 1)

    def test_two_rules_broken_by_one_message_are_one_violation_of_the_harder_one(self):
        group = make_ruled_group(
            {**ADS, "strikes": 2},
            {**ADS, "code": "fraud", "params": {"words": ["刷单"]}, "action": "mute", "strikes": 1},
        )
        write(group, make_member(groups=[group]), "兼职刷单 加微信")
        violation = Violation.objects.get()
        assert (violation.rule.code, violation.strikes, violation.action) == ("fraud", 2, "mute")
        assert {hit["rule"] for hit in violation.hits} == {"ads", "fraud"}

    def test_nobody_is_judged_by_rules_that_came_later(self, ruled):
        publish(ruled.group.rule_set, {**ADS, "params": {"words": ["团购"]}}, published_at=NOW)
        hour = timedelta(hours=1)
        assert write(ruled.group, ruled.member, "团购", at=NOW - hour, now=NOW + hour).violations == 0
        assert write(ruled.group, ruled.member, "加微信", at=NOW - hour, now=NOW + hour).violations == 1
        assert write(ruled.group, ruled.member, "团购", at=NOW + hour).violations == 1

    def test_history_is_held_against_nobody(self, ruled):
        day = timedelta(days=1)
        assert write(ruled.group, ruled.member, "加微信", at=NOW - day - timedelta(seconds=1), now=NOW).violations == 0
        assert write(ruled.group, ruled.member, "加微信", at=NOW - day, now=NOW).violations == 1

    def test_the_owner_of_a_group_is_not_judged_by_its_rules(self, ruled):
        membership = ruled.member.memberships.get()
        member_role_grant(by=None, now=NOW, membership=membership, role="administrator")
        assert write(ruled.group, ruled.member, "加微信").violations == 0

    def test_a_group_without_rules_judges_nobody(self):
        group = make_group()
        assert write(group, make_member(groups=[group]), "加微信").violations == 0


class TestLookingBack:
    def test_a_flood_is_seen_over_several_calls_and_counts_once(self):
        group = make_ruled_group(FLOOD)
        member = make_member(groups=[group])
        found = [
            write(group, member, f"第 {number} 条", at=NOW + timedelta(seconds=10 * number)).violations
            for number in range(5)
        ]
        assert found == [0, 0, 1, 0, 0]
        assert [one["text"] for one in Violation.objects.get().context] == ["第 0 条", "第 1 条"]

    def test_texts_go_when_the_group_does_not_agree_any_more_whichever_way_that_was_said(self, cast):  # noqa: F811
        group = make_ruled_group(FLOOD)
        group_update(by=cast.lin, now=NOW, group=group, changes={"keeps_messages": True})
        write(group, make_member(groups=[group]), "一条")
        assert messages_forget(now=NOW) == 0
        group_update(by=cast.lin, now=NOW, group=group, changes={"keeps_messages": False})
        assert messages_forget(now=NOW) == 1

    def test_texts_held_for_that_are_deleted_within_minutes(self):
        group = make_ruled_group(FLOOD)
        write(group, make_member(groups=[group]), "一条")
        assert KeptMessage.objects.get().delete_after <= NOW + timedelta(minutes=5)
        assert [messages_forget(now=NOW), messages_forget(now=NOW + timedelta(minutes=5))] == [0, 1]
        assert messages_forget(now=NOW + timedelta(minutes=5)) == 0


class TestKeeping:
    def test_a_group_that_agreed_keeps_its_messages_for_a_month(self, ruled):
        ruled.group.keeps_messages = True
        ruled.group.save()
        write(ruled.group, ruled.member, "早安", at=NOW - timedelta(days=10), now=NOW)
        write(ruled.group, ruled.member, "很早以前", at=NOW - timedelta(days=40), now=NOW)
        kept = KeptMessage.objects.get()
        assert (kept.text, kept.delete_after) == ("早安", NOW + timedelta(days=20))


class TestInterface:
    @pytest.fixture
    def caller(self, cast: Cast) -> Caller:  # noqa: F811
        return Caller(cast.lin)

    @pytest.fixture(autouse=True)
    def _noon(self):
        with time_machine.travel(datetime(2026, 3, 2, 4, 0, 30, tzinfo=UTC), tick=False):
            yield

    def test_messages_are_taken_as_events_are(self, caller, ruled):
        body = {
            "create_missing": True,
            "messages": [
                {"id": "1", "member": "u1", "group": "g1", "at": AT, "text": "加微信 abc"},
                {"id": "2", "member": "u1", "group": "g1", "at": AT, "type": "image"},
                {"id": "3", "member": "u1", "group": "g1", "at": "yesterday", "text": "早"},
                {"id": "4", "member": "u1", "at": AT, "text": "早"},
                {"id": "5", "member": "u1", "group": "g1", "at": AT, "type": "smell"},
                {"id": "6", "member": "u1", "group": "g1", "at": AT, "text": 7},
            ],
        }
        answer = caller.post("/messages/", body)
        assert answer.status_code == 200
        taken = answer.json()
        assert (taken["accepted"], taken["duplicates"], taken["violations"]) == (2, 0, 1)
        assert [(one["index"], one["code"]) for one in taken["rejected"]] == [
            (2, "invalid_at"),
            (3, "missing_group"),
            (4, "invalid_type"),
            (5, "invalid_message"),
        ]
        again = caller.post("/messages/", body).json()
        assert (again["accepted"], again["duplicates"], again["violations"]) == (0, 2, 0)

    def test_one_message_a_line(self, caller, ruled):
        line = f'{{"id":"1","member":"u1","group":"g1","at":"{AT}","text":"加微信"}}'
        answer = caller.post("/messages/?create_missing=true", f"{line}\n{line}\nnonsense", "application/x-ndjson")
        taken = answer.json()
        assert (taken["accepted"], taken["duplicates"], taken["violations"]) == (1, 1, 1)
        assert taken["rejected"][0]["code"] == "invalid_json"

    def test_more_than_ten_thousand_are_refused_as_a_whole(self, caller):
        assert_problem(caller.post("/messages/", {"messages": [{}] * 10_001}), 413, "too_many_messages")

    def test_the_scope_is_that_of_events(self, cast: Cast):  # noqa: F811
        assert_problem(Caller(cast.lin, "members:write").post("/messages/", {"messages": []}), 403, "permission_denied")

    def test_a_branch_writes_into_its_own_groups(self, cast: Cast, ruled):  # noqa: F811
        message = {"id": "1", "member": ruled.member.external_id, "group": "g1", "at": AT, "text": "加微信"}
        taken = Caller(cast.out).post("/messages/", {"messages": [message]}).json()
        assert (taken["accepted"], taken["rejected"][0]["code"]) == (0, "unknown_group")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_one_message_that_arrives_many_times_at_once_counts_one_strike():
    group = make_ruled_group()
    member = make_member(groups=[group])
    barrier = threading.Barrier(5)
    found: list[int] = []

    def send(id: str) -> None:
        barrier.wait()
        try:
            found.append(write(group, member, "加微信", id=id).violations)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=[id]) for id in ("same", "same", "same", "same", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 0, 0, 1, 1]
    # The two messages climbed the ladder one after the other.
    assert sorted(Violation.objects.values_list("standing", "action")) == [(1, "remind"), (2, "mute")]
    assert StaffTask.objects.count() == 2
