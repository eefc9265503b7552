"""One event that the product itself observed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from django.db import transaction

from activity.models import Event, EventKind
from activity.services import event_key, kinds_ensure, record, to_millisecond
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def test_an_event_is_recorded_once():
    key = event_key("check-in", "7")
    assert record(key=key, member_id=1, kind="check_in", at=NOW, channel="poster7", value=Decimal("1.5"))
    assert not record(key=key, member_id=2, kind="message", at=NOW)
    rows = Event.objects.values_list("member_id", "kind__slug", "channel__code", "value")
    assert list(rows) == [(1, "check_in", "poster7", Decimal("1.5"))]


def test_properties_come_back_as_they_were_given():
    record(key=event_key("s", "1"), member_id=1, kind="lead", at=NOW, properties={"来源": ["a", 1, None]})
    assert Event.objects.get().properties == {"来源": ["a", 1, None]}
    assert Event.objects.filter(properties__来源__0="a").exists()


def test_times_are_cut_to_the_millisecond_in_utc():
    at = datetime(2026, 3, 1, 9, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=8)))
    assert to_millisecond(at) == datetime(2026, 3, 1, 1, 0, 0, 123_000, tzinfo=UTC)


def test_keys_tell_sources_apart():
    assert event_key("token:1", "23") != event_key("token:12", "3")
    assert len(event_key("a", "b")) == 32


def test_a_kind_whose_registration_was_rolled_back_is_registered_again():
    with transaction.atomic():
        kinds_ensure(["waved"])
        transaction.set_rollback(True)
    assert kinds_ensure(["waved"]) == {"waved": EventKind.objects.get().pk}
