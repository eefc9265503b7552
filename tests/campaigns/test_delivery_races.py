"""Two who decide about one delivery at the same instant: one of them wins. Only a database with real row locks can
tell; SQLite lets one write at a time anyway, where the second waits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from accounts.models import AuditEntry
from campaigns.deliveries.services import Decision, delivery_decide, delivery_undecide
from campaigns.posts.services import Schedule, filling, occurrences_fill, post_create, post_stop
from delivery.models import Delivery
from delivery.services import dispatch
from tests.base import make_cast
from tests.builders import NOW, make_group
from tests.campaigns.test_deliveries_desk import make_deliveries
from tests.groups.test_rule_races import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="row locks need PostgreSQL"),
]
ROUNDS = 12


def made(**fields):
    cast = make_cast()
    make_deliveries(make_group(branch=cast.hangzhou), ROUNDS, **fields)
    return cast, list(Delivery.objects.order_by("pk"))


def test_of_two_people_who_decide_at_once_one_wins():
    cast, rows = made(state="failed", error_code="internal", settled_at=NOW)
    for row in rows:
        skipped, sent = at_once(
            lambda row=row: delivery_decide(by=cast.mei, now=NOW, delivery=row, decision=Decision.SKIP, seen="failed"),
            lambda row=row: delivery_decide(by=cast.lin, now=NOW, delivery=row, decision=Decision.SEND, seen="failed"),
        )
        assert [bool(skipped), bool(sent)].count(True) == 1, (skipped, sent)
        row.refresh_from_db()
        assert row.state == ("skipped" if skipped else "queued")
    assert AuditEntry.objects.filter(subject_type="delivery.delivery").count() == ROUNDS


def test_a_skip_and_the_dispatcher_never_both_get_a_delivery():
    cast, rows = made(state="planned", due=NOW - timedelta(seconds=1))
    for row in rows:
        skipped, dispatched = at_once(
            lambda row=row: delivery_decide(by=cast.mei, now=NOW, delivery=row, decision=Decision.SKIP),
            lambda: dispatch(now=NOW, clock=NOW).queued,
        )
        row.refresh_from_db()
        assert (row.state == "skipped") == bool(skipped)
        assert (row.pk in dispatched) <= (row.state == "queued")
        dispatch(now=NOW, clock=NOW)
        row.refresh_from_db()
        assert row.state == ("skipped" if skipped else "queued")


def test_taking_back_and_deciding_anew_never_both_hold():
    cast, rows = made(state="failed", error_code="internal", settled_at=NOW)
    for row in rows:
        decided = delivery_decide(by=cast.mei, now=NOW, delivery=row, decision=Decision.SKIP)
        back, sent = at_once(
            lambda decided=decided: delivery_undecide(by=cast.mei, decided=decided),
            lambda row=row: delivery_decide(by=cast.lin, now=NOW, delivery=row, decision=Decision.SEND, seen="skipped"),
        )
        assert [bool(back), bool(sent)].count(True) == 1, (back, sent)
        row.refresh_from_db()
        assert row.state == ("failed" if back else "queued")


def test_the_last_delivery_is_settled_while_its_post_is_stopped_and_neither_waits_for_the_other():
    cast = make_cast()
    group = make_group(branch=cast.hangzhou)
    soon = Schedule(timezone="Asia/Shanghai", at=NOW + timedelta(hours=1))
    for _round in range(ROUNDS):
        post = post_create(by=None, now=NOW, title="Read aloud", body="Ten minutes.", groups=[group], schedule=soon)
        row = Delivery.objects.get(post_id=post.pk)
        Delivery.objects.filter(pk=row.pk).update(state="waiting_for_owner")
        stopped, sent = at_once(
            lambda post=post: post_stop(by=cast.lin, now=NOW, post=post),
            lambda row=row: delivery_decide(by=cast.mei, now=NOW, delivery=row, decision=Decision.MARK_SENT),
        )
        post.refresh_from_db()
        row.refresh_from_db()
        assert (post.state, row.state) in {("stopped", "cancelled"), ("finished", "sent"), ("stopped", "sent")}
        assert (row.state == "sent") == bool(sent)
        assert (post.state == "stopped") == bool(stopped)


def test_two_who_plan_and_one_who_stops_leave_each_group_once_and_nothing_planned(monkeypatch):
    monkeypatch.setattr(filling, "MOST_AT_ONCE", 2)
    groups = [make_group() for _number in range(3)]
    for _round in range(ROUNDS):
        daily = Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY;COUNT=3", start="2026-03-03T09:00")
        post = post_create(by=None, now=NOW, title="Read", body="x", groups=groups, schedule=daily)
        *steps, stopped = at_once(
            lambda: occurrences_fill(goes_on=lambda: True),
            lambda: occurrences_fill(goes_on=lambda: True),
            lambda post=post: post_stop(by=None, now=NOW, post=post),
        )
        assert stopped is True
        assert all(isinstance(number, int) for number in steps), steps
        rows = list(Delivery.objects.filter(post_id=post.pk))
        assert {row.state for row in rows} == {"cancelled"}
        assert len({(row.occurrence_id, row.group_id) for row in rows}) == len(rows) <= 9
        assert occurrences_fill(goes_on=lambda: True) == 0
