"""Playbooks carry themselves out: for who joins, for groups that open, on dates and week by week."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from activity.models import Event
from campaigns.models import Playbook, PlaybookOff, PlaybookRun, StepRun
from campaigns.playbooks.services import (
    playbook_pause,
    playbook_run,
    playbook_switch,
    run_begin,
    run_continue,
    run_stop,
    step_skip,
    step_unskip,
)
from delivery.models import Delivery
from groups.models import Group, GroupRole
from groups.presets.services import preset_apply
from groups.roles.permissions import OPERATOR
from groups.roles.services import role_permission_set, staff_role_grant
from groups.services import group_archive
from members.entry.services import entry_plan_save
from members.models import StaffTask
from members.work.kinds import kind_of
from members.work.services import task_reopen, task_settle
from tests.base import Cast
from tests.builders import NOW, make_group
from tests.campaigns.playbook_things import DAY, HOUR, JOINING, happen, make_playbook, tick

EVENING = NOW + 8 * HOUR  # 20:00 in Shanghai
THIRD_DAY = NOW + 2 * DAY - 2 * HOUR  # 10:00


@pytest.fixture
def group(cast: Cast) -> Group:
    return make_group("阅读群", branch=cast.hangzhou, now=NOW - 30 * DAY)


@pytest.fixture
def playbook(cast: Cast, group) -> Playbook:
    return make_playbook(JOINING, cast.mei, NOW - DAY, cast.hangzhou)


def states(**about) -> dict[str, str]:
    return dict(StepRun.objects.filter(**about).values_list("step__key", "state"))


def reasons() -> dict[str, str]:
    return dict(StepRun.objects.values_list("step__key", "why"))


class TestJoining:
    def test_a_task_of_the_first_day_comes_at_once_with_its_words_and_later_ones_on_their_day(self, playbook, group):
        happen("甲", group, NOW)
        tick(NOW + timedelta(minutes=10))
        task = StaffTask.objects.get()
        assert (task.kind, task.member.name, task.due_at) == ("playbook_hello", "甲", NOW + DAY)
        assert task.data["words"] == "甲 你好，欢迎来阅读群"
        assert str(kind_of(task).sentence(task)) == "问候 甲"
        tick(THIRD_DAY - HOUR)
        assert StaffTask.objects.count() == 1
        tick(THIRD_DAY)
        assert StaffTask.objects.get(kind="playbook_personal").data["words"] == "甲，感觉怎么样？"

    def test_a_message_goes_once_to_the_group_for_all_who_joined_that_day(self, playbook, group):
        for number in range(30):
            happen(f"家长{number}", group, NOW + timedelta(minutes=number))
        tick(NOW + HOUR, EVENING, EVENING + HOUR)
        delivery = Delivery.objects.get()
        assert delivery.message.text.startswith("欢迎 家长0、家长1、")
        assert delivery.message.text.endswith("等 10 位新朋友")
        assert delivery.due_at == EVENING
        assert StepRun.objects.filter(step__key="evening", state="done", delivery_id=delivery.pk).count() == 30

    def test_history_that_was_imported_begins_nothing(self, playbook, group):
        happen("甲", group, NOW - DAY)
        tick(NOW)
        assert not PlaybookRun.objects.exists()

    def test_who_leaves_is_asked_nothing_more_and_begins_anew_on_coming_back(self, playbook, group):
        happen("甲", group, NOW)
        tick(NOW + HOUR)
        happen("甲", group, NOW + 2 * HOUR, "left")
        tick(NOW + 3 * HOUR)
        run = PlaybookRun.objects.get()
        assert (run.state, run.why) == ("cancelled", "left")
        assert set(states().values()) == {"cancelled"}
        assert StaffTask.objects.get().state == "cancelled"
        happen("甲", group, NOW + 4 * HOUR)
        happen("甲", group, NOW + 4 * HOUR + timedelta(minutes=1))
        tick(NOW + 5 * HOUR, EVENING)
        assert PlaybookRun.objects.running().count() == 1
        assert Delivery.objects.get().message.text == "欢迎 甲"

    def test_who_joins_after_the_time_of_a_message_is_not_told_at_night(self, playbook, group):
        happen("甲", group, EVENING + HOUR)
        tick(EVENING + 2 * HOUR)
        assert states() == {"hello": "waiting", "evening": "skipped", "asked": "planned"}
        assert not Delivery.objects.exists()

    def test_what_the_entry_of_the_group_asks_for_is_not_asked_twice(self, cast: Cast, group):
        text = JOINING.replace("task: hello", "task: befriend")
        make_playbook(text, cast.mei, NOW - DAY, cast.hangzhou)
        entry_plan_save(by=cast.mei, group=group, changes={"onboards": True})
        happen("甲", group, NOW)
        tick(NOW + HOUR)
        assert reasons()["hello"] == "entry"
        assert not StaffTask.objects.exists()

    def test_other_branches_are_out_of_reach(self, cast: Cast, playbook):
        happen("甲", make_group(branch=cast.chengdu), NOW)
        tick(NOW + HOUR)
        assert not PlaybookRun.objects.exists()


class TestTasksAndSteps:
    def test_settling_the_task_settles_the_step_and_reopening_reopens_it(self, cast: Cast, playbook, group):
        happen("甲", group, NOW)
        tick(NOW + HOUR, EVENING, THIRD_DAY)
        hello, asked = StaffTask.objects.order_by("pk")
        task_settle(by=cast.mei, now=THIRD_DAY, task=hello)
        assert states()["hello"] == "done"
        task_settle(by=cast.mei, now=THIRD_DAY, task=asked, state="skipped")
        assert states()["asked"] == "skipped"
        tick(THIRD_DAY)
        run = PlaybookRun.objects.get()
        assert run.state == "finished"
        task_reopen(by=cast.mei, now=THIRD_DAY, task=asked)
        run.refresh_from_db()
        assert (states()["asked"], run.state) == ("waiting", "running")

    def test_a_friend_made_is_written_down_as_an_event(self, cast: Cast, group):
        make_playbook(JOINING.replace("task: hello", "task: befriend"), cast.mei, NOW, cast.hangzhou)
        happen("甲", group, NOW)
        tick(NOW + HOUR)
        task = StaffTask.objects.get()
        task_settle(by=cast.mei, now=NOW + HOUR, task=task, outcome="friends")
        assert Event.objects.filter(kind__slug="friended").count() == 1
        task_reopen(by=cast.mei, now=NOW + HOUR, task=task)
        assert not Event.objects.filter(kind__slug="friended").exists()

    def test_a_task_goes_to_who_has_the_role_and_says_that_it_comes_late(self, cast: Cast, group):
        make_playbook(JOINING.replace("kind: personal", "kind: personal, role: owner"), cast.mei, NOW, cast.hangzhou)
        staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.mei, role=GroupRole.OWNER)
        happen("甲", group, NOW)
        tick(NOW + HOUR, THIRD_DAY + 3 * HOUR)
        task = StaffTask.objects.get(kind="playbook_personal")
        assert task.assignee == cast.mei
        assert "10:00" in str(kind_of(task).sentence(task))

    def test_a_skipped_step_can_be_planned_again(self, cast: Cast, playbook, group):
        happen("甲", group, NOW)
        tick(NOW + HOUR)
        step = StepRun.objects.select_related("step", "run").get(step__key="asked")
        assert step_skip(by=cast.mei, now=NOW, step_run=step)
        assert not step_skip(by=cast.mei, now=NOW, step_run=step)
        assert step_unskip(by=cast.mei, step_run=step)
        tick(THIRD_DAY)
        assert states()["asked"] == "waiting"

    def test_a_step_is_skipped_by_those_who_may_post_in_the_group(self, client, cast: Cast, playbook, group):
        happen("甲", group, NOW)
        tick(NOW + HOUR)
        step = StepRun.objects.get(step__key="asked")
        role_permission_set(by=cast.lin, role=OPERATOR, permission="post", allowed=False)
        client.force_login(cast.mei)
        assert "/skip/" not in client.get(reverse("campaigns:playbook_run", args=[step.run_id])).content.decode()
        assert client.post(reverse("campaigns:playbook_step_skip", args=[step.pk])).status_code == 403
        role_permission_set(by=cast.lin, role=OPERATOR, permission="post", allowed=True)
        assert client.post(reverse("campaigns:playbook_step_skip", args=[step.pk])).status_code == 302
        role_permission_set(by=cast.lin, role=OPERATOR, permission="post", allowed=False)
        assert client.post(reverse("campaigns:playbook_step_plan", args=[step.pk])).status_code == 403

    def test_a_stopped_run_goes_on_with_its_tasks(self, cast: Cast, playbook, group):
        happen("甲", group, NOW)
        tick(NOW + HOUR)
        run = PlaybookRun.objects.get()
        assert run_stop(by=cast.mei, now=NOW + HOUR, run=run)
        tick(EVENING)
        assert StaffTask.objects.get().state == "cancelled"
        assert not Delivery.objects.exists()
        assert run_continue(by=cast.mei, run=run)
        assert states() == {"hello": "waiting", "evening": "planned", "asked": "planned"}
        assert StaffTask.objects.get().state == "open"


class TestMissedTimes:
    def test_after_a_pause_tasks_come_late_and_messages_by_the_choice_of_their_step(self, cast: Cast, playbook, group):
        happen("甲", group, NOW)
        tick(NOW + HOUR)
        playbook_pause(by=cast.mei, now=NOW + HOUR, playbook=playbook)
        tick(EVENING, THIRD_DAY)
        assert states() == {"hello": "waiting", "evening": "planned", "asked": "planned"}
        playbook_run(by=cast.mei, now=THIRD_DAY + HOUR, playbook=playbook)
        tick(THIRD_DAY + HOUR)
        assert states() == {"hello": "waiting", "evening": "skipped", "asked": "waiting"}
        assert reasons()["evening"] == "too_late"

    def test_within_its_grace_period_a_message_still_leaves(self, playbook, group):
        happen("甲", group, NOW)
        tick(NOW + HOUR, EVENING + timedelta(minutes=50))
        assert Delivery.objects.get().late_until == EVENING + HOUR

    def test_a_message_that_is_to_be_skipped_is(self, cast: Cast, group):
        make_playbook(JOINING.replace("title: 欢迎新朋友", "title: 欢迎, late: skip"), cast.mei, NOW, cast.hangzhou)
        happen("甲", group, NOW)
        tick(NOW + HOUR, EVENING + timedelta(minutes=50))
        assert reasons()["evening"] == "too_late"


class TestGroups:
    TEXT = """
