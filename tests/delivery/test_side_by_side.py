"""Many deliveries in one run: the order in which they leave, and that none holds another up."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from campaigns.posts.services import Schedule, post_create, post_stop
from delivery import registry
from delivery.models import Delivery
from delivery.services import deliver_all, destination_create, dispatch, sending
from tests.base import Cast
from tests.builders import make_group
from tests.delivery.sending_things import NOW, clock, plan, queue, receiver

__all__ = ["clock", "receiver"]
pytestmark = pytest.mark.django_db


def test_a_slow_receiver_holds_nobody_up(transactional_db, receiver):
    """Four that wait 0.5 s each are side by side: the last is asked before the first has answered."""
    ended = []

    def slow(request):
        time.sleep(0.5)
        ended.append(time.time())
        return 204, {}

    receiver.answer = slow
    rows = [plan(url=receiver.url, at=datetime.now(UTC)) for _number in range(4)]
    now = datetime.now(UTC)
    dispatch(now=now, clock=now)

    deliver_all(ids=[row.pk for row in rows])

    assert max(request.at for request in receiver.received) < min(ended)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


def test_a_stop_reaches_what_a_run_has_not_begun(transactional_db, cast: Cast, receiver, monkeypatch):
    """The person stops the post when the first message has arrived: of fifty, those that are claimed still go."""
    monkeypatch.setattr(sending, "CALLS", 4)
    monkeypatch.setattr(sending, "ROOM_TO_CLAIM", 4)
    groups = [make_group(destination=destination_create(kind="webhook", url=receiver.url)) for _number in range(50)]
    schedule = Schedule(timezone="Asia/Shanghai", at=datetime.now(UTC))
    post = post_create(by=None, now=datetime.now(UTC), title="x", body="y", groups=groups, schedule=schedule)
    stopped: list[str] = []

    def answer(request):
        if not stopped:
            stopped.append(request.id)
            post_stop(by=cast.lin, now=datetime.now(UTC), post=post)
            connections.close_all()
        return 204, {}

    receiver.answer = answer
    now = datetime.now(UTC)
    deliver_all(ids=dispatch(now=now, clock=now).queued)

    counts = Counter(Delivery.objects.values_list("state", flat=True))
    assert counts["sent"] == len(receiver.received) <= 8
    assert counts["sent"] + counts["cancelled"] == 50


def test_a_host_that_hangs_gets_a_few_calls_and_keeps_no_other_waiting(transactional_db, receiver, monkeypatch):
    monkeypatch.setattr(sending, "SLOW", 0.2)
    monkeypatch.setattr(sending, "CALLS", 8)
    monkeypatch.setattr(sending, "ROOM_TO_CLAIM", 4)
    monkeypatch.setattr(sending, "SLOW_CALLS", 2)
    over = threading.Event()
    slow = {plan(url=receiver.url).webhook_id for _number in range(20)}
    quick = {plan(url=receiver.url.replace("127.0.0.1", "localhost")).webhook_id for _number in range(20)}
    Delivery.objects.update(due_at=datetime.now(UTC), late_until=datetime.now(UTC) + timedelta(hours=1))
    slow_first = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))

    def answer(request):
        if request.id in slow:
            over.wait(timeout=20)
        elif quick <= {other.id for other in receiver.received}:
            over.set()  # all the others have come while this host hangs
        return 204, {}

    receiver.answer = answer
    now = datetime.now(UTC)
    dispatch(now=now, clock=now)
    deliver_all(ids=slow_first)

    assert over.is_set()
    waiting = Delivery.objects.filter(error_code="receiver_slow", state="planned", attempts=0)
    assert waiting.exists()
    assert waiting.count() + Delivery.objects.filter(state="sent").count() == 40


def test_those_that_are_named_leave_in_the_order_in_which_they_are_due(clock, monkeypatch):
    monkeypatch.setattr(sending, "CALLS", 1)
    monkeypatch.setattr(sending, "ROOM_TO_CLAIM", 1)
    rows = [queue(plan(url="https://example.com/hook")).pk for _number in range(3)]
    Delivery.objects.update(queued_at=NOW)
    Delivery.objects.filter(pk=rows[2]).update(due_at=NOW - timedelta(hours=1))
    left = []

    class Notes:
        idempotent = True

        def send(self, outgoing):
            left.append(outgoing.delivery_id)

    monkeypatch.setitem(registry.ADAPTERS, "webhook", Notes())
    deliver_all(ids=rows)
    assert left == [rows[2], rows[0], rows[1]]


def test_a_call_that_breaks_its_thread_is_heard_of_and_the_others_are_written_down(clock, monkeypatch):
    rows = [queue(plan(url="https://example.com/hook")) for _number in range(3)]

    class Ends:
        idempotent = True

        def send(self, outgoing):
            if outgoing.delivery_id == rows[1].pk:
                raise SystemExit

    monkeypatch.setitem(registry.ADAPTERS, "webhook", Ends())
    with pytest.raises(SystemExit):
        deliver_all(ids=[row.pk for row in rows])

    states = Delivery.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["sent", "sending", "sent"]
