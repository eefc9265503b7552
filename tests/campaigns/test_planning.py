"""Posts are planned ahead, changed, paused, stopped, and end."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError

from accounts.models import AuditEntry
from campaigns.dispatching import dispatch_due
from campaigns.models import Occurrence, Post
from campaigns.posts.occurrences import occurrence_move
from campaigns.posts.services import (
    MOST_AHEAD,
    Schedule,
    plan_ahead,
    post_create,
    post_pause,
    post_resume,
    post_stop,
    post_update,
    schedule_of,
)
from delivery.models import Delivery, Message
from delivery.services import deliver, delivery_mark_sent
from tests.builders import make_group

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # Monday noon in Shanghai
DAILY = Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY", start="2026-03-02T18:00")


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


def make_post(schedule=DAILY, *, groups=1, now=NOW, **fields) -> Post:
    return post_create(
        by=None,
        now=now,
        title="Read aloud",
        body="Ten minutes.",
        groups=[make_group() for _number in range(groups)],
        schedule=schedule,
        **fields,
    )


def change(post: Post, *, now=NOW, **changes) -> Post:
    fields = {
        "title": post.title,
        "body": post.body,
        "schedule": schedule_of(post),
        "missed": post.missed,
        "late_minutes": post.late_minutes,
        **changes,
    }
    return post_update(by=None, now=now, post=post, **fields)


def due(state="planned") -> list[datetime]:
    return list(Delivery.objects.filter(state=state).order_by("due_at").values_list("due_at", flat=True))


def run(now: datetime, clock) -> None:
    """Dispatches at `now` and sends what is queued."""
    clock.move_to(now)
    for pk in dispatch_due(now=now).queued:
        deliver(delivery_id=pk)


def at(schedule_at: datetime) -> Schedule:
    return Schedule(timezone="Asia/Shanghai", at=schedule_at)


def test_a_rule_is_planned_for_fourteen_days(clock):
    make_post(groups=2)

    first = datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert due()[::2] == [first + timedelta(days=day) for day in range(14)]
    assert Occurrence.objects.count() == 14
    assert Message.objects.count() == 1


def test_a_busy_rule_is_planned_for_sixty_times(clock):
    make_post(Schedule(timezone="Asia/Shanghai", rrule="FREQ=HOURLY", start="2026-03-02T18:00"))

    assert len(due()) == MOST_AHEAD


def test_a_rare_rule_is_planned_for_its_next_time_at_least(clock):
    make_post(Schedule(timezone="Asia/Shanghai", rrule="FREQ=YEARLY", start="2025-09-01T08:00"))

    assert due() == [datetime(2026, 9, 1, 0, tzinfo=UTC)]


def test_times_before_the_post_was_written_are_not_made_up_for(clock):
    make_post(Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY", start="2020-01-01T09:00"))

    assert min(due()) > NOW


@pytest.mark.parametrize(
    ("rule", "step"),
    [("FREQ=DAILY", timedelta(days=1)), ("FREQ=HOURLY", timedelta(hours=1)), ("FREQ=MONTHLY;BYMONTHDAY=2", None)],
)
def test_planning_goes_on_without_a_gap_or_a_double(clock, rule, step):
    make_post(Schedule(timezone="Asia/Shanghai", rrule=rule, start="2026-03-02T18:00"))
    for hours in range(0, 24 * 40, 7):
        now = NOW + timedelta(hours=hours)
        plan_ahead(now=now)
        plan_ahead(now=now)
        assert Delivery.objects.filter(due_at__gt=now).exists()

    times = due()
    assert len(times) == len(set(times))
    if step:
        assert all(later - earlier == step for earlier, later in itertools.pairwise(times))
    else:
        assert len(times) == 3


def test_a_month_of_days_is_a_month_of_posts(clock):
    make_post()
    for day in range(30):
        run(NOW + timedelta(days=day, hours=6), clock)

    assert len(due("sent")) == 30
    assert len(set(due("sent"))) == 30


def test_times_that_passed_while_everything_stood_still_are_decided_too(clock):
    make_post(missed="skip")

    run(NOW + timedelta(days=20), clock)

    assert len(due("skipped")) == 20
    assert min(due()) > NOW + timedelta(days=20)


def test_a_post_that_has_sent_its_last_is_finished(clock):
    once = make_post(at(NOW + timedelta(hours=1)))
    three = make_post(Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY;COUNT=3", start="2026-03-02T18:00"))

    run(NOW + timedelta(hours=1), clock)
    once.refresh_from_db()
    assert once.state == "finished"
    for day in range(3):
        three.refresh_from_db()
        assert three.state == "active"
        run(NOW + timedelta(days=day, hours=6), clock)
    three.refresh_from_db()
    assert three.state == "finished"


def test_a_post_that_waits_for_a_person_is_not_finished_before_they_decide(clock):
    post = make_post(at(NOW + timedelta(hours=1)), missed="ask")
    run(NOW + timedelta(hours=2), clock)
    post.refresh_from_db()
    assert post.state == "active"

    delivery_mark_sent(delivery=Delivery.objects.get(), now=NOW + timedelta(hours=3))

    post.refresh_from_db()
    assert post.state == "finished"


def test_a_single_time_that_has_passed_is_left_to_the_policy(clock):
    make_post(at(NOW - timedelta(minutes=10)), missed="late", late_minutes=30)
    make_post(at(NOW - timedelta(minutes=10)), missed="skip")
    make_post(at(NOW - timedelta(minutes=10)), missed="ask")

    run(NOW, clock)

    states = Delivery.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["sent", "skipped", "waiting_for_owner"]


def test_no_grace_at_all_still_leaves_a_moment_to_send(clock):
    make_post(at(NOW + timedelta(minutes=1)), missed="late", late_minutes=0)

    run(NOW + timedelta(minutes=1, seconds=2), clock)

    assert due("sent") == [NOW + timedelta(minutes=1)]


# --- Changes ---


def test_another_wording_reaches_what_is_planned_and_not_what_was_sent(clock):
    post = make_post()
    run(NOW + timedelta(hours=6), clock)

    change(post, now=NOW + timedelta(hours=7), body="Twenty minutes.")

    sent, planned = Delivery.objects.get(state="sent"), Delivery.objects.filter(state="planned").first()
    assert (sent.message.text, planned.message.text) == ("Ten minutes.", "Twenty minutes.")
    run(NOW + timedelta(days=1, hours=6), clock)
    assert Delivery.objects.filter(message__text="Twenty minutes.", state="sent").count() == 1
    entry = AuditEntry.objects.get(action="post.updated")
    assert (entry.before, entry.after) == ({"body": "Ten minutes."}, {"body": "Twenty minutes."})


def test_another_time_replaces_what_is_planned(clock):
    post = make_post()
    run(NOW + timedelta(hours=6), clock)
    evening = Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY", start="2026-03-02T20:30")

    change(post, now=NOW + timedelta(hours=7), schedule=evening)

    assert {time.hour for time in due("sent")} == {10}
    assert {(time.hour, time.minute) for time in due()} == {(12, 30)}
    assert Delivery.objects.filter(state="cancelled").count() == 0
    assert Occurrence.objects.filter(due_at__gt=NOW + timedelta(hours=7)).count() == len(due())


def test_the_same_time_again_changes_nothing(clock):
    post = make_post()
    keys = set(Delivery.objects.values_list("key", flat=True))

    change(post)

    assert set(Delivery.objects.values_list("key", flat=True)) == keys
    assert Message.objects.count() == 1


def test_another_policy_reaches_what_is_planned(clock):
    post = make_post()

    change(post, missed="late", late_minutes=90)

    delivery = Delivery.objects.first()
    assert delivery.late_until - delivery.due_at == timedelta(minutes=90)


def test_a_paused_post_that_is_changed_stays_silent_until_it_runs_again(clock):
    post = make_post()
    post_pause(by=None, now=NOW, post=post)

    post = change(post, schedule=at(NOW + timedelta(days=2)))
    assert due() == []
    assert post_resume(by=None, now=NOW + timedelta(days=1), post=post)

    assert due() == [NOW + timedelta(days=2)]


def test_what_is_over_cannot_be_changed_or_resumed(clock):
    post = make_post()
    assert post_stop(by=None, now=NOW, post=post)

    with pytest.raises(ValidationError):
        change(post, title="x")
    assert not post_resume(by=None, now=NOW, post=post)
    assert not post_pause(by=None, now=NOW, post=post)
    assert not post_stop(by=None, now=NOW, post=post)


def test_pausing_calls_retries_off_too(clock):
    post = make_post()
    delivery = Delivery.objects.order_by("due_at").first()
    Delivery.objects.filter(pk=delivery.pk).update(state="failed", retry_at=NOW + timedelta(hours=1), attempts=2)

    post_pause(by=None, now=NOW, post=post)

    delivery.refresh_from_db()
    assert (delivery.state, delivery.retry_at, delivery.error_code) == ("cancelled", None, "paused")


def test_what_is_on_its_way_is_not_called_off(clock):
    post = make_post(at(NOW))
    Delivery.objects.update(state="sending", attempts=1, claimed_at=NOW)

    post_stop(by=None, now=NOW, post=post)

    assert Delivery.objects.get().state == "sending"


def test_pausing_and_resuming_sends_each_day_once(clock):
    post = make_post()
    for day in range(10):
        morning = NOW + timedelta(days=day)
        if day in (3, 6):
            post_pause(by=None, now=morning, post=post)
        if day in (5, 7):
            post_resume(by=None, now=morning, post=post)
        run(morning + timedelta(hours=6), clock)

    days = [time.day for time in due("sent")]
    assert days == [2, 3, 4, 7, 9, 10, 11]


def test_a_paused_post_runs_again_for_a_time_that_was_moved(clock):
    post = make_post(Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY;COUNT=1", start="2026-03-02T18:00"), groups=2)
    later = NOW + timedelta(days=3)
    occurrence_move(by=None, now=NOW, occurrence=post.occurrences.get(), at=later)
    post_pause(by=None, now=NOW, post=post)
    clock.shift(timedelta(days=1))

    assert post_resume(by=None, now=NOW + timedelta(days=1), post=post)

    assert list(Delivery.objects.values_list("state", "due_at")) == [("planned", later)] * 2
    clock.shift(timedelta(days=3))
    post.refresh_from_db()
    post_pause(by=None, now=NOW + timedelta(days=4), post=post)
    with pytest.raises(ValidationError, match="time has passed"):
        post_resume(by=None, now=NOW + timedelta(days=4), post=post)