name: 开群
starts: opening
steps:
  - {key: welcome, day: 1, at: "20:00", kind: message, title: 开群, text: "{group}开群啦"}
  - {key: benchmark, day: 14, at: "10:00", kind: task, task: benchmark, title: 立标杆}
"""

    def test_a_group_that_opens_begins_it_and_an_old_one_does_not(self, cast: Cast, group):
        make_playbook(self.TEXT, cast.mei, NOW, cast.hangzhou)
        new = make_group("新群", branch=cast.hangzhou, now=NOW)
        tick(NOW + HOUR, EVENING)
        assert PlaybookRun.objects.get().group == new
        assert Delivery.objects.get().message.text == "新群开群啦"
        group_archive(by=cast.lin, group=new)
        tick(EVENING + HOUR)
        assert PlaybookRun.objects.get().why == "closed"

    def test_the_plan_of_a_preset_becomes_a_playbook_of_tasks_once(self, cast: Cast):
        new = [make_group(branch=cast.hangzhou, now=NOW), make_group(branch=cast.chengdu, now=NOW)]
        for group in new:
            preset_apply(by=cast.lin, now=NOW, group=group)
        tick(NOW + HOUR)
        playbook = Playbook.objects.get()
        assert (playbook.preset, playbook.state) == ("growth", "running")
        assert playbook.runs.running().count() == 2
        assert set(StaffTask.objects.values_list("group", flat=True)) == {group.pk for group in new}

    def test_somebodys_own_playbook_goes_before_the_plan_of_the_preset(self, cast: Cast):
        make_playbook(self.TEXT, cast.mei, NOW, cast.hangzhou)
        group = make_group(branch=cast.hangzhou, now=NOW)
        preset_apply(by=cast.lin, now=NOW, group=group)
        tick(NOW + HOUR)
        assert list(PlaybookRun.objects.values_list("playbook__name", flat=True)) == ["开群"]

    def test_switched_off_in_a_group_it_ends_there_and_does_not_begin_again(self, cast: Cast):
        playbook = make_playbook(self.TEXT, cast.mei, NOW, cast.hangzhou)
        group = make_group(branch=cast.hangzhou, now=NOW)
        tick(NOW + HOUR)
        assert playbook_switch(by=cast.mei, now=NOW + HOUR, playbook=playbook, group=group, on=False)
        tick(EVENING)
        assert PlaybookRun.objects.get().why == "off"
        assert not Delivery.objects.exists()
        assert playbook_switch(by=cast.mei, now=EVENING, playbook=playbook, group=group, on=True)
        assert not PlaybookOff.objects.exists()

    def test_by_hand_it_begins_today_in_an_old_group(self, cast: Cast, group):
        playbook = make_playbook(self.TEXT, cast.mei, NOW, cast.hangzhou)
        run = run_begin(by=cast.mei, now=NOW, playbook=playbook, group=group)
        assert run.starts_on == date(2026, 3, 2)
        tick(EVENING)
        assert Delivery.objects.filter(group_id=group.pk).count() == 1


class TestDatesAndWeeks:
    def test_days_before_a_date_count_backwards(self, cast: Cast, group):
        text = """
