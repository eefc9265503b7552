"""A delivery on its way out: claims, retries, refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.dispatching import dispatch_due
from campaigns.posts.services import Schedule, post_create
from community_ops.lib import http, signing
from delivery import registry
from delivery.adapters import robot
from delivery.adapters.base import SendError
from delivery.models import Delivery, Destination, FeedItem
from delivery.services import deliver, deliver_all, dispatch, dispatching
from delivery.services.settling import RETRY_WAITS
from groups.models import Group
from groups.services import group_archive
from tests.base import Cast
from tests.builders import make_group
from tests.delivery.sending_things import NOW, clock, plan, queue, receiver, send

__all__ = ["clock", "receiver"]
pytestmark = pytest.mark.django_db


# --- Ways out ---


def test_the_member_page_shows_what_was_sent(clock):
    delivery = send(queue(plan()))

    item = FeedItem.objects.get()
    assert delivery.state == "sent"
    assert (delivery.settled_at, delivery.attempts, delivery.reason) == (NOW, 1, "")
    assert (item.group_id, item.message.title, item.published_at) == (delivery.group_id, "Read aloud", NOW)


def test_a_webhook_is_signed_and_says_what_it_is(clock, receiver):
    delivery = send(queue(plan(url=receiver.url)))

    (request,) = receiver.received
    assert delivery.state == "sent"
    assert request.id == request.headers["idempotency-key"] == delivery.webhook_id
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert request.headers["webhook-signature"] == signing.signature(
        secret=delivery.destination.secret,
        message_id=request.id,
        timestamp=int(request.headers["webhook-timestamp"]),
        body=request.raw,
    )
    assert request.body == {
        "group": delivery.group_ref,
        "title": "Read aloud",
        "text": "Ten minutes <b>today</b>.",
        "link": "",
        "link_title": "",
        "picture": "",
        "post": delivery.post_id,
        "due_at": "2026-03-02T04:00:00+00:00",
    }


def test_the_signature_is_that_of_the_standard():
    """The example of the specification's own libraries."""
    assert (
        signing.signature(
            secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp=1614265330,
            body=b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


# --- Answers ---


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 422, 301, 302, 307])
def test_a_refusal_is_final(clock, receiver, status):
    receiver.always(status)

    delivery = send(queue(plan(url=receiver.url)))

    assert (delivery.state, delivery.retry_at, delivery.attempts) == ("failed", None, 1)
    assert delivery.settled_at == NOW
    assert str(status) in delivery.reason


def test_410_switches_the_channel_off_and_what_follows_fails_at_once(clock, receiver):
    receiver.always(410)
    first = send(queue(plan(url=receiver.url)))
    destination = Destination.objects.get()
    assert (first.state, first.retry_at) == ("failed", None)
    assert destination.disabled_at == NOW
    assert "410" in destination.disabled_reason

    second = plan()
    Delivery.objects.filter(pk=second.pk).update(destination=destination, kind="webhook")
    second = send(queue(second))

    assert (second.state, second.error_code) == ("failed", "destination_disabled")
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_fault_of_the_receiver_is_tried_again_for_about_a_day(clock, receiver, status):
    receiver.always(status)
    delivery = queue(plan(url=receiver.url))
    now, waits = NOW, []
    while True:
        delivery = send(delivery)
        assert delivery.state == "failed"
        if delivery.retry_at is None:
            break
        waits.append((delivery.retry_at - now).total_seconds())
        assert not dispatch(now=delivery.retry_at - timedelta(seconds=0.2), clock=now).queued
        now = delivery.retry_at
        clock.move_to(now)
        delivery = queue(delivery, now)

    for wanted, waited in zip(RETRY_WAITS, waits, strict=True):
        assert wanted <= waited <= wanted * 1.1
    assert waits[:5] == sorted(waits[:5])
    assert 20 <= (now - NOW).total_seconds() / 3600 <= 27
    assert delivery.settled_at == now
    assert len(receiver.by_id()) == 1


def test_a_receiver_that_recovers_gets_the_message(clock, receiver):
    answers = iter([500, 503, 204])
    receiver.answer = lambda request: (next(answers), {})
    delivery = queue(plan(url=receiver.url))
    for _attempt in range(3):
        delivery = send(delivery)
        if delivery.retry_at:
            clock.move_to(delivery.retry_at)
            delivery = queue(delivery, delivery.retry_at)

    assert (delivery.state, delivery.attempts, delivery.error_code) == ("sent", 3, "")
    assert [len(requests) for requests in receiver.by_id().values()] == [3]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("120", 120), ("Mon, 02 Mar 2026 04:05:00 GMT", 300), ("999999999", 86_400), ("0", 1), ("soon", 1), ("", 1)],
)
def test_429_is_obeyed(clock, receiver, given, seconds):
    receiver.always(429, Retry_After=given)

    delivery = send(queue(plan(url=receiver.url)))

    assert delivery.state == "failed"
    assert delivery.retry_at
    assert seconds <= (delivery.retry_at - NOW).total_seconds() <= seconds * 1.1


