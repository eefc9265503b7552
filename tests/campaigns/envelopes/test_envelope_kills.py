"""Killed at any point, an envelope is as if the step had not begun or had been finished; done again, it is finished."""

from __future__ import annotations

import os
import signal
from typing import Any
from unittest import mock

import pytest
from django.db import connections

from campaigns.envelopes.models import EnvelopeRound, EnvelopeShare
from campaigns.envelopes.services import (
    Refused,
    claims_record,
    envelope_stop,
    round_end,
    round_open,
    share_claim,
)
from campaigns.envelopes.services.claiming import _share_take
from members.ingestion.by_hand import events_by_hand
from members.models import Account, Member
from members.points.selectors import ledger_check
from members.points.services import _transfer_new, points_of, points_transfer
from tests.builders import NOW, make_group, make_member
from tests.campaigns.envelopes.things import HOUR, check_books, make_budget, make_envelope, make_open_round

pytestmark = [pytest.mark.production, pytest.mark.django_db(transaction=True)]


def die(*_arguments: Any, **_names: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after(function):
    """Does it, and is killed then."""

    def acted(*arguments: Any, **names: Any) -> None:
        function(*arguments, **names)
        die()

    return acted


def killed(act, *, at: str, put: Any) -> None:
    """Runs `act` in a process of its own that is killed when it comes to `at`."""
    connections.close_all()
    child = os.fork()
    if not child:
        try:
            with mock.patch(at, put):
                act()
        finally:
            os._exit(1)
    _pid, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "nobody came to this point"


SERVICES = "campaigns.envelopes.services"
TAKE, WRITE = f"{SERVICES}.claiming._share_take", "members.points.services._transfer_new"
CLAIMS = {
    "before a share is chosen": (TAKE, die),
    "after the share is taken": (TAKE, after(_share_take)),
    "before the points are written": (WRITE, die),
    "after the points are written": (WRITE, after(_transfer_new)),
    "before it is committed": (f"{SERVICES}.claiming.points_transfer", after(points_transfer)),
}


@pytest.mark.parametrize("point", CLAIMS)
def test_a_claim_that_is_killed_took_nothing_and_can_be_made_again(point):
    group = make_group()
    row, member = make_open_round(group), make_member(groups=[group])
    at, put = CLAIMS[point]
    killed(lambda: share_claim(round_id=row.pk, member=member, now=NOW), at=at, put=put)
    check_books(row)
    assert (points_of(member), EnvelopeShare.objects.free().count()) == (0, 10)
    got = share_claim(round_id=row.pk, member=member, now=NOW)
    check_books(row)
    assert points_of(member) == got.amount


def test_a_round_that_was_killed_while_it_opened_opens_whole():
    row = make_envelope([make_group()]).rounds.get()
    at = f"{SERVICES}.running.EnvelopeShare.objects.bulk_create"
    killed(lambda: round_open(round_id=row.pk, now=NOW), at=at, put=after(EnvelopeShare.objects.bulk_create))
    check_books(row)
    assert not row.shares.exists()
    assert round_open(round_id=row.pk, now=NOW)
    check_books(row)


@pytest.mark.parametrize("put", [die, after(points_transfer)], ids=["before", "after"])
def test_a_round_that_was_killed_around_its_refund_is_refunded_once(put):
    group = make_group()
    row = make_open_round(group)
    share_claim(round_id=row.pk, member=make_member(groups=[group]), now=NOW)
    killed(lambda: round_end(round_id=row.pk, now=NOW + HOUR), at=f"{SERVICES}.running.points_transfer", put=put)
    check_books(row)
    assert EnvelopeShare.objects.free().count() == 9
    assert round_end(round_id=row.pk, now=NOW + HOUR)
    check_books(row)
    assert row.account.balance == 0


def test_a_plan_that_was_killed_between_two_rounds_reserved_nothing():
    group, budget = make_group(), make_budget(1000)
    calls = iter([points_transfer, die])

    def second(*arguments: Any, **names: Any):
        return next(calls)(*arguments, **names)

    def plan():
        return make_envelope([group], budget=budget, times=[NOW, NOW + HOUR])

    killed(plan, at=f"{SERVICES}.planning.points_transfer", put=second)
    assert not EnvelopeRound.objects.exists()
    assert ledger_check().is_right
    assert not any(account.held for account in Account.objects.with_balance())
    assert plan().rounds.count() == 2


def test_a_stop_that_was_killed_on_its_way_stops_everything_when_it_is_done_again(cast):
    envelope = make_envelope([make_group()], times=[NOW, NOW + HOUR])
    killed(
        lambda: envelope_stop(by=cast.lin, now=NOW, envelope=envelope), at=f"{SERVICES}.planning.audit_record", put=die
    )
    assert EnvelopeRound.objects.live().count() == 2
    assert envelope_stop(by=cast.lin, now=NOW, envelope=envelope) == 200
    for row in envelope.rounds.all():
        check_books(row)


def test_events_that_were_written_before_the_kill_are_not_written_again():
    group = make_group()
    row, member = make_open_round(group), make_member(groups=[group])
    share_claim(round_id=row.pk, member=member, now=NOW)
    put = after(events_by_hand)
    killed(lambda: claims_record(now=NOW), at=f"{SERVICES}.claiming.events_by_hand", put=put)
    assert EnvelopeShare.objects.claimed().filter(is_recorded=False).count() == 1
    assert claims_record(now=NOW) == 1
    assert Member.objects.get(pk=member.pk)
    with pytest.raises(Refused):
        share_claim(round_id=row.pk, member=make_member(), now=NOW)
