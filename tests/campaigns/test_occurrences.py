"""What people change about a single time of a post: moved, reworded, called off, sent at once; and put back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError

from accounts.models import AuditEntry
from campaigns.models import Occurrence, Post
from campaigns.posts.occurrences import (
    occurrence_cancel,
    occurrence_move,
    occurrence_put_back,
    occurrence_restore,
    occurrence_reword,
    occurrence_send_now,
    standing,
)
from campaigns.posts.services import Schedule, post_create, post_pause, post_resume, post_stop, post_update, schedule_of
from delivery.models import Delivery, State
from delivery.services import dispatch
from tests.base import Cast
from tests.builders import NOW, make_group

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _monday():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def post(cast: Cast) -> Post:
    """Every day at six in the evening, to two groups."""
    groups = [make_group(branch=cast.hangzhou) for _number in range(2)]
    schedule = Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY", start="2026-03-02T18:00")
    return post_create(by=cast.mei, now=NOW, title="Read", body="Ten minutes.", groups=groups, schedule=schedule)


def once(cast: Cast) -> Post:
    schedule = Schedule(timezone="Asia/Shanghai", at=NOW + HOUR)
    group = make_group(branch=cast.hangzhou)
    return post_create(by=cast.mei, now=NOW, title="Once", body="Ten minutes.", groups=[group], schedule=schedule)


def rows(occurrence: Occurrence):
    return Delivery.objects.filter(occurrence_id=occurrence.pk)


def refused(code: str):
    return pytest.raises(ValidationError, check=lambda error: code in {found.code for found in _found(error)})


def _found(error: ValidationError) -> list[ValidationError]:
    if hasattr(error, "error_dict"):
        return [found for several in error.error_dict.values() for found in several]
    return error.error_list


def test_what_is_moved_goes_out_at_its_new_time_and_not_at_the_old_one(cast: Cast, post: Post):
    first = post.occurrences.earliest("due_at")
    lateness = rows(first)[0].late_until - first.due_at
    later = first.due_at + 3 * HOUR

    moved = occurrence_move(by=cast.mei, now=NOW, occurrence=first, at=later, seen_at=first.due_at)

    assert (moved.due_at, moved.by_hand) == (later, True)
    assert {(row.due_at, row.late_until) for row in rows(first)} == {(later, later + lateness)}
    assert dispatch(now=first.due_at + HOUR, clock=NOW).queued == []
    assert len(dispatch(now=later, clock=NOW).queued) == 2
    entry = AuditEntry.objects.get(action="occurrence.moved")
    assert (entry.actor, entry.after) == (cast.mei, {"due_at": later.isoformat()})


def test_moving_is_refused_into_the_past_and_once_it_has_begun_or_is_over(cast: Cast, post: Post):
    first, second, third = post.occurrences.order_by("due_at")[:3]
    with refused("past"):
        occurrence_move(by=cast.mei, now=NOW, occurrence=first, at=NOW)
    with refused("changed_meanwhile"):
        occurrence_move(by=cast.mei, now=NOW, occurrence=first, at=NOW + HOUR, seen_at=NOW + 2 * HOUR)
    rows(first).filter(pk=rows(first)[0].pk).update(state=State.SENT, attempts=1, settled_at=NOW)
    with refused("has_begun"):
        occurrence_move(by=cast.mei, now=NOW, occurrence=first, at=NOW + HOUR)
    occurrence_cancel(by=cast.mei, now=NOW, occurrence=second)
    with refused("called_off"):
        occurrence_move(by=cast.mei, now=NOW, occurrence=second, at=NOW + HOUR)
    post_stop(by=cast.mei, now=NOW, post=post)
    with refused("post_over"):
        occurrence_move(by=cast.mei, now=NOW, occurrence=third, at=NOW + HOUR)
    assert not AuditEntry.objects.filter(action="occurrence.moved").exists()


def test_what_is_queued_and_not_yet_taken_by_a_worker_can_still_be_moved(cast: Cast, post: Post):
    first = post.occurrences.earliest("due_at")
    dispatch(now=first.due_at, clock=NOW)
    assert {row.state for row in rows(first)} == {State.QUEUED}
    occurrence_move(by=cast.mei, now=first.due_at, occurrence=first, at=first.due_at + HOUR)
    assert {(row.state, row.queued_at) for row in rows(first)} == {(State.PLANNED, None)}


def test_a_post_of_one_time_is_moved_itself_and_planned_once(cast: Cast):
    post = once(cast)
    moved = occurrence_move(by=cast.mei, now=NOW, occurrence=post.occurrences.get(), at=NOW + 5 * HOUR)
    post.refresh_from_db()
    assert post.at == NOW + 5 * HOUR
    post_update(
        by=cast.mei,
        now=NOW,
        post=post,
        title="Once",
        body="Ten minutes.",
        schedule=replace(schedule_of(post), at=NOW + 6 * HOUR),
        missed=post.missed,
        late_minutes=post.late_minutes,
    )
    assert moved.local == "2026-03-02T17:00:00"
    assert Occurrence.objects.get().local == "2026-03-02T18:00:00"
    assert Delivery.objects.get().due_at == NOW + 6 * HOUR
    with refused("goes_out_once"):
        occurrence_reword(by=cast.mei, now=NOW, occurrence=post.occurrences.get(), title="Other", text="Words")


def test_other_words_are_for_this_time_alone(cast: Cast, post: Post):
    first, second = post.occurrences.order_by("due_at")[:2]
    reworded = occurrence_reword(
        by=cast.mei, now=NOW, occurrence=first, title="For {group}", text="Bring a book", link="https://example.com/"
    )
    assert {row.message.title for row in rows(first)} == {"For {group}"}
    assert reworded.message.has_variables
    assert {row.message.title for row in rows(second)} == {"Read"}
    with refused("unknown_variable"):
        occurrence_reword(by=cast.mei, now=NOW, occurrence=second, title="{grup}", text="Bring a book")
    with refused("changed_meanwhile"):
        occurrence_reword(by=cast.mei, now=NOW, occurrence=first, title="A", text="B", seen_message_id=post.message_id)
    dispatch(now=second.due_at, clock=NOW)
    with refused("has_begun"):
        occurrence_reword(by=cast.mei, now=NOW, occurrence=second, title="Late", text="Too late")


def test_calling_off_stops_what_has_not_begun_and_can_be_undone_in_time(cast: Cast, post: Post):
    first = post.occurrences.earliest("due_at")
    one, other = rows(first)
    rows(first).filter(pk=one.pk).update(state=State.SENT, attempts=1, settled_at=NOW)

    assert occurrence_cancel(by=cast.mei, now=first.due_at, occurrence=first) == 1

    other.refresh_from_db()
    assert (other.state, other.error_code) == (State.CANCELLED, "called_off")
    assert dispatch(now=first.due_at, clock=NOW).queued == []
    assert occurrence_restore(by=cast.mei, now=first.due_at + timedelta(seconds=9), occurrence=first) == 1
    assert dispatch(now=first.due_at, clock=NOW).queued == [other.pk]
    occurrence_cancel(by=cast.mei, now=first.due_at, occurrence=first)
    with refused("past"):
        occurrence_restore(by=cast.mei, now=first.due_at + 5 * HOUR, occurrence=first)


def test_what_is_called_off_while_its_post_is_paused_comes_back_paused(cast: Cast, post: Post):
    first = post.occurrences.earliest("due_at")
    post_pause(by=cast.mei, now=NOW, post=post)
    assert occurrence_cancel(by=cast.mei, now=NOW, occurrence=first) == 2
    occurrence_restore(by=cast.mei, now=NOW, occurrence=first)
    assert {(row.state, row.error_code) for row in rows(first)} == {(State.CANCELLED, "paused")}


def test_send_now_lets_it_go_with_the_next_run_of_the_dispatcher(cast: Cast, post: Post):
    last = post.occurrences.latest("due_at")
    sent = occurrence_send_now(by=cast.mei, now=NOW, occurrence=last)
    assert sent.due_at == NOW
    assert len(dispatch(now=NOW + timedelta(minutes=10), clock=NOW).queued) == 2
    first = post.occurrences.exclude(pk=last.pk).earliest("due_at")
    post_pause(by=cast.mei, now=NOW, post=post)
    with refused("post_paused"):
        occurrence_send_now(by=cast.mei, now=NOW, occurrence=first)


def test_a_change_is_put_back_as_long_as_nobody_changed_it_again(cast: Cast, post: Post):
    first = post.occurrences.earliest("due_at")
    before = standing(first)
    moved = occurrence_move(by=cast.mei, now=NOW, occurrence=first, at=NOW + HOUR)
    reworded = occurrence_reword(by=cast.mei, now=NOW, occurrence=moved, title="Other", text="Words")
    with refused("changed_meanwhile"):
        occurrence_put_back(by=cast.mei, now=NOW, occurrence=first, before=before, after=standing(moved))

    back = occurrence_put_back(by=cast.mei, now=NOW, occurrence=first, before=before, after=standing(reworded))

    assert standing(back) == before
    assert {(row.due_at, row.message.title) for row in rows(first)} == {(before.due_at, "Read")}


def test_what_was_changed_by_hand_survives_a_new_planning_of_its_post(cast: Cast, post: Post):
    moved, reworded, off = post.occurrences.order_by("due_at")[1:4]
    at = moved.due_at + 2 * HOUR
    occurrence_move(by=cast.mei, now=NOW, occurrence=moved, at=at)
    occurrence_reword(by=cast.mei, now=NOW, occurrence=reworded, title="Mine", text="Words")
    occurrence_cancel(by=cast.mei, now=NOW, occurrence=off)

    schedule = replace(schedule_of(post), start="2026-03-02T19:00")
    post_update(
        by=cast.mei,
        now=NOW,
        post=post,
        title="Read",
        body="Anew.",
        schedule=schedule,
        missed=post.missed,
        late_minutes=post.late_minutes,
    )
    post_pause(by=cast.mei, now=NOW, post=post)
    post_resume(by=cast.mei, now=NOW, post=post)

    assert [(row.state, row.due_at) for row in rows(moved)] == [(State.PLANNED, at)] * 2
    assert {(row.state, row.message.title) for row in rows(reworded)} == {(State.PLANNED, "Mine")}
    assert {row.state for row in rows(off)} == {State.CANCELLED}
    others = post.occurrences.filter(by_hand=False)
    assert {occurrence.local[11:] for occurrence in others} == {"19:00:00"}