def test_a_connection_that_breaks_off_is_tried_again(clock, receiver):
    def break_off(request):
        raise ConnectionError

    receiver.answer = break_off
    delivery = send(queue(plan(url=receiver.url)))

    assert (delivery.state, delivery.error_code) == ("failed", "unreachable")
    assert delivery.retry_at is not None


def test_a_private_address_is_refused_in_words(clock, receiver, settings):
    settings.OUTBOUND_ALLOWED_HOSTS = []

    delivery = send(queue(plan(url=receiver.url)))

    assert (delivery.state, delivery.retry_at) == ("failed", None)
    assert "127.0.0.1 is a private address" in delivery.reason
    assert receiver.received == []


def test_a_secret_whose_key_is_gone_is_said_so(clock, receiver, settings):
    delivery = queue(plan(url=receiver.url))
    settings.SECRET_KEY = "another"

    delivery = send(delivery)

    assert (delivery.state, delivery.error_code, delivery.retry_at) == ("failed", "no_secret", None)


def test_an_adapter_that_breaks_is_tried_again(clock, monkeypatch):
    class Broken:
        idempotent = True

        def send(self, outgoing):
            raise RuntimeError("broken")

    monkeypatch.setitem(registry.ADAPTERS, "inapp", Broken())

    delivery = send(queue(plan()))

    assert (delivery.state, delivery.error_code) == ("failed", "internal")
    assert delivery.retry_at is not None


def test_a_group_that_was_closed_gets_nothing(clock, cast: Cast):
    delivery = plan()
    group_archive(by=cast.lin, group=Group.objects.get(pk=delivery.group_id))

    delivery = send(queue(delivery))

    assert (delivery.state, delivery.error_code, delivery.attempts) == ("skipped", "group_closed", 1)
    assert not FeedItem.objects.exists()


# --- Twice, and lost ---


def test_a_task_that_comes_twice_sends_once(clock, receiver):
    delivery = queue(plan(url=receiver.url))

    deliver_all(ids=[delivery.pk, delivery.pk])
    deliver_all(ids=[delivery.pk])

    assert len(receiver.received) == 1
    assert Delivery.objects.get().attempts == 1


def test_two_runs_of_the_dispatcher_queue_once(clock):
    delivery = plan()

    assert dispatch(now=NOW, clock=NOW).queued == [delivery.pk]
    assert dispatch(now=NOW, clock=NOW).queued == []


def test_nothing_is_sent_before_its_time(clock):
    delivery = plan(at=NOW + timedelta(minutes=1))

    assert dispatch_due(now=NOW + timedelta(seconds=59)).queued == []
    assert dispatch(now=NOW + timedelta(seconds=60), clock=NOW).queued == [delivery.pk]


def test_what_a_killed_worker_was_sending_is_asked_again_with_the_same_id(clock, receiver):
    delivery = queue(plan(url=receiver.url))
    Delivery.objects.filter(pk=delivery.pk).update(state="sending", attempts=1, claimed_at=NOW)

    assert dispatch(now=NOW + timedelta(seconds=20), clock=NOW + timedelta(seconds=20)).queued == []
    clock.move_to(NOW + timedelta(seconds=26))
    delivery = send(queue(delivery, NOW + timedelta(seconds=26)))

    assert (delivery.state, delivery.attempts) == ("sent", 2)
    assert [request.id for request in receiver.received] == [delivery.webhook_id]


def test_a_way_out_that_cannot_repeat_leaves_the_decision_to_a_person(clock, monkeypatch):
    monkeypatch.setattr(registry, "IDEMPOTENT_KINDS", [])
    delivery = queue(plan())
    Delivery.objects.filter(pk=delivery.pk).update(state="sending", attempts=1, claimed_at=NOW)

    later = NOW + timedelta(seconds=26)
    assert dispatch(now=later, clock=later).queued == []
    assert Delivery.objects.get().state == "unknown"


def test_a_late_outcome_still_counts_when_nobody_took_over(clock, monkeypatch):
    """The sweep gave the try up for lost, and then it ended well: it is not sent again."""
    delivery = queue(plan())
    sent = []

    class Swept:
        idempotent = True

        def send(self, outgoing):
            sent.append(outgoing.webhook_id)
            later = NOW + timedelta(seconds=26)
            assert dispatch(now=later, clock=later).queued == [delivery.pk]

    monkeypatch.setitem(registry.ADAPTERS, "inapp", Swept())
    send(delivery)

    assert send(delivery).state == "sent"
    assert sent == [delivery.webhook_id]


