"""The database itself is killed while messages leave, and started again."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from environ import Env

from campaigns.dispatching import dispatch_due
from delivery.models import Delivery
from tests.conftest import said_by
from tests.delivery.outbox import check, fresh, plan, receivers, tick_until_settled, worker
from tests.plugins.postgres import postgres_server

__all__ = ["fresh", "receivers"]
pytestmark = [pytest.mark.services, pytest.mark.production, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def server(transactional_db):
    """A PostgreSQL of this test's own, with all tables; the rest of the suite keeps the one that it has."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite is a file")
    before = dict(connection.settings_dict)
    connection.close()
    with postgres_server() as own:
        connection.settings_dict.update(Env.db_url_config(own.url))
        # Tables as the models have them: applying every migration would take longer than all tests of this file.
        with override_settings(MIGRATION_MODULES=dict.fromkeys(app.label for app in apps.get_app_configs())):
            call_command("migrate", run_syncdb=True, verbosity=0)
        try:
            yield own
        finally:
            connection.close()
            connection.settings_dict.update(before)


def test_a_database_that_crashes_and_starts_again_is_made_up_for(server, fresh, valkey):
    recorder, fake = fresh
    recorder.answer = lambda request: (time.sleep(0.05), (204, {}))[1]  # type: ignore[func-returns-value]
    with worker(fake, DATABASE_URL=server.url):
        plan(recorder, webhooks=60)
        dispatch_due(now=datetime.now(UTC))
        end = time.monotonic() + 30
        while not recorder.received:
            assert time.monotonic() < end, said_by("killed-worker")
            time.sleep(0.02)
        server.stop()
        connection.close()
        time.sleep(1)
        server.start()

        tick_until_settled()

        check(recorder, fake)
        assert Delivery.objects.count() == 64
