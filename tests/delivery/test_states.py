"""Whatever happens in whatever order, a delivery ends in one state and is known to its receiver by one id."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.deliveries.services import Decision, delivery_decide
from campaigns.posts.models import Post
from campaigns.posts.services import Schedule, post_create, post_pause, post_resume, post_stop
from delivery import registry
from delivery.adapters.base import SendError
from delivery.models import Delivery
from delivery.services import deliver, dispatch
from tests.base import make_cast
from tests.builders import make_group

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
ENDS = {"sent", "skipped", "cancelled", "failed"}
ALLOWED = {
    "planned": {"queued", "skipped", "waiting_for_owner", "cancelled", "planned"},
    "queued": {"sending", "planned", "cancelled", "queued", "skipped", "waiting_for_owner"},
    "sending": {"sent", "failed", "skipped", "queued", "sending", "cancelled"},
    "waiting_for_owner": {"queued", "sent", "skipped", "cancelled", "waiting_for_owner"},
    "failed": {"queued", "sent", "skipped", "cancelled", "failed"},
    "skipped": {"queued", "skipped"},
    "sent": {"sent"},
    "cancelled": {"cancelled"},
}


class Receiver:
    """Takes messages, or does not, as it is told; a crash is a worker that ends before it knows."""

    idempotent = True

    def __init__(self):
        self.mood = "ok"
        self.taken: dict[str, set[int]] = {}

    def send(self, outgoing):
        if self.mood == "fault":
            raise SendError("receiver_fault", "500", permanent=False)
        if self.mood == "refuse":
            raise SendError("refused", "404", permanent=True)
        self.taken.setdefault(outgoing.webhook_id, set()).add(outgoing.delivery_id)
        if self.mood == "crash":
            raise Crash


class Crash(BaseException):
    pass


steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([1, 5, 27, 40, 300, 3600, 90_000])),
        st.tuples(st.just("mood"), st.sampled_from(["ok", "fault", "refuse", "crash"])),
        st.tuples(st.sampled_from(["tick", "tick", "send", "send", "pause", "resume", "stop"]), st.just(0)),
        st.tuples(st.just("decide"), st.sampled_from(list(Decision))),
    ),
    max_size=25,
)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(policy=st.sampled_from(["late", "skip", "ask"]), script=steps)
def test_a_delivery_moves_only_along_its_states(db, monkeypatch, policy, script):
    receiver = Receiver()
    monkeypatch.setitem(registry.ADAPTERS, "inapp", receiver)
    # Each example begins with an empty database again.
    with transaction.atomic():
        _play(receiver, policy, script)
        transaction.set_rollback(True)


def _play(receiver: Receiver, policy: str, script) -> None:
    person = make_cast().lin
    with time_machine.travel(NOW, tick=False) as clock:
        post = post_create(
            by=None,
            now=NOW,
            title="x",
            body="y",
            groups=[make_group()],
            schedule=Schedule(timezone="Asia/Shanghai", at=NOW + timedelta(seconds=10)),
            missed=policy,
        )
        delivery = Delivery.objects.get()
        broker: list[int] = []
        now, state = NOW, "planned"
        # At the end everything runs well for two days, so that nothing stays half done.
        calm = (
            [("mood", "ok")]
            + [("wait", 40), ("tick", 0), ("send", 0)] * 4
            + [("wait", 90_000), ("tick", 0), ("send", 0)] * 2
        )
        for name, value in [*script, *calm]:
            if name == "wait":
                now += timedelta(seconds=value)
                clock.move_to(now)
            elif name == "mood":
                receiver.mood = value
            elif name == "tick":
                broker += dispatch(now=now, clock=now).queued
            elif name == "send":
                for pk in broker:
                    try:
                        deliver(delivery_id=pk)
                    except Crash:
                        continue
                broker = broker[:1]  # a broker may give a task twice
            elif name == "decide":
                current = Delivery.objects.filter(pk=delivery.pk).first()
                if (
                    current
                    and delivery_decide(by=person, now=now, delivery=current, decision=value)
                    and value == "send"
                ):
                    broker.append(delivery.pk)
            else:
                act = {"pause": post_pause, "resume": post_resume, "stop": post_stop}[name]
                post = Post.objects.get(pk=post.pk)
                if name == "resume" and post.state == "paused" and now >= NOW + timedelta(seconds=10):
                    continue
                act(by=person, now=now, post=post)
            current = Delivery.objects.filter(pk=delivery.pk).first()
            if current is None:  # a pause before its time, and another row after it
                assert state == "cancelled"
                assert not receiver.taken
                delivery = Delivery.objects.get()
                state = "planned"
                current = delivery
            assert current.state in _reachable(state), (state, name, value, current.state)
            state = current.state

    final = Delivery.objects.get()
    assert final.state in ENDS | {"waiting_for_owner"}
    assert set(receiver.taken) <= {final.webhook_id}
    if final.state in ENDS:
        assert final.settled_at is not None
        assert final.retry_at is None
    if final.state == "sent" and final.error_code != "sent_by_person":
        assert receiver.taken == {final.webhook_id: {final.pk}}


def _reachable(state: str) -> set[str]:
    """One step of the script may be several of the row: a tick queues, a send claims and settles."""
    found = {state}
    while more := {after for before in found for after in ALLOWED[before]} - found:
        found |= more
    return found