def test_what_the_broker_lost_is_queued_again(clock):
    delivery = queue(plan())

    soon, later = NOW + timedelta(seconds=29), NOW + timedelta(seconds=31)
    assert dispatch(now=soon, clock=soon).queued == []
    assert dispatch(now=later, clock=later).queued == [delivery.pk]
    assert dispatch(now=later, clock=later).queued == []


# --- Missed times ---


@pytest.mark.parametrize(
    ("policy", "late_by", "state", "code"),
    [
        ("late", 29 * 60, "queued", ""),
        ("late", 31 * 60, "skipped", "too_late"),
        ("skip", 30, "queued", ""),
        ("skip", 90, "skipped", "missed"),
        ("ask", 30, "queued", ""),
        ("ask", 90, "waiting_for_owner", "missed"),
    ],
)
def test_a_missed_time_is_decided_as_the_post_says(clock, policy, late_by, state, code):
    plan(missed=policy, late_minutes=30)

    dispatch(now=NOW + timedelta(seconds=late_by), clock=NOW)

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.error_code) == (state, code)
    assert (delivery.settled_at is not None) == (state == "skipped")


@pytest.mark.parametrize(("policy", "state"), [("late", "sent"), ("skip", "skipped"), ("ask", "waiting_for_owner")])
def test_what_lay_in_a_queue_that_stood_still_is_decided_anew(clock, policy, state):
    delivery = queue(plan(missed=policy, late_minutes=30))
    later = NOW + timedelta(minutes=10)
    clock.move_to(later)

    delivery = send(delivery)
    done = dispatch(now=later, clock=later)
    for pk in done.queued:
        deliver(delivery_id=pk)

    assert Delivery.objects.get().state == state


def test_a_retry_is_not_called_late(clock, receiver):
    receiver.always(500)
    delivery = send(queue(plan(url=receiver.url, missed="skip")))
    receiver.always(204)
    much_later = NOW + timedelta(hours=2)
    clock.move_to(much_later)

    assert send(queue(delivery, much_later)).state == "sent"


def test_what_a_killed_worker_held_is_taken_up_again_within_a_minute(settings):
    """By the constants: what is lost is seen as such after the longest send, and found by the next ticks."""
    tick = timedelta(seconds=settings.CELERY_BEAT_SCHEDULE["dispatch-due"]["schedule"])
    longest_send = timedelta(seconds=http.TIMEOUT + robot.SECOND_CALL)
    settled_within = timedelta(seconds=1)
    restored = timedelta(seconds=settings.CELERY_BROKER_TRANSPORT_OPTIONS["unacked_restore_interval"])

    assert longest_send + settled_within < dispatching.SENDING_LOST
    for lost in (dispatching.SENDING_LOST, dispatching.QUEUED_LOST):
        assert lost + 2 * tick + restored < timedelta(seconds=60)


def test_a_clock_that_jumps_over_a_change_of_time_and_back_sends_each_time_once(clock):
    """In New York 1:30 comes twice on November 1st; the installation's clock is set forward past it, and back."""
    group = make_group()
    post_create(
        by=None,
        now=NOW,
        title="Good night",
        body="x",
        groups=[group],
        schedule=Schedule(timezone="America/New_York", rrule="FREQ=DAILY;COUNT=3", start="2026-10-31T01:30"),
    )
    begun = datetime(2026, 10, 31, 5, 0, tzinfo=UTC)
    for minutes in [0, 30, 60, 24 * 60 + 30, 24 * 60 + 90, 24 * 60 + 30, 30, 24 * 60 + 35, 48 * 60 + 90, 48 * 60 + 30]:
        now = begun + timedelta(minutes=minutes)
        clock.move_to(now)
        for pk in dispatch_due(now=now).queued:
            deliver(delivery_id=pk)

    times = Delivery.objects.order_by("due_at").values_list("due_at", "state")
    assert [(at.isoformat(), state) for at, state in times] == [
        ("2026-10-31T05:30:00+00:00", "sent"),
        ("2026-11-01T05:30:00+00:00", "sent"),
        ("2026-11-02T06:30:00+00:00", "sent"),
    ]
    assert FeedItem.objects.count() == 3


def test_errors_are_told_apart_by_code():
    error = SendError("refused", "404", permanent=True)
    assert (error.code, str(error)) == ("refused", "refused 404")
