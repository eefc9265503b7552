"""Strikes climb the ladder, people judge, members appeal, and everything can be made good again."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError

from accounts.models import AuditEntry
from activity.models import Event
from delivery.models import Delivery
from members.conduct.models import GroupConduct
from members.conduct.services import (
    SamePerson,
    appeal_decide,
    appeal_make,
    evidence_forget,
    strikes_in_force,
    violation_confirm,
    violation_dismiss,
    violation_record,
    violation_reopen,
)
from members.models import StaffTask, Violation
from members.points.services import points_of
from members.work.services import task_reopen, task_settle
from tests.base import Cast, cast  # noqa: F401  the fixture
from tests.builders import NOW, make_member
from tests.members.conduct import ADS, make_ruled_group, write

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def world(cast: Cast) -> SimpleNamespace:  # noqa: F811
    group = make_ruled_group({**ADS, "reporter_points": 20}, branch=cast.hangzhou)
    return SimpleNamespace(
        group=group, member=make_member("刘洋", groups=[group]), rule=group.rule_set.versions.get().rules.get()
    )


def breach(world, number: int = 0) -> Violation:
    write(world.group, world.member, f"加微信 {number}", at=NOW + timedelta(minutes=number))
    return Violation.objects.latest("pk")


def later(number: int):
    return NOW + timedelta(hours=number)


def strikes(world, at=NOW) -> int:
    pair = (world.member.pk, world.group.pk)
    return strikes_in_force(pairs=[pair], now=at).get(pair, 0)


def tasks() -> list[tuple[str, str]]:
    return list(StaffTask.objects.order_by("pk").values_list("kind", "state"))


def settle(world, cast, kind: str) -> StaffTask:  # noqa: F811
    task = StaffTask.objects.get(kind=kind, state="open")
    assert task_settle(by=cast.mei, now=later(2), task=task)
    return task


class TestLadder:
    def test_each_strike_climbs_one_step(self, world):
        assert [breach(world, number).action for number in range(4)] == ["remind", "mute", "remove", "remove"]
        assert strikes(world) == 4
        assert [kind for kind, _state in tasks()] == [
            "conduct_remind",
            "conduct_mute",
            "conduct_remove",
            "conduct_remove",
        ]

    def test_strikes_expire(self, world):
        breach(world)
        assert (strikes(world, NOW + 89 * DAY), strikes(world, NOW + 91 * DAY)) == (1, 0)

    def test_the_rule_may_ask_for_more_than_the_ladder(self, cast: Cast):  # noqa: F811
        group = make_ruled_group({**ADS, "action": "remove"})
        write(group, make_member(groups=[group]), "加微信")
        assert Violation.objects.get().action == "remove"

    def test_a_rule_without_strikes_does_not_climb(self):
        group = make_ruled_group({**ADS, "strikes": 0})
        member = make_member(groups=[group])
        for number in range(3):
            write(group, member, "加微信", at=later(number))
        assert set(Violation.objects.values_list("action", "standing")) == {("remind", 0)}

    def test_strikes_of_one_group_do_not_count_in_another(self, world):
        breach(world)
        other = make_ruled_group()
        write(other, world.member, "加微信", at=later(1))
        assert Violation.objects.get(group=other).standing == 1

    def test_a_group_may_have_reminders_sent_through_its_channel(self, world):
        GroupConduct.objects.create(group=world.group, reminds_in_channel=True)
        breach(world)
        delivery = Delivery.objects.get()
        assert "刘洋" in delivery.message.text
        assert "不发广告" in delivery.message.text
        assert tasks() == []


class TestJudging:
    def test_dismissing_takes_strike_and_task_back(self, world, cast: Cast):  # noqa: F811
        violation = breach(world)
        assert violation_dismiss(by=cast.mei, now=later(1), violation=violation, note="误伤")
        assert (strikes(world), tasks()) == (0, [("conduct_remind", "cancelled")])
        assert not violation_confirm(by=cast.mei, now=later(1), violation=violation)

    def test_undo_brings_them_back(self, world, cast: Cast):  # noqa: F811
        violation = breach(world)
        violation_dismiss(by=cast.mei, now=later(1), violation=violation)
        assert violation_reopen(by=cast.mei, now=later(1), violation=violation)
        assert (strikes(world), tasks()) == (1, [("conduct_remind", "cancelled"), ("conduct_remind", "open")])
        assert Violation.objects.get().state == "open"

    def test_what_followed_from_it_is_judged_anew(self, world, cast: Cast):  # noqa: F811
        first, second = breach(world, 0), breach(world, 1)
        assert second.action == "mute"
        violation_dismiss(by=cast.mei, now=later(1), violation=first)
        second.refresh_from_db()
        assert (second.action, second.standing) == ("remind", 1)
        assert sorted(tasks()) == [
            ("conduct_mute", "cancelled"),
            ("conduct_remind", "cancelled"),
            ("conduct_remind", "open"),
        ]

    def test_what_was_carried_out_stays(self, world, cast: Cast):  # noqa: F811
        first, second = breach(world, 0), breach(world, 1)
        settle(world, cast, "conduct_mute")
        violation_dismiss(by=cast.mei, now=later(3), violation=first)
        second.refresh_from_db()
        assert second.action == "mute"


class TestReports:
    def report(self, world, reporter) -> Violation:
        return violation_record(
            by=None,
            now=NOW,
            member=world.member,
            group=world.group,
            rule=world.rule,
            at=NOW,
            text="私聊拉人",
            reporter=reporter,
        )

    def test_a_report_counts_once_it_is_confirmed_and_rewards_the_reporter_once(self, world, cast: Cast):  # noqa: F811
        reporter = make_member(groups=[world.group])
        violation = self.report(world, reporter)
        assert (strikes(world), tasks(), points_of(reporter)) == (0, [], 0)
        for _time in range(2):
            violation_confirm(by=cast.mei, now=later(1), violation=violation)
            assert (strikes(world), points_of(reporter)) == (1, 20)
            violation_reopen(by=cast.mei, now=later(1), violation=violation)
            assert (strikes(world), points_of(reporter)) == (0, 0)
        violation_confirm(by=cast.mei, now=later(1), violation=violation)
        assert points_of(reporter) == 20
        assert Violation.objects.get().action == "remind"

    def test_nobody_reports_themselves_or_strangers(self, world):
        with pytest.raises(ValidationError):
            self.report(world, world.member)
        world.member = make_member()
        with pytest.raises(ValidationError):
            self.report(world, make_member(groups=[world.group]))

    def test_what_staff_saw_counts_at_once(self, world, cast: Cast):  # noqa: F811
        violation_record(by=cast.mei, now=NOW, member=world.member, group=world.group, rule=world.rule, at=NOW)
        assert (Violation.objects.get().state, strikes(world), len(tasks())) == ("confirmed", 1, 1)


class TestRemoval:
    def test_a_removal_that_is_done_ends_the_membership_and_can_be_taken_back(self, world, cast: Cast):  # noqa: F811
        for number in range(3):
            breach(world, number)
        task = settle(world, cast, "conduct_remove")
        membership = world.member.memberships.get()
        assert not membership.is_present
        assert Event.objects.get(kind__slug="left").properties["reason"] == "removed"
        assert task_reopen(by=cast.mei, now=later(2), task=task)
        assert world.member.memberships.get().is_present
        assert not Event.objects.filter(kind__slug="left").exists()

    def test_a_removal_that_was_not_done_ends_nothing(self, world, cast: Cast):  # noqa: F811
        for number in range(3):
            breach(world, number)
        task = StaffTask.objects.get(kind="conduct_remove")
        task_settle(by=cast.mei, now=later(2), task=task, outcome="refused", note="老客户")
        assert world.member.memberships.get().is_present


class TestAppeals:
    def test_somebody_else_decides(self, world, cast: Cast):  # noqa: F811
        violation = breach(world)
        violation_confirm(by=cast.mei, now=later(1), violation=violation)
        appeal_make(by=None, now=later(2), violation=violation, text="这是群主让我发的")
        with pytest.raises(SamePerson):
            appeal_decide(by=cast.mei, now=later(3), violation=violation, overturned=True, reason="同意")
        assert strikes(world) == 1
        assert appeal_decide(by=cast.lin, now=later(3), violation=violation, overturned=True, reason="确有授权")
        violation.refresh_from_db()
        assert (violation.state, violation.appeal.by_same_person, strikes(world)) == ("overturned", False, 0)
        assert tasks() == [("conduct_remind", "cancelled")]

    def test_an_administrator_may_decide_on_their_own_judgement_and_it_is_noted(self, world, cast: Cast):  # noqa: F811
        violation = breach(world)
        violation_confirm(by=cast.lin, now=later(1), violation=violation)
        appeal_make(by=cast.lin, now=later(2), violation=violation, text="误会")
        assert appeal_decide(by=cast.lin, now=later(3), violation=violation, overturned=False, reason="证据清楚")
        violation.refresh_from_db()
        assert (violation.state, violation.appeal.by_same_person, strikes(world)) == ("upheld", True, 1)

    def test_one_appeal_and_one_decision(self, world, cast: Cast):  # noqa: F811
        violation = breach(world)
        appeal_make(by=None, now=later(1), violation=violation, text="误会")
        entry = AuditEntry.objects.get(action="violation.appealed")
        assert "误会" not in str(entry.after), "what was said goes with the evidence"
        with pytest.raises(ValidationError):
            appeal_make(by=None, now=later(1), violation=violation, text="再说一次")
        assert appeal_decide(by=cast.mei, now=later(2), violation=violation, overturned=False, reason="不成立")
        assert not appeal_decide(by=cast.lin, now=later(2), violation=violation, overturned=True, reason="成立")

    def test_a_decision_gives_its_reason(self, world, cast: Cast):  # noqa: F811
        violation = breach(world)
        appeal_make(by=None, now=later(1), violation=violation, text="误会")
        with pytest.raises(ValidationError):
            appeal_decide(by=cast.mei, now=later(2), violation=violation, overturned=True, reason=" ")

    def test_whoever_was_removed_is_invited_back(self, world, cast: Cast):  # noqa: F811
        last = [breach(world, number) for number in range(3)][-1]
        settle(world, cast, "conduct_remove")
        appeal_make(by=None, now=later(3), violation=last, text="被盗号了")
        appeal_decide(by=cast.lin, now=later(4), violation=last, overturned=True, reason="核实属实")
        back = StaffTask.objects.get(kind="conduct_invite_back")
        assert (back.state, back.member) == ("open", world.member)


def test_evidence_is_erased_when_its_time_is_over(world):
    violation = breach(world)
    assert evidence_forget(before=violation.evidence_until) == 0
    assert evidence_forget(before=violation.evidence_until + timedelta(seconds=1)) == 1
    assert evidence_forget(before=violation.evidence_until + DAY) == 0
    violation.refresh_from_db()
    assert (violation.text, violation.hits, violation.strikes) == ("", [], 1)
