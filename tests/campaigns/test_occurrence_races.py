"""One time of a post, when people and the dispatcher reach for it at once."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.utils import timezone

from accounts.models import AuditEntry
from campaigns.models import Occurrence
from campaigns.posts.occurrences import occurrence_cancel, occurrence_move
from campaigns.posts.services import Schedule, post_create
from delivery.models import Delivery, FeedItem, State
from delivery.services import deliver, dispatch
from tests.builders import make_group

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]
GROUPS, ROUNDS = 12, 6


def at_once(*deeds):
    """Runs the deeds in threads at the same instant; gives what each returned or raised."""
    barrier = threading.Barrier(len(deeds))
    answers: list[Any] = [None] * len(deeds)

    def run(number):
        barrier.wait()
        try:
            answers[number] = deeds[number]()
        except Exception as error:
            answers[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[number]) for number in range(len(deeds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.fixture
def groups():
    return [make_group() for _number in range(GROUPS)]


def due_now(groups) -> Occurrence:
    now = timezone.now()
    schedule = Schedule(timezone="Asia/Shanghai", at=now)
    return post_create(
        by=None, now=now - timedelta(minutes=1), title="Now", body="Text", groups=groups, schedule=schedule
    ).occurrences.get()


def send_all(now):
    for pk in dispatch(now=now, clock=timezone.now()).queued:
        deliver(delivery_id=pk)


def test_what_is_moved_while_it_is_sent_goes_out_once_at_one_of_both_times(groups):
    for _round in range(ROUNDS):
        occurrence = due_now(groups)
        now = timezone.now()
        later = now + timedelta(hours=1)
        moved, sent = at_once(
            lambda occurrence=occurrence, now=now, later=later: occurrence_move(
                by=None, now=now, occurrence=occurrence, at=later
            ),
            lambda now=now: send_all(now),
        )
        assert sent is None, sent
        rows = list(Delivery.objects.filter(occurrence_id=occurrence.pk))
        if isinstance(moved, ValidationError):
            # What `deliver` found locked by the one who tried to move it stays in the queue, and is taken up again.
            assert {(row.state, row.due_at) for row in rows} <= {
                (s, occurrence.due_at) for s in (State.QUEUED, State.SENT)
            }
        else:
            assert {(row.state, row.due_at) for row in rows} == {(State.PLANNED, later)}, moved
        send_all(later)
        states = Delivery.objects.filter(occurrence_id=occurrence.pk).values_list("state", flat=True)
        assert set(states) == {State.SENT}
        assert FeedItem.objects.filter(delivery__occurrence_id=occurrence.pk).count() == GROUPS


def test_of_two_who_move_it_at_once_one_does_and_the_other_is_told(groups):
    now = timezone.now()
    schedule = Schedule(timezone="Asia/Shanghai", at=now + timedelta(days=1))
    post = post_create(by=None, now=now, title="Later", body="Text", groups=groups, schedule=schedule)
    occurrence = post.occurrences.get()
    was = occurrence.due_at

    def move(hours):
        at = was + timedelta(hours=hours)
        return occurrence_move(by=None, now=now, occurrence=occurrence, at=at, seen_at=was)

    answers = at_once(*(lambda hours=hours: move(hours) for hours in (1, 2, 3, 4)))

    assert sum(isinstance(answer, Occurrence) for answer in answers) == 1, answers
    told = [answer for answer in answers if isinstance(answer, ValidationError)]
    assert [error.code for error in told] == ["changed_meanwhile"] * 3
    occurrence.refresh_from_db()
    assert set(Delivery.objects.values_list("due_at", flat=True)) == {occurrence.due_at}
    assert AuditEntry.objects.filter(action="occurrence.moved").count() == 1


def test_what_is_called_off_while_it_is_sent_stays_sent_or_is_never_sent(groups):
    for _round in range(ROUNDS):
        occurrence = due_now(groups)
        now = timezone.now()
        called_off, sent = at_once(
            lambda occurrence=occurrence, now=now: occurrence_cancel(by=None, now=now, occurrence=occurrence),
            lambda now=now: send_all(now),
        )
        assert sent is None, sent
        send_all(now)
        rows = Delivery.objects.filter(occurrence_id=occurrence.pk)
        off = rows.filter(state=State.CANCELLED, error_code="called_off").count()
        assert off == (0 if isinstance(called_off, ValidationError) else called_off)
        assert rows.filter(state=State.SENT).count() == GROUPS - off
        assert FeedItem.objects.filter(delivery__occurrence_id=occurrence.pk).count() == GROUPS - off
