"""Quiet hours, daily limits and the rights of authors hold in the moment of sending."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, time, timedelta
from time import sleep

import pytest
import time_machine
from django.db import connection, connections

from accounts.policies import policy_save
from campaigns.dispatching import dispatch_due
from campaigns.models import GroupSending, Post
from campaigns.posts.limits import SendingPolicy, quota_left
from campaigns.posts.services import Schedule, post_create, post_stop
from delivery.models import Delivery, FeedItem, GroupDay
from delivery.services import deliver, deliver_all, delivery_send_now, dispatch
from delivery.services.quota import quota_take
from groups.models import Group, GroupRole, Permission, StaffRole
from groups.roles.services import role_permission_set
from tests.base import Cast
from tests.builders import NOW, make_group
from tests.groups.test_rule_races import at_once

pytestmark = pytest.mark.django_db
RACERS = 16


@pytest.fixture
def clock(cast: Cast):
    policy_save(by=cast.lin, now=NOW, values=SendingPolicy(daily_quota=8, quiet_from="22:30", quiet_until="07:00"))
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


def make_post(*groups, at=NOW, by=None, **fields) -> Post:
    schedule = Schedule(timezone="Asia/Shanghai", at=at)
    return post_create(by=by, now=NOW, title="Read", body="x", groups=groups, schedule=schedule, **fields)


def run(now: datetime, clock) -> None:
    clock.move_to(now)
    for pk in dispatch_due(now=now).queued:
        deliver(delivery_id=pk)


def outcomes() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("due_at", "pk").values_list("state", "error_code"))


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("22:29", ("sent", "")),
        ("22:30", ("skipped", "quiet_hours")),
        ("06:59", ("skipped", "quiet_hours")),
        ("07:00", ("sent", "")),
    ],
)
def test_nothing_goes_out_within_quiet_hours(clock, local, expected):
    at = datetime.fromisoformat(f"2026-03-03T{local}:00+08:00")
    make_post(make_group(), at=at)
    make_post(make_group(), at=at, keeps_limits=False)

    run(at, clock)

    assert outcomes() == [expected, ("sent", "")]


def test_a_group_may_decide_its_own_hours(clock):
    early, as_all = make_group(), make_group()
    GroupSending.objects.create(group=early, quiet_from=time(12, 0), quiet_until=time(14, 0))
    make_post(early, as_all, at=NOW)

    run(NOW, clock)

    assert outcomes() == [("skipped", "quiet_hours"), ("sent", "")]


def test_a_day_takes_as_many_posts_as_its_limit_and_the_next_day_again(cast: Cast, clock):
    group = make_group()
    policy_save(by=cast.lin, now=NOW, values=SendingPolicy(daily_quota=2))
    for minute in range(3):
        make_post(group, at=NOW + timedelta(minutes=minute))
    make_post(group, at=NOW + timedelta(minutes=3), keeps_limits=False)
    make_post(group, at=NOW + timedelta(days=1))

    run(NOW + timedelta(minutes=4), clock)
    assert outcomes()[:4] == [("sent", ""), ("sent", ""), ("skipped", "over_quota"), ("sent", "")]
    assert quota_left([group.pk], NOW) == {group.pk: 0}
    run(NOW + timedelta(days=1), clock)

    assert outcomes()[4] == ("sent", "")


def test_what_a_person_orders_leaves_all_the_same_and_counts(cast: Cast, clock):
    group = make_group()
    GroupSending.objects.create(group=group, daily_quota=1)
    for minute in range(2):
        make_post(group, at=NOW + timedelta(minutes=minute))
    run(NOW + timedelta(minutes=2), clock)
    skipped = Delivery.objects.get(state="skipped")

    assert delivery_send_now(delivery=skipped, now=NOW + timedelta(minutes=3))
    deliver(delivery_id=skipped.pk)

    assert [state for state, _code in outcomes()] == ["sent", "sent"]
    assert GroupDay.objects.get().used == 2


def test_a_delivery_is_counted_once_and_given_back_when_it_fails(clock):
    group = make_group()
    make_post(group)
    delivery = Delivery.objects.get()
    for _again in range(2):
        assert quota_take(delivery_id=delivery.pk, group_id=group.pk, day=date(2026, 3, 2), limit=1)
    assert GroupDay.objects.get().used == 1

    group.state = "archived"
    group.save()
    run(NOW, clock)

    assert outcomes() == [("skipped", "group_closed")]
    assert GroupDay.objects.get().used == 0


def test_an_author_who_lost_the_right_does_not_post_any_more(cast: Cast, clock):
    lost, kept = make_group(branch=cast.hangzhou), make_group(branch=cast.hangzhou)
    make_post(lost, kept, by=cast.mei)
    StaffRole.objects.create(group=lost, user=cast.mei, role=GroupRole.ADMINISTRATOR, since=NOW)
    role_permission_set(
        by=cast.lin, role=GroupRole.ADMINISTRATOR, permission=Permission.POST, allowed=False
    )  # fmt: skip

    run(NOW, clock)

    assert outcomes() == [("skipped", "author_not_permitted"), ("sent", "")]


def test_an_author_who_left_does_not_post_any_more(cast: Cast, clock):
    make_post(make_group(branch=cast.hangzhou), by=cast.mei)
    cast.mei.is_active = False
    cast.mei.save()

    run(NOW, clock)

    assert outcomes() == [("skipped", "author_not_permitted")]


def many_groups(number: int) -> list[Group]:
    return Group.objects.bulk_create(
        [
            Group(name=f"G{each}", external_id=f"g{each}", state="active", motivation="growth", purpose="x",
                  created_at=NOW)
            for each in range(number)
        ]
    )  # fmt: skip


def test_stopping_in_the_middle_of_a_run_lets_nothing_more_begin(clock):
    post = make_post(*many_groups(500))
    queued = dispatch_due(now=NOW).queued
    assert len(queued) == 500
    for pk in queued[:20]:
        deliver(delivery_id=pk)
    Delivery.objects.filter(pk=queued[20]).update(state="sending", attempts=1, claimed_at=NOW)

    assert post_stop(by=None, now=NOW, post=post)
    deliver_all(ids=queued[20:])
    deliver_all(ids=dispatch_due(now=NOW).queued)

    states = [state for state, _code in outcomes()]
    assert (states.count("sent"), states.count("sending"), states.count("cancelled")) == (20, 1, 479)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_what_two_workers_have_not_begun_when_a_stop_answers_is_never_sent():
    now = datetime.now(UTC)
    schedule = Schedule(timezone="Asia/Shanghai", at=now)
    post = post_create(by=None, now=now, title="Read", body="x", groups=many_groups(500), schedule=schedule)
    queued = dispatch(now=now, clock=now).queued
    assert len(queued) == 500

    def stop() -> datetime:
        while not Delivery.objects.filter(state="sent").exists():
            sleep(0.01)
        assert post_stop(by=None, now=datetime.now(UTC), post=post)
        return datetime.now(UTC)

    _first, _second, stopped_at = at_once(
        lambda: deliver_all(ids=queued[:250]), lambda: deliver_all(ids=queued[250:]), stop
    )

    assert isinstance(stopped_at, datetime), stopped_at
    assert not [pk for pk in dispatch(now=now, clock=now).queued if pk in queued]
    rows = list(Delivery.objects.all())
    assert len(rows) == 500
    # What was claimed and not handed over yet is held back by the guard.
    assert {row.state for row in rows} <= {"sent", "cancelled", "skipped"}
    sent = {row.pk for row in rows if row.state == "sent"}
    assert sent
    assert all(row.claimed_at <= stopped_at and row.attempts == 1 for row in rows if row.pk in sent)
    assert sorted(FeedItem.objects.values_list("delivery_id", flat=True)) == sorted(sent)


def test_a_retry_does_not_leave_after_the_stop(clock):
    post = make_post(make_group())
    Delivery.objects.update(state="failed", attempts=1, retry_at=NOW, error_code="receiver_fault")
    Post.objects.update(state="stopped")

    run(NOW + timedelta(seconds=2), clock)

    assert outcomes() == [("skipped", "stopped")]
    assert post.pk


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_of_many_workers_at_once_exactly_as_many_send_as_the_limit_allows():
    now = datetime.now(UTC)
    group = make_group()
    # Quiet at no hour: this test runs on the real clock.
    GroupSending.objects.create(group=group, daily_quota=5, quiet_from=time(0, 0), quiet_until=time(0, 0))
    for _number in range(RACERS):
        schedule = Schedule(timezone="Asia/Shanghai", at=now)
        post_create(by=None, now=now, title="Read", body="x", groups=[group], schedule=schedule)
    queued = list(Delivery.objects.values_list("pk", flat=True))
    Delivery.objects.update(state="queued", queued_at=now)
    barrier = threading.Barrier(RACERS)

    def work(pk: int) -> None:
        try:
            barrier.wait()
            deliver(delivery_id=pk)
            deliver(delivery_id=pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=[pk]) for pk in queued]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    states = [state for state, _code in outcomes()]
    assert (states.count("sent"), states.count("skipped")) == (5, RACERS - 5)
    assert GroupDay.objects.get().used == 5
