"""The first days of a newcomer: the steps, the task for staff, and the share that introduces itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from activity.models import Event
from activity.services import event_key
from groups.models import Group, RolePermission
from members.entry.models import Newcomer
from members.entry.selectors import introduction_share, newcomer_steps
from members.entry.services import entry_plan_save, introductions_remind
from members.entry.tasks import welcome_newcomers
from members.ingestion import IncomingEvent, ingest
from members.models import JourneyStage, Member, Membership, StaffTask
from members.work.services import task_reopen, task_settle
from tests.base import Cast
from tests.builders import NOW, make_group

DAY = timedelta(days=1)


@pytest.fixture
def group(cast: Cast) -> Group:
    group = make_group("阅读群", branch=cast.hangzhou)
    changes = {
        "onboards": True,
        "befriend_text": "{name} 你好，我是 {group} 的群主",
        "tell_text": "有问题随时在群里问。群规：{rules_link}",
        "remind_text": "{name}，来打个招呼吧",
    }
    entry_plan_save(by=cast.mei, group=group, changes=changes)
    return group


def happen(name: str, group: Group, at, kind: str = "joined") -> None:
    event = IncomingEvent(event_key("t", f"{name} {kind} {at}"), name, group.external_id, kind, at)
    ingest(events=[event], source="t", by=None, create_missing=True, now=at)


def sweep() -> None:
    with time_machine.travel(NOW + timedelta(minutes=5), tick=False):
        welcome_newcomers()
        welcome_newcomers()


class TestTheTask:
    def test_each_newcomer_is_one_task_with_the_words_for_the_next_day(self, group):
        happen("甲", group, NOW)
        sweep()
        task = StaffTask.objects.get()
        assert (task.kind, task.member.name, task.due_at) == ("newcomer", "甲", NOW + DAY)
        assert task.data["words"].startswith("甲 你好，我是 阅读群 的群主\n\n有问题随时在群里问。")
        assert "/m/r/" in task.data["words"]

    def test_befriended_and_told_are_written_down_and_taken_back(self, cast: Cast, group):
        happen("甲", group, NOW)
        sweep()
        task, membership = StaffTask.objects.get(), Membership.objects.get()
        task_settle(by=cast.mei, now=NOW + DAY, task=task, outcome="friends")
        steps = newcomer_steps([membership])[membership.pk]
        assert (steps.befriended, steps.told, steps.done) == (NOW + DAY, NOW + DAY, 2)
        assert Member.objects.get().stage == JourneyStage.FRIEND
        task_reopen(by=cast.mei, now=NOW + DAY, task=task)
        assert newcomer_steps([membership])[membership.pk].done == 0
        assert Member.objects.get().stage == JourneyStage.IN_GROUP
        assert Event.objects.count() == 1

    def test_told_in_the_group_only_is_no_friend(self, cast: Cast, group):
        happen("甲", group, NOW)
        sweep()
        task_settle(by=cast.mei, now=NOW, task=StaffTask.objects.get(), outcome="told")
        membership = Membership.objects.get()
        steps = newcomer_steps([membership])[membership.pk]
        assert steps.told
        assert not steps.befriended


class TestIntroductions:
    def test_the_first_introduction_counts_in_whatever_order_they_come(self, group):
        happen("甲", group, NOW)
        happen("甲", group, NOW + 3 * DAY, "introduced")
        assert Membership.objects.get().introduced_at == NOW + 3 * DAY
        happen("甲", group, NOW + 2 * DAY, "introduced")
        happen("甲", group, NOW + 4 * DAY, "introduced")
        happen("甲", group, NOW + 5 * DAY, "message")
        assert Membership.objects.get().introduced_at == NOW + 2 * DAY

    def test_an_introduction_elsewhere_does_not_count_here(self, cast: Cast, group):
        happen("甲", group, NOW)
        happen("甲", make_group(branch=cast.hangzhou), NOW, "introduced")
        assert group.memberships.get().introduced_at is None

    def test_the_share_counts_those_who_had_their_seven_days(self, group):
        happen("早", group, NOW - 50 * DAY)
        happen("准时", group, NOW - 20 * DAY)
        happen("准时", group, NOW - 13 * DAY, "introduced")
        happen("太晚", group, NOW - 20 * DAY)
        happen("太晚", group, NOW - 12 * DAY, "introduced")
        happen("没有", group, NOW - 10 * DAY)
        happen("刚来", group, NOW - 6 * DAY)
        share = introduction_share(group=group, now=NOW)
        assert (share.introduced, share.joined) == (1, 3)

    def test_staff_get_the_words_for_those_who_are_missing_once_a_day(self, cast: Cast, group):
        happen("甲", group, NOW - DAY)
        happen("乙", group, NOW - 2 * DAY)
        happen("丙", group, NOW - 2 * DAY)
        happen("丙", group, NOW, "introduced")
        assert introductions_remind(by=cast.mei, group=group, now=NOW) == 2
        assert introductions_remind(by=cast.mei, group=group, now=NOW) == 2
        task = StaffTask.objects.get()
        assert task.data["words"] == "甲、乙，来打个招呼吧"
        assert introductions_remind(by=cast.mei, group=group, now=NOW + DAY) == 2
        assert StaffTask.objects.count() == 2


class TestPages:
    def test_the_tab_shows_where_each_newcomer_stands(self, client, cast: Cast, group):
        happen("甲", group, NOW)
        happen("甲", group, NOW + timedelta(hours=1), "introduced")
        happen("乙", group, NOW)
        happen("老", group, NOW - 60 * DAY)
        sweep()
        client.force_login(cast.ana)
        address = reverse("members:group_entry", args=[group.pk])
        with time_machine.travel(NOW + DAY, tick=False):

            def names(**query):
                return {row.member.name for row, _steps in client.get(address, query).context["rows"]}

            assert names() == {"甲", "乙"}
            assert names(lacking="introduction") == {"乙"}
            assert names(since="all") == {"甲", "乙", "老"}
            assert names(lacking="telling", q="甲") == {"甲"}

    def test_the_member_page_shows_the_steps_of_groups_in_reach(self, client, cast: Cast, group):
        elsewhere = make_group("别的群", branch=cast.chengdu)
        happen("甲", group, NOW)
        happen("甲", elsewhere, NOW)
        client.force_login(cast.mei)
        html = client.get(reverse("members:member_entry", args=[Member.objects.get().pk])).content.decode()
        assert "阅读群" in html
        assert "别的群" not in html

    def test_only_who_may_review_reminds(self, client, cast: Cast, group):
        RolePermission.objects.create(role="operator", permission="review", allowed=False)
        client.force_login(cast.mei)
        assert client.post(reverse("members:group_entry_remind", args=[group.pk])).status_code == 403

    @pytest.mark.parametrize("rows", [2, 20])
    def test_the_number_of_queries_is_constant(self, client, cast: Cast, group, rows, django_assert_max_num_queries):
        for number in range(rows):
            happen(f"m{number}", group, NOW)
        sweep()
        assert Newcomer.objects.count() == rows
        client.force_login(cast.lin)
        with time_machine.travel(NOW, tick=False), django_assert_max_num_queries(14):
            client.get(reverse("members:group_entry", args=[group.pk]))