name: 开学
starts: date
date: 2026-03-10
steps:
  - {key: before, day: -3, at: "09:00", kind: message, title: 还有三天, text: 还有三天开学}
  - {key: first, day: 1, at: "09:00", kind: message, title: 开学, text: 开学啦}
"""
        make_playbook(text, cast.mei, NOW, cast.hangzhou)
        tick(NOW)
        found = dict(StepRun.objects.values_list("step__key", "due_at"))
        assert found == {
            "before": datetime(2026, 3, 7, 1, tzinfo=UTC),
            "first": datetime(2026, 3, 10, 1, tzinfo=UTC),
        }

    WEEKLY = """
name: 每周
starts: weekday
steps:
  - {key: mon, day: mon, at: "09:00", kind: message, title: 目标, text: 本周目标}
  - {key: wed, day: wed, at: "20:00", kind: message, title: 分享, text: 今晚分享}
"""

    def test_every_week_begins_once_and_what_is_over_is_left_out(self, cast: Cast, group):
        make_playbook(self.WEEKLY, cast.mei, NOW, cast.hangzhou)
        tick(NOW, NOW + 2 * DAY + 8 * HOUR, NOW + 7 * DAY)
        texts = list(Delivery.objects.order_by("due_at").values_list("message__text", flat=True))
        assert texts == ["今晚分享"]
        assert PlaybookRun.objects.count() == 2

    def test_the_clock_on_the_wall_holds_over_a_change_of_the_clocks(self, cast: Cast, group, settings):
        settings.TIME_ZONE = "Europe/Berlin"  # Django forgets the old zone by its signal
        make_playbook(self.WEEKLY, cast.mei, NOW, cast.hangzhou)
        tick(datetime(2026, 3, 23, 1, tzinfo=UTC), datetime(2026, 3, 29, 12, tzinfo=UTC))
        due = StepRun.objects.filter(step__key="mon").order_by("due_at").values_list("due_at", flat=True)
        # Summer time begins on 29 March 2026.
        assert list(due) == [datetime(2026, 3, 23, 8, tzinfo=UTC), datetime(2026, 3, 30, 7, tzinfo=UTC)]
