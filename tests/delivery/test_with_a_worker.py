"""Sending with the real parts: a worker, a broker that says a thing three times, dispatchers side by side."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from campaigns.dispatching import dispatch_due
from campaigns.posts.services import Schedule, post_create
from community_ops.celery import app as celery_app
from community_ops.health import broker
from delivery.models import Delivery, FeedItem
from delivery.services import destination_create, dispatch, dispatching
from tests.builders import make_group
from tests.campaigns.recorder import recording
from tests.conftest import environment, process, said_by

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def receiver():
    with recording() as recorder:
        yield recorder


@pytest.fixture(autouse=True)
def _impatient(valkey, monkeypatch):
    """What is lost is found within seconds, so that the tests need not wait for the real half minute."""
    monkeypatch.setattr(dispatching, "SENDING_LOST", timedelta(seconds=3))
    monkeypatch.setattr(dispatching, "QUEUED_LOST", timedelta(seconds=3))
    with broker() as client:
        client.flushall()
    yield
    celery_app.control.purge()
    with broker() as client:
        client.flushall()


@contextmanager
def worker():
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "community_ops", "worker", "--loglevel", "INFO"]
    command += ["--concurrency", "1", "--without-gossip", "--without-mingle"]
    variables = {**environment(), "OUTBOUND_ALLOWED_HOSTS": "127.0.0.1"}
    with process(command, "sending-worker", variables) as child:
        yield child


def plan(url: str, *, at: datetime, groups: int = 1) -> None:
    post_create(
        by=None,
        now=datetime.now(UTC),
        title="Read aloud",
        body="Ten minutes.",
        groups=[
            make_group(destination=destination_create(kind="webhook", url=url) if url else None)
            for _number in range(groups)
        ],
        schedule=Schedule(timezone="Asia/Shanghai", at=at),
    )


def tick_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Does what beat does, until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, said_by("sending-worker")
        dispatch_due(now=datetime.now(UTC))
        time.sleep(0.2)


def states() -> set[str]:
    return set(Delivery.objects.values_list("state", flat=True))


def test_a_post_goes_out_at_its_time(receiver):
    due = datetime.now(UTC) + timedelta(seconds=6)
    plan(receiver.url, at=due, groups=20)
    with worker():
        tick_until(lambda: states() == {"sent"})

    assert min(request.at for request in receiver.received) >= due.timestamp()
    assert len(receiver.received) == len(receiver.by_id()) == 20
    assert {request.body["group"] for request in receiver.received} == set(
        Delivery.objects.values_list("group_ref", flat=True)
    )


def test_the_member_page_has_it_once_though_the_task_came_three_times():
    plan("", at=datetime.now(UTC))
    (pk,) = dispatch_due(now=datetime.now(UTC)).queued
    for _copy in range(2):
        celery_app.send_task("delivery.deliver", args=[[pk]])
    with worker():
        tick_until(lambda: states() == {"sent"})

    assert FeedItem.objects.count() == 1
    assert Delivery.objects.get().attempts == 1


def test_two_dispatchers_at_once_share_the_work():
    plan("", at=datetime.now(UTC), groups=60)
    now = datetime.now(UTC)
    start = threading.Barrier(4)
    taken: list[list[int]] = []

    def run():
        try:
            start.wait(timeout=30)
            taken.append(dispatch(now=now, clock=now).queued)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    queued = [pk for ids in taken for pk in ids]
    assert len(taken) == 4
    assert len(queued) == len(set(queued)) == 60
    assert states() == {"queued"}
