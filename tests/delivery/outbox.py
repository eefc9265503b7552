"""A worker, the receivers it sends to, and what has to be true of them whatever is killed meanwhile."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connection
from kombu.exceptions import OperationalError as BrokerAway

from campaigns.dispatching import dispatch_due
from campaigns.posts.services import Schedule, post_create
from community_ops.celery import app as celery_app
from delivery.models import Delivery, FeedItem
from delivery.services import destination_create, dispatching
from groups.models import Group
from tests.builders import make_group
from tests.campaigns.recorder import Recorder, recording
from tests.conftest import environment, process, said_by
from tests.delivery.killing_points import ARMED, LOST
from tests.delivery.wecom import WeCom, wecom

ENDS = {"sent", "unknown"}


@pytest.fixture(scope="module")
def receivers():
    with recording() as recorder, wecom() as fake:
        yield recorder, fake


@contextmanager
def worker(fake: WeCom, **more: str) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "tests.delivery.killing", "worker"]
    command += ["--concurrency", "1", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    variables = {**environment(), "OUTBOUND_ALLOWED_HOSTS": "127.0.0.1", "WECOM_API_BASE": fake.base, **more}
    with process(command, "killed-worker", variables):
        yield


@pytest.fixture
def fresh(receivers, monkeypatch):
    """The receivers, who have seen nothing yet."""
    recorder, fake = receivers
    monkeypatch.setattr(dispatching, "SENDING_LOST", LOST)
    monkeypatch.setattr(dispatching, "QUEUED_LOST", LOST)
    recorder.received.clear()
    fake.calls.clear()
    recorder.always(204)
    celery_app.control.purge()
    yield recorder, fake
    ARMED.unlink(missing_ok=True)


def plan(recorder: Recorder, *, webhooks: int = 4, robots: int = 2, pages: int = 2) -> None:
    """One post to some groups of each kind. Its words name the group, so receivers can tell for whom they were."""
    groups = [
        make_group(destination=destination_create(kind="webhook", url=recorder.url)) for _number in range(webhooks)
    ]
    groups += [
        make_group(destination=destination_create(kind="robot", secret=f"key-{os.urandom(8).hex()}"))
        for _number in range(robots)
    ]
    groups += [make_group() for _number in range(pages)]
    schedule = Schedule(timezone="Asia/Shanghai", at=datetime.now(UTC))
    post_create(
        by=None, now=datetime.now(UTC), title="早安", body="今晚 {group} 共读", groups=groups, schedule=schedule
    )


def tick_until_settled(seconds: float = 60) -> None:
    """Does what beat does, until nothing is under way."""
    end = time.monotonic() + seconds
    while True:
        try:
            if set(Delivery.objects.values_list("state", flat=True)) <= ENDS:
                return
            dispatch_due(now=datetime.now(UTC))
        except (OperationalError, BrokerAway):
            connection.close()
        assert time.monotonic() < end, (list(Delivery.objects.values("pk", "kind", "state")), said_by("killed-worker"))
        time.sleep(0.2)


def check(recorder: Recorder, fake: WeCom) -> None:
    """Everything arrived once for each group, and the outbox says what the receivers saw."""
    names = dict(Group.objects.values_list("pk", "name"))
    for delivery in Delivery.objects.all():
        words = f"今晚 {names[delivery.group_id]} 共读"
        if delivery.kind == "webhook":
            arrived = {request.id for request in recorder.received if request.body["text"] == words}
            assert (delivery.state, arrived) == ("sent", {delivery.webhook_id})
        elif delivery.kind == "robot":
            arrived_times = sum(words in call.words for call in fake.posted)
            assert arrived_times == 1 if delivery.state == "sent" else arrived_times <= 1
        else:
            assert delivery.state == "sent"
            assert FeedItem.objects.filter(delivery=delivery).count() == 1
    assert len(recorder.by_id()) == Delivery.objects.filter(kind="webhook").count()
