"""Every night each group is judged; a turn for the worse is told once."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection, connections

from accounts.policies import policy_save
from activity.services import event_key
from analytics.health import services
from analytics.health.days import ONE, local_day
from analytics.health.merging import fitting_groups, merge, unmerge
from analytics.health.policy import HealthPolicy
from analytics.health.services import health_walk
from analytics.models import DailyGroupStat, GroupHealth, HealthWalk
from analytics.tasks import catch_up_group_stats, walk_group_health
from groups.models import Group
from groups.services import group_archive
from members.ingestion import IncomingEvent, ingest
from members.models import MemberRole, Membership, StaffTask
from members.work.kinds import kind_of
from members.work.services import task_settle
from tests.builders import NOW, make_group

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
YESTERDAY = local_day(NOW) - ONE


def live(group, days, *, members=6, until=NOW - DAY):
    """So many members write every day for so many days, the last of them at `until`."""
    at = [until - number * DAY for number in range(days)]
    events = [
        IncomingEvent(
            event_key("live", f"{group.pk} {who} {when}"), f"{group.pk}-{who}", group.external_id, "message", when
        )
        for when in at
        for who in range(members)
    ]
    assert ingest(events=events, source="live", by=None, create_missing=True, now=NOW).accepted


def stage(group):
    group.refresh_from_db()
    return group.stage


def tasks(group):
    return list(StaffTask.objects.filter(group=group, kind="group_turned").order_by("pk"))


def test_a_group_is_judged_for_every_day_of_its_past_and_the_list_knows_the_stage(cast):
    group = make_group(branch=cast.hangzhou)
    live(group, 100)
    assert health_walk(now=NOW) == 1
    group.refresh_from_db()
    assert (group.stage, group.noise) == ("active", 1.0)
    rows = GroupHealth.objects.filter(group=group)
    assert (rows.count(), rows.latest("day").day) == (90, YESTERDAY)
    assert HealthWalk.objects.get().day == YESTERDAY


def test_the_night_is_done_once_and_the_next_adds_one_day(cast):
    group = make_group()
    live(group, 100)
    health_walk(now=NOW)
    assert health_walk(now=NOW) == 0
    health_walk(now=NOW + DAY)
    assert GroupHealth.objects.filter(group=group).count() == 91


def test_a_stage_changes_when_two_days_in_a_row_say_the_same(cast):
    group = make_group()
    live(group, 100, until=NOW - 9 * DAY)
    for night in range(12):
        health_walk(now=NOW - 8 * DAY + night * DAY)
    rows = list(GroupHealth.objects.filter(group=group).order_by("day").values_list("verdict", "stage", "since", "day"))
    first = next(number for number, row in enumerate(rows) if row[0] == "declining")
    assert rows[first][1] == "active"
    assert rows[first + 1][1:3] == ("declining", rows[first][3])


def test_what_was_decided_stays_when_thresholds_change(cast):
    group = make_group()
    live(group, 100)
    health_walk(now=NOW)
    before = list(GroupHealth.objects.filter(group=group).values())
    policy_save(by=cast.lin, now=NOW, values=HealthPolicy(least_activity=200))
    health_walk(now=NOW + DAY)
    after = list(GroupHealth.objects.filter(group=group).values())
    assert after[1:] == before
    assert after[0]["verdict"] == "active"


def test_a_walk_that_was_killed_goes_on_behind_the_last_whole_step(cast, monkeypatch):
    groups = [make_group() for _number in range(5)]
    for group in groups:
        live(group, 40)
    monkeypatch.setattr(services, "CHUNK", 2)
    HealthWalk.objects.create(pk=1, going=YESTERDAY, position=groups[1].pk)
    assert health_walk(now=NOW) == 3
    assert set(GroupHealth.objects.values_list("group", flat=True)) == {group.pk for group in groups[2:]}
    assert HealthWalk.objects.get().day == YESTERDAY


def test_closed_groups_are_not_judged(cast):
    group = make_group()
    live(group, 60)
    group_archive(by=cast.lin, group=group)
    assert health_walk(now=NOW) == 0


def test_the_tasks_may_run_twice(cast):
    group = make_group()
    live(group, 100)
    with time_machine.travel(NOW, tick=False):
        for _time in range(2):
            catch_up_group_stats()
            walk_group_health()
    assert GroupHealth.objects.count() == 90
    assert DailyGroupStat.objects.count() == 100


# Warnings


def test_a_turn_is_told_once_with_its_reasons_to_the_branch(cast):
    group = make_group("阅读一群", branch=cast.hangzhou)
    live(group, 100, until=NOW - 9 * DAY)
    health_walk(now=NOW)
    health_walk(now=NOW + DAY)
    (task,) = tasks(group)
    assert (task.branch, task.state, task.data["code"]) == (cast.hangzhou, "open", "declining")
    assert kind_of(task).sentence(task).startswith("阅读一群 is declining. Activity fell by")
    assert StaffTask.objects.visible_to(cast.mei).count() == 1
    assert not StaffTask.objects.visible_to(cast.out).exists()


def test_a_task_goes_away_when_the_group_recovers(cast):
    group = make_group()
    live(group, 100, until=NOW - 9 * DAY)
    health_walk(now=NOW)
    live(group, 14, members=9, until=NOW + 9 * DAY)
    for night in range(10, 13):
        health_walk(now=NOW + night * DAY)
    assert [task.state for task in tasks(group)] == ["cancelled"]
    assert stage(group) == "active"


def test_a_group_that_was_left_alone_on_purpose_keeps_quiet_for_two_weeks(cast):
    group = make_group()
    live(group, 100, until=NOW - 9 * DAY)
    health_walk(now=NOW)
    task_settle(by=cast.lin, now=NOW, task=tasks(group)[0], outcome="ignored", note="寒假")
    for night in range(1, 9):
        health_walk(now=NOW + night * DAY)
    assert stage(group) == "dead"
    assert [task.outcome for task in tasks(group)] == ["ignored"]


def test_a_group_that_dies_after_its_decline_is_told_anew(cast):
    group = make_group()
    live(group, 100, until=NOW - 9 * DAY)
    for night in range(9):
        health_walk(now=NOW + night * DAY)
    assert [(task.data["code"], task.state) for task in tasks(group)] == [("declining", "cancelled"), ("dead", "open")]


def test_groups_that_were_dead_all_along_are_no_news(cast):
    group = make_group(now=NOW - 200 * DAY)
    live(group, 3, until=NOW - 150 * DAY)
    health_walk(now=NOW)
    assert stage(group) == "dead"
    assert tasks(group) == []


# Merging


@pytest.fixture
def dying(cast):
    """A group in decline and two of its branch, one that fits and one that is for something else."""
    group = make_group("旧群", branch=cast.hangzhou)
    live(group, 100, until=NOW - 9 * DAY)
    fits = make_group("新群", branch=cast.hangzhou)
    make_group("销售群", branch=cast.hangzhou, motivation="sales")
    make_group("成都群", branch=cast.chengdu)
    make_group("小群", branch=cast.hangzhou, capacity=3)
    health_walk(now=NOW)
    return group, fits


def test_a_group_fits_when_it_is_of_the_same_branch_and_kind_and_has_room(cast, dying):
    group, fits = dying
    best, other = fitting_groups(group, by=cast.mei, room=6)
    assert (best.group, other.group.name) == (fits, "销售群")
    assert "same motivation" in best.reasons
    assert "other motivation: Sales" in other.reasons


def test_a_merge_makes_a_task_for_each_active_member_and_can_be_undone(cast, dying):
    group, into = dying
    there = Membership.objects.filter(group=group).earliest("pk").member
    event = IncomingEvent(event_key("x", "1"), there.external_id, into.external_id, "joined", NOW)
    ingest(events=[event], source="x", by=None, create_missing=False, now=NOW)
    assert merge(by=cast.mei, now=NOW, group=group, into=into) == 5
    group.refresh_from_db()
    assert (group.state, group.merged_into) == ("archived", into)
    invitations = StaffTask.objects.filter(kind="merge_invite")
    assert {(task.group, task.state) for task in invitations} == {(into, "open")}
    assert there not in {task.member for task in invitations}
    assert [task.outcome for task in tasks(group)] == ["merged"]
    assert merge(by=cast.mei, now=NOW, group=group, into=into) is None

    assert unmerge(by=cast.mei, now=NOW, group=group)
    group.refresh_from_db()
    assert (group.state, group.merged_into) == ("active", None)
    assert set(invitations.values_list("state", flat=True)) == {"cancelled"}
    assert not unmerge(by=cast.mei, now=NOW, group=group)


@pytest.mark.django_db(transaction=True)
def test_two_groups_that_are_merged_into_each_other_at_once_leave_one_open(cast):
    if connection.vendor != "postgresql":
        pytest.skip("one writer at a time")
    one, two = make_group(branch=cast.hangzhou), make_group(branch=cast.hangzhou)
    start = threading.Barrier(2)

    def work(group, into):
        start.wait()
        try:
            # The slower one is told that its target is closed.
            with suppress(ValidationError):
                merge(by=cast.lin, now=NOW, group=group, into=into)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=pair) for pair in ((one, two), (two, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Group.objects.open().count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_walks_at_once_judge_each_group_once(cast):
    if connection.vendor != "postgresql":
        pytest.skip("one writer at a time")
    for _number in range(4):
        live(make_group(), 30)
    start = threading.Barrier(2)

    def work():
        start.wait()
        try:
            health_walk(now=NOW)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert GroupHealth.objects.filter(day=YESTERDAY).count() == 4
    assert DailyGroupStat.objects.count() == 4 * 30


def test_a_group_that_staff_leave_alone_is_told_once_and_taken_back_when_they_come(cast):
    group = make_group("无人群", branch=cast.hangzhou)
    live(group, 60, until=NOW + 9 * DAY)
    owner = Membership.objects.filter(group=group).earliest("pk")
    MemberRole.objects.create(membership=owner, role="owner", since=NOW + DAY)
    for night in range(9):
        health_walk(now=NOW + night * DAY)
    (task,) = StaffTask.objects.filter(kind="group_care")
    assert kind_of(task).sentence(task).startswith("无人群 is left alone. Staff interacted")
    assert tasks(group) == []
    events = [
        IncomingEvent(event_key("care", str(n)), owner.member.external_id, group.external_id, "answer", NOW + 8 * DAY)
        for n in range(3)
    ]
    ingest(events=events, source="care", by=None, create_missing=False, now=NOW)
    health_walk(now=NOW + 9 * DAY)
    task.refresh_from_db()
    assert task.state == "cancelled"
