from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from campaigns.today.bundles import ALL, todo
from campaigns.today.day import day_so_far
from delivery.models import Delivery, Destination, Kind, Message, State
from groups.channel import group_set_channel
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


def bundles(user, whose="mine"):
    return {bundle.key: bundle for bundle in todo(user=user, now=NOW, whose=whose).bundles}


def test_everything_stands_in_one_list_in_the_order_of_its_deadline(cast):
    group = make_group()
    make_delivery(group, State.FAILED, due=timedelta(hours=-1), error_code="gone")
    make_delivery(group, State.UNKNOWN, due=timedelta(hours=-3), error_code="outcome_unknown")
    make_delivery(group, State.WAITING, due=timedelta(days=-9), error_code="missed")
    make_delivery(group, State.FAILED, due=timedelta(hours=-1), retry_at=NOW)  # goes on by itself
    make_delivery(group, State.FAILED, due=timedelta(days=-4))  # history by now
    make_delivery(group, State.SENT, due=timedelta(hours=-1))
    task_write(by=cast.lin, now=NOW, text="回电话", due_at=NOW - timedelta(hours=2))
    task_write(by=cast.lin, now=NOW, text="以后", due_at=NOW + timedelta(days=3))
    make_import(cast.lin, ImportState.MAPPING, created_at=NOW - timedelta(minutes=30))
    found = todo(user=cast.lin, now=NOW)
    assert [(bundle.sort, bundle.count) for bundle in found.bundles] == [
        ("delivery", 1),
        ("delivery", 1),
        ("task", 1),
        ("delivery", 1),
        ("import", 1),
    ]
    assert [row.state for row in found.rows("delivery")] == [State.WAITING, State.UNKNOWN, State.FAILED]
    assert "410" in str(found.bundles[3].why)
    assert (found.count, found.late, found.later) == (5, 4, 1)


def test_like_things_are_one_line_that_counts_them_and_their_groups(cast):
    first, second = make_group(), make_group()
    for number in range(8):
        make_delivery((first, second)[number % 2], State.FAILED, timedelta(minutes=-number - 1), error_code="internal")
    [bundle] = todo(user=cast.lin, now=NOW).bundles
    assert (bundle.count, bundle.groups, len(bundle.rows), bundle.more) == (8, 2, 6, 2)
    assert bundle.due_at == NOW - timedelta(minutes=8)


def test_the_next_24_hours_are_shown_and_ask_for_nothing(cast):
    group = make_group()
    make_delivery(group, due=timedelta(hours=23))
    make_delivery(group, due=timedelta(hours=2))
    make_delivery(group, due=timedelta(hours=25))
    found = todo(user=cast.lin, now=NOW)
    assert [row.due_at - NOW for row in found.coming] == [timedelta(hours=2), timedelta(hours=23)]
    assert not found.bundles


def test_groups_in_need_come_last_by_their_need(cast):
    quiet, full = make_group("Quiet"), make_group("Full")
    make_group("New", motivation="")
    Group.objects.filter(pk=quiet.pk).update(last_event_at=NOW - timedelta(days=7))
    Group.objects.filter(pk=full.pk).update(member_count=450, last_event_at=NOW - timedelta(days=6))
    found = bundles(cast.lin)
    assert [group.name for group in found["quiet"].rows] == ["Quiet"]
    assert [group.name for group in found["forming"].rows] == ["New"]
    assert [group.name for group in found["full"].rows] == ["Full"]
    assert todo(user=cast.lin, now=NOW).count == 0


def test_a_group_in_which_nothing_ever_happened_did_not_go_quiet(cast):
    make_group("Just made")
    assert not todo(user=cast.lin, now=NOW).bundles


def test_a_branch_sees_its_own_and_nothing_else(cast):
    theirs = make_group("Theirs", branch=cast.chengdu)
    make_group("Forming there", branch=cast.chengdu, motivation="")
    make_delivery(theirs, State.UNKNOWN, due=timedelta(hours=-1))
    make_delivery(theirs)
    make_import(cast.out, ImportState.FAILED)
    make_member(groups=[theirs], now=NOW)
    for whose in ("mine", ALL):
        found = todo(user=cast.mei, now=NOW, whose=whose)
        assert not found.bundles
        assert not found.coming
    day = day_so_far(user=cast.mei, now=NOW)
    assert (day.active.now, day.posts_to_come) == (0, 0)
    assert todo(user=cast.out, now=NOW).count == 2
    assert day_so_far(user=cast.out, now=NOW).joined.now == 1


