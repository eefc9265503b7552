from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from campaigns.today import day_so_far, tasks_of
from delivery.models import Delivery, Kind, Message, State
from groups.models import Group
from groups.roles.duties import DutyDraft, duties_save
from groups.roles.permissions import OPERATOR
from groups.roles.services import role_permission_set, staff_role_grant
from members.models import ImportRun, ImportState
from members.work.notes import task_write
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db


def make_delivery(group, state=State.PLANNED, due=timedelta(hours=1), **fields):
    """A delivery in a state that sending leads to only over hours."""
    number = Delivery.objects.count()
    due_at = NOW + due
    if state in (State.SENT, State.SKIPPED, State.CANCELLED):
        fields.setdefault("settled_at", due_at)
    return Delivery.objects.create(
        dedupe_key=f"test:{number}",
        kind=Kind.INAPP,
        group_id=group.pk,
        message=Message.objects.create(title=f"Post {number}", text="…"),
        state=state,
        due_at=due_at,
        late_until=due_at + timedelta(minutes=30),
        **fields,
    )


def make_import(by, state, created_at=NOW):
    return ImportRun.objects.create(
        kind="messages",
        started_by=by,
        file_name="a.csv",
        path="a.csv",
        timezone="UTC",
        state=state,
        created_at=created_at,
    )


def test_what_is_stuck_comes_in_the_order_of_its_time_and_says_why(cast):
    group = make_group()
    make_delivery(group, State.FAILED, due=timedelta(hours=-1), error_code="gone")
    make_delivery(group, State.UNKNOWN, due=timedelta(hours=-3), error_code="outcome_unknown")
    make_delivery(group, State.WAITING, due=timedelta(days=-9), error_code="missed")
    make_delivery(group, State.FAILED, due=timedelta(hours=-1), retry_at=NOW)  # goes on by itself
    make_delivery(group, State.FAILED, due=timedelta(days=-4))  # history by now
    make_delivery(group, State.SENT, due=timedelta(hours=-1))
    tasks = tasks_of(user=cast.lin, now=NOW)
    assert [task.delivery.state for task in tasks.deliveries] == [State.WAITING, State.UNKNOWN, State.FAILED]
    assert tasks.deliveries_count == 3
    assert "410" in tasks.deliveries[2].why
    assert not tasks.nothing


def test_the_next_24_hours_are_shown_and_ask_for_nothing(cast):
    group = make_group()
    make_delivery(group, due=timedelta(hours=23))
    make_delivery(group, due=timedelta(hours=2))
    make_delivery(group, due=timedelta(hours=25))
    tasks = tasks_of(user=cast.lin, now=NOW)
    assert [task.delivery.due_at - NOW for task in tasks.coming] == [timedelta(hours=2), timedelta(hours=23)]
    assert tasks.nothing


def test_groups_in_need_are_listed_by_their_need(cast):
    quiet, full = make_group("Quiet"), make_group("Full")
    make_group("New", motivation="")
    Group.objects.filter(pk=quiet.pk).update(last_event_at=NOW - timedelta(days=7))
    Group.objects.filter(pk=full.pk).update(member_count=450, last_event_at=NOW - timedelta(days=6))
    tasks = tasks_of(user=cast.lin, now=NOW)
    assert [group.name for group in tasks.quiet.groups] == ["Quiet"]
    assert [group.name for group in tasks.forming.groups] == ["New"]
    assert [group.name for group in tasks.nearly_full.groups] == ["Full"]


def test_a_group_in_which_nothing_ever_happened_did_not_go_quiet(cast):
    make_group("Just made")
    assert tasks_of(user=cast.lin, now=NOW).nothing


def test_a_branch_sees_its_own_and_nothing_else(cast):
    theirs = make_group("Theirs", branch=cast.chengdu)
    make_group("Forming there", branch=cast.chengdu, motivation="")
    make_delivery(theirs, State.UNKNOWN, due=timedelta(hours=-1))
    make_delivery(theirs)
    make_import(cast.out, ImportState.FAILED)
    make_member(groups=[theirs], now=NOW)
    tasks = tasks_of(user=cast.mei, now=NOW)
    assert tasks.nothing
    assert not tasks.coming
    day = day_so_far(user=cast.mei, now=NOW)
    assert (day.active.now, day.posts_to_come) == (0, 0)
    assert not tasks_of(user=cast.out, now=NOW).nothing
    assert day_so_far(user=cast.out, now=NOW).joined.now == 1


def test_imports_show_while_they_need_a_look_to_those_who_import(cast):
    make_import(cast.lin, ImportState.DONE)
    make_import(cast.lin, ImportState.FAILED, created_at=NOW - timedelta(days=4))
    assert tasks_of(user=cast.lin, now=NOW).nothing
    make_import(cast.lin, ImportState.RUNNING)
    assert tasks_of(user=cast.lin, now=NOW).nothing, "it runs by itself"
    make_import(cast.lin, ImportState.MAPPING)
    assert len(tasks_of(user=cast.lin, now=NOW).imports) == 2
    assert not tasks_of(user=cast.ana, now=NOW).imports


