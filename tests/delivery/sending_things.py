"""Deliveries that are due, and a receiver on loopback."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from campaigns.posts.services import Schedule, post_create
from delivery.models import Delivery
from delivery.services import deliver, destination_create, dispatch
from tests.builders import make_group
from tests.campaigns.recorder import recording

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


@pytest.fixture
def receiver(settings):
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
    with recording() as recorder:
        yield recorder


def plan(*, url="", at=NOW, **fields) -> Delivery:
    """One delivery of one post to one new group, by webhook when there is an address."""
    destination = destination_create(kind="webhook", url=url) if url else None
    group = make_group(destination=destination)
    post = post_create(
        by=None,
        now=NOW,
        title="Read aloud",
        body="Ten minutes <b>today</b>.",
        groups=[group],
        schedule=Schedule(timezone="Asia/Shanghai", at=at),
        **fields,
    )
    return Delivery.objects.get(post_id=post.pk)


def queue(delivery: Delivery, now=NOW) -> Delivery:
    assert delivery.pk in dispatch(now=now, clock=now).queued
    return Delivery.objects.get(pk=delivery.pk)


def send(delivery: Delivery) -> Delivery:
    deliver(delivery_id=delivery.pk)
    return Delivery.objects.get(pk=delivery.pk)
