"""Whatever is killed, and wherever: nothing is lost, nothing comes twice, and the states are what receivers saw."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connection
from kombu.exceptions import OperationalError as BrokerAway

from campaigns.dispatching import dispatch_due
from campaigns.posts.services import Schedule, post_create
from campaigns.tasks import dispatch_due_task
from community_ops.celery import app as celery_app
from community_ops.health import broker
from delivery.models import Delivery, FeedItem
from delivery.services import destination_create, dispatching
from groups.models import Group
from tests.builders import make_group
from tests.campaigns.recorder import Recorder, recording
from tests.conftest import environment, process, restart_valkey, said_by
from tests.delivery.killing_points import ARMED, LOST, POINTS
from tests.delivery.wecom import WeCom, wecom

pytestmark = [pytest.mark.services, pytest.mark.production, pytest.mark.django_db(transaction=True)]
ENDS = {"sent", "unknown"}


@pytest.fixture(scope="module")
def receivers():
    with recording() as recorder, wecom() as fake:
        yield recorder, fake


@pytest.fixture(scope="module")
def _worker(valkey, django_db_setup, receivers):
    """One worker for all: it starts a new process when its own is killed."""
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "tests.delivery.killing", "worker"]
    command += ["--concurrency", "1", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    variables = {**environment(), "OUTBOUND_ALLOWED_HOSTS": "127.0.0.1", "WECOM_API_BASE": receivers[1].base}
    with process(command, "killed-worker", variables):
        yield


@pytest.fixture
def sides(transactional_db, _worker, receivers, monkeypatch):
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


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_at_any_point_is_made_up_for(sides, point):
    plan(sides[0])
    ARMED.write_text(point, "ascii")
    if point == "between taking and telling the workers":
        dispatch_due_task.delay()
        end = time.monotonic() + 30
        while ARMED.exists():
            assert time.monotonic() < end, said_by("killed-worker")
            time.sleep(0.05)

    tick_until_settled()

    assert not ARMED.exists(), "nobody came to this point"
    check(*sides)
    unknown = Delivery.objects.filter(state="unknown")
    # What cannot be repeated is claimed one at a time, so no more than one is left to a person.
    assert unknown.count() <= 1
    assert set(unknown.values_list("kind", flat=True)) <= {"robot"}


def test_a_broker_that_is_killed_and_comes_back_empty_is_made_up_for(sides):
    plan(sides[0], webhooks=20)
    dispatch_due(now=datetime.now(UTC))
    restart_valkey()
    with broker() as client:
        client.flushall()

    tick_until_settled()

    check(*sides)


def test_a_database_that_drops_everybody_is_made_up_for(sides):
    """As a restart of PostgreSQL does to those who are connected."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite is a file")
    recorder, _fake = sides
    recorder.answer = lambda request: (time.sleep(0.05), (204, {}))[1]  # type: ignore[func-returns-value]
    plan(recorder, webhooks=60)
    dispatch_due(now=datetime.now(UTC))
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        time.sleep(0.1)

    tick_until_settled()

    check(*sides)