def test_the_day_is_compared_with_yesterday_up_to_the_same_time(cast):
    group = make_group()
    noon = NOW  # 12:00 in Shanghai
    make_member(groups=[group], now=noon - timedelta(hours=1))
    make_member(groups=[group], now=noon - timedelta(hours=25))
    make_member(groups=[group], now=noon - timedelta(hours=25))
    make_member(groups=[group], now=noon - timedelta(hours=20))  # yesterday, but later than noon
    make_delivery(group, State.SENT, due=timedelta(hours=-2))
    make_delivery(group, due=timedelta(hours=11))
    make_delivery(group, due=timedelta(hours=13))  # tomorrow
    day = day_so_far(user=cast.lin, now=noon)
    assert (day.joined.now, day.joined.before) == (1, 2)
    assert (day.active.now, day.active.before) == (1, 2)
    assert (day.sent.now, day.sent.before, day.posts_to_come) == (1, 0, 1)


def test_a_clear_day_and_a_first_day_say_so(client, cast):
    client.force_login(cast.mei)
    with time_machine.travel(NOW, tick=False):
        assert "There are no groups yet" in client.get("/today/").content.decode()
        make_group(branch=cast.hangzhou)
        assert "The day is clear" in client.get("/today/").content.decode()


def test_today_asks_the_database_as_often_on_a_bad_day_as_on_a_good_one(client, cast, django_assert_max_num_queries):
    client.force_login(cast.lin)
    counts = []
    with time_machine.travel(NOW, tick=False):
        for size in (7, 25):
            while Group.objects.count() < size * 3:
                group = make_group(branch=cast.hangzhou)
                make_group(motivation="")
                quiet = make_group()
                Group.objects.filter(pk=quiet.pk).update(last_event_at=NOW - timedelta(days=9), member_count=500)
                make_delivery(group, State.UNKNOWN, due=timedelta(hours=-1))
                make_delivery(group)
            with django_assert_max_num_queries(24) as captured:
                client.get("/today/")
            counts.append(len(captured))
    assert counts[0] == counts[1]


def test_the_start_address_leads_to_today_and_strangers_to_the_door(client, cast):
    assert client.get("/").status_code == 302
    assert client.get("/today/")["Location"].startswith("/sign-in/")
    client.force_login(cast.ana)
    assert client.get("/")["Location"] == "/today/"
    assert client.post("/today/").status_code in (403, 405)


# Tasks and duties


def test_tasks_that_fall_to_me_and_my_duties_are_settled_in_place(client, cast):
    group = make_group(branch=cast.hangzhou)
    staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.mei, role="owner")
    duties_save(by=cast.lin, now=NOW, role="owner", drafts=[DutyDraft("迎新", "daily")])
    later = task_write(by=cast.mei, now=NOW, text="晚些", due_at=NOW + timedelta(hours=5), group=group)
    first = task_write(by=cast.mei, now=NOW, text="先做", due_at=NOW + timedelta(hours=1))
    task_write(by=cast.mei, now=NOW, text="别人的", due_at=NOW, assignee=cast.lin)
    tasks = tasks_of(user=cast.mei, now=NOW)
    assert [item.task for item in tasks.to_do] == [first, later]
    assert [item.duty.text for item in tasks.duties] == ["迎新"]
    assert not tasks.nothing
    client.force_login(cast.mei)
    with time_machine.travel(NOW, tick=False):
        text = client.get("/today/").content.decode()
        assert f"/tasks/{first.pk}/settle/" in text
        for task in (first, later):
            assert client.post(f"/tasks/{task.pk}/settle/", {"outcome": "done", "next": "/today/"}).url == "/today/"
        client.post(f"/duties/{tasks.duties[0].duty.pk}/done/", {"all": "1", "next": "/today/"})
    tasks = tasks_of(user=cast.mei, now=NOW)
    assert tasks.nothing
    assert not tasks.duties[0].left
    assert day_so_far(user=cast.mei, now=NOW).settled.now == 2


def test_who_may_not_post_to_a_group_is_offered_nothing_for_its_deliveries(cast):
    group = make_group(branch=cast.hangzhou)
    make_delivery(group, State.UNKNOWN, due=timedelta(hours=-1))
    assert tasks_of(user=cast.mei, now=NOW).deliveries[0].may_act
    role_permission_set(by=cast.lin, role=OPERATOR, permission="post", allowed=False)
    assert not tasks_of(user=cast.mei, now=NOW).deliveries[0].may_act
    assert tasks_of(user=cast.lin, now=NOW).deliveries[0].may_act
