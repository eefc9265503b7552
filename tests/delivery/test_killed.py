"""Whatever is killed, and wherever: nothing is lost, nothing comes twice, and the states are what receivers saw."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from django.db import connection

from campaigns.dispatching import dispatch_due
from campaigns.tasks import dispatch_due_task
from community_ops.health import broker
from delivery.models import Delivery
from tests.conftest import restart_valkey, said_by
from tests.delivery.killing_points import ARMED, POINTS
from tests.delivery.outbox import check, fresh, plan, receivers, tick_until_settled, worker

__all__ = ["fresh", "receivers"]
pytestmark = [pytest.mark.services, pytest.mark.production, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def _worker(valkey, django_db_setup, receivers):
    """One worker for all: it starts a new process when its own is killed."""
    with worker(receivers[1]):
        yield


@pytest.fixture
def sides(transactional_db, _worker, fresh):
    return fresh


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
