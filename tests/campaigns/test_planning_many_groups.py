"""A post to very many groups is saved at once and planned bit by bit: the nearest time first, and never late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from campaigns.calendar.days import By, View, Window
from campaigns.calendar.selectors import calendar_entries
from campaigns.dispatching import dispatch_due
from campaigns.models import Occurrence, Post
from campaigns.posts.occurrences import occurrence_cancel, occurrence_move, occurrence_restore
from campaigns.posts.services import (
    Schedule,
    deliveries_settled,
    filling,
    filling_of,
    occurrences_complete,
    occurrences_fill,
    post_create,
    post_pause,
    post_resume,
    post_stop,
    post_update,
    schedule_of,
)
from delivery.models import Delivery, State
from tests.api.base import Caller
from tests.base import Cast
from tests.builders import make_group

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # Monday noon in Shanghai
DAILY = Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY;COUNT=4", start="2026-03-02T18:00")
GROUPS = 7


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch):
    """Five deliveries at once, so that seven groups are very many."""
    monkeypatch.setattr(filling, "MOST_AT_ONCE", 5)
    with time_machine.travel(NOW, tick=False):
        yield


def make_post(schedule: Schedule = DAILY, **fields) -> Post:
    return post_create(
        by=None, now=NOW, title="Read", body="Ten minutes.", groups=[make_group() for _number in range(GROUPS)],
        schedule=schedule, **fields,
    )  # fmt: skip


def written(post: Post) -> list[int]:
    """How many deliveries each occurrence has, in the order of time."""
    return [Delivery.objects.filter(occurrence_id=each.pk).count() for each in post.occurrences.order_by("due_at")]


def steps(number: int) -> int:
    left = iter([True] * number + [False])
    return occurrences_fill(goes_on=lambda: next(left))


def test_a_request_writes_the_nearest_deliveries_and_a_task_the_others_in_the_order_of_time():
    post = make_post()
    assert written(post) == [5, 0, 0, 0]
    assert filling_of(post=post, now=NOW) == filling.Filling(written=5, total=28)

    assert steps(1) == 1
    assert written(post) == [7, 3, 0, 0], "it goes on where it stopped, with the nearest time"
    assert steps(100) == 4
    assert written(post) == [7, 7, 7, 7]
    assert filling_of(post=post, now=NOW) is None
    assert steps(100) == 0
    assert Delivery.objects.values("dedupe_key").distinct().count() == 28


def test_what_is_due_is_completed_before_it_is_sent():
    post = make_post()
    due = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    with time_machine.travel(due, tick=False):
        dispatch_due(now=due)
    assert written(post)[:2] == [7, 0]
    rows = Delivery.objects.filter(due_at=due)
    assert not rows.filter(state=State.PLANNED).exists()
    assert not rows.filter(state=State.SKIPPED).exists()
    post.refresh_from_db()
    assert post.state == "active"


def test_a_post_of_one_time_is_not_over_before_all_of_it_is_planned():
    post = make_post(Schedule(timezone="UTC", at=NOW + timedelta(hours=1)))

    def all_sent() -> str:
        Delivery.objects.update(state=State.SENT, settled_at=NOW)
        deliveries_settled(ids=Delivery.objects.values_list("pk", flat=True))
        post.refresh_from_db()
        return post.state

    assert all_sent() == "active"
    steps(100)
    assert all_sent() == "finished"


def test_a_post_that_is_held_or_ended_is_planned_no_further():
    held, ended = make_post(), make_post()
    post_pause(by=None, now=NOW, post=held)
    post_stop(by=None, now=NOW, post=ended)
    assert steps(100) == 0
    assert occurrences_complete(now=NOW + timedelta(days=9)) == 0
    assert written(ended) == [5, 0, 0, 0]

    post_resume(by=None, now=NOW, post=held)
    steps(100)
    assert written(held) == [7, 7, 7, 7]
    assert not Delivery.objects.filter(post_id=held.pk).exclude(state=State.PLANNED).exists()
    assert filling_of(post=ended, now=NOW) is None


def test_what_is_written_later_says_what_the_post_says_by_then():
    post = make_post()
    post_update(
        by=None, now=NOW, post=post, title="New", body="Other words.", schedule=schedule_of(post), missed="skip",
        late_minutes=0,
    )  # fmt: skip
    steps(100)
    rows = Delivery.objects.filter(post_id=post.pk)
    assert set(rows.values_list("message__title", "missed")) == {("New", "skip")}
    assert written(post) == [7, 7, 7, 7]


def test_groups_that_come_and_go_meanwhile_are_kept_to():
    post = make_post()
    listed = list(post.groups.order_by("pk"))
    newcomer = make_group()
    post_update(
        by=None, now=NOW, post=post, title="Read", body="x", schedule=schedule_of(post), missed="late",
        late_minutes=30, groups=[*listed[2:], newcomer],
    )  # fmt: skip
    steps(100)
    assert written(post) == [6, 6, 6, 6]
    got = set(Delivery.objects.filter(post_id=post.pk).values_list("group_id", flat=True))
    assert got == {*(group.pk for group in listed[2:]), newcomer.pk}


def test_what_a_person_decides_about_one_time_is_about_all_of_its_groups():
    post = make_post()
    second, third = post.occurrences.order_by("due_at")[1:3]
    moved = NOW + timedelta(days=1, hours=3)
    occurrence_move(by=None, now=NOW, occurrence=second, at=moved)
    assert Delivery.objects.filter(due_at=moved).count() == GROUPS

    occurrence_cancel(by=None, now=NOW, occurrence=third)
    steps(100)
    assert not Delivery.objects.filter(occurrence_id=third.pk, state=State.PLANNED).exists()
    occurrence_restore(by=None, now=NOW, occurrence=third)
    steps(100)
    assert Delivery.objects.filter(occurrence_id=third.pk, state=State.PLANNED).count() == GROUPS
    assert written(post) == [7, 7, 7, 7]


def test_pages_say_how_far_it_is_and_the_calendar_counts_all_groups(client, cast: Cast):
    post = make_post()
    client.force_login(cast.lin)
    assert "5 of 28" in client.get(f"/posts/{post.pk}/").content.decode()
    assert "every 2s" in client.get(f"/posts/{post.pk}/planning/").content.decode()
    window = Window(View.WEEK, By.HOURS, NOW.date(), NOW.date(), (NOW + timedelta(days=6)).date())
    assert {entry.groups for entry in calendar_entries(user=cast.lin, window=window)} == {GROUPS}

    steps(100)
    text = client.get(f"/posts/{post.pk}/planning/").content.decode()
    assert "Everything is planned" in text
    assert "every 2s" not in text
    assert "Its messages are being planned" not in client.get(f"/posts/{post.pk}/").content.decode()


def test_the_api_answers_before_all_is_planned(cast: Cast):
    groups = [make_group() for _number in range(GROUPS)]
    answer = Caller(cast.lin).post("/posts/", {
        "title": "Read", "body": "x", "groups": [group.external_id for group in groups],
        "schedule": {"rrule": "FREQ=DAILY;COUNT=2", "start": "2026-03-02T18:00", "timezone": "Asia/Shanghai"},
    })  # fmt: skip
    assert answer.status_code == 201
    assert Delivery.objects.count() == 5
    assert Occurrence.objects.filter(is_filling=True).count() == 2