def test_mine_leaves_out_the_groups_that_others_run(cast):
    group = make_group(branch=cast.hangzhou)
    make_delivery(group, State.UNKNOWN, due=timedelta(hours=-1))
    assert todo(user=cast.mei, now=NOW).count == 1
    staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.lin, role="owner")
    assert todo(user=cast.mei, now=NOW).count == 0
    assert todo(user=cast.mei, now=NOW, whose=ALL).count == 1


def test_imports_show_while_they_need_a_look_to_those_who_import(cast):
    make_import(cast.lin, ImportState.DONE)
    make_import(cast.lin, ImportState.FAILED, created_at=NOW - timedelta(days=4))
    make_import(cast.lin, ImportState.RUNNING)
    assert not bundles(cast.lin), "it runs by itself"
    make_import(cast.lin, ImportState.MAPPING)
    assert bundles(cast.lin)["import"].count == 1
    assert not bundles(cast.ana, ALL)


def test_a_channel_that_is_off_is_switched_on_in_place(client, cast):
    group = group_set_channel(
        by=None, group=make_group(branch=cast.hangzhou), kind="webhook", url="https://example.com/hook"
    )
    Destination.objects.update(disabled_at=NOW, disabled_code="gone")
    client.force_login(cast.mei)
    with time_machine.travel(NOW, tick=False):
        page = client.get("/today/").content.decode()
        assert f"/groups/{group.pk}/channel/enable/" in page
        assert client.post(f"/groups/{group.pk}/channel/enable/", {"next": "/today/"}).url == "/today/"
    assert not bundles(cast.mei)


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
    assert (day.sent.now, day.sent.before, day.planned, day.posts_to_come) == (1, 0, 2, 1)


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
            with django_assert_max_num_queries(29) as captured:
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
    found = bundles(cast.mei)
    assert [item.task for item in found["task-note"].rows] == [first, later]
    assert [item.duty.text for item in found["duty-daily"].rows] == ["迎新"]
    client.force_login(cast.mei)
    with time_machine.travel(NOW, tick=False):
        text = client.get("/today/").content.decode()
        assert f"/tasks/{first.pk}/settle/" in text
        for task in (first, later):
            assert client.post(f"/tasks/{task.pk}/settle/", {"outcome": "done", "next": "/today/"}).url == "/today/"
        client.post(f"/duties/{found['duty-daily'].rows[0].duty.pk}/done/", {"all": "1", "next": "/today/"})
    assert not bundles(cast.mei)
    assert day_so_far(user=cast.mei, now=NOW).settled.now == 2


def test_a_task_is_given_to_somebody_by_name_in_place(client, cast):
    group = make_group(branch=cast.hangzhou)
    task = task_write(by=cast.mei, now=NOW, text="联系", due_at=NOW, group=group)
    client.force_login(cast.lin)
    assert client.post(f"/tasks/{task.pk}/give/", {"username": "mei", "next": "/today/"}).url == "/today/"
    task.refresh_from_db()
    assert task.assignee == cast.mei
    assert client.post(f"/tasks/{task.pk}/give/", {"username": "nobody"}).status_code == 404


def test_who_may_not_post_to_a_group_is_offered_nothing_for_its_deliveries(cast):
    group = make_group(branch=cast.hangzhou)
    make_delivery(group, State.UNKNOWN, due=timedelta(hours=-1))

    def row(user):
        [found] = todo(user=user, now=NOW).rows("delivery")
        return found

    assert row(cast.mei).decisions
    role_permission_set(by=cast.lin, role=OPERATOR, permission="post", allowed=False)
    assert not row(cast.mei).decisions
    assert row(cast.mei).up_to == []
    assert row(cast.lin).decisions
