"""Envelopes for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from campaigns.envelopes.models import Envelope, EnvelopeBudget, EnvelopeRound
from campaigns.envelopes.services import Plan, envelope_plan, round_open
from groups.models import Group
from members.models import Account, Member
from members.points.selectors import ledger_check
from tests.builders import NOW, make_member

HOUR = timedelta(hours=1)


def make_budget(points: int = 10_000, **fields: Any) -> EnvelopeBudget:
    return EnvelopeBudget.objects.create(month_limit=points, **{"name": "开课", **fields})


def make_envelope(groups: Sequence[Group], *, by=None, now=NOW, **fields: Any) -> Envelope:
    values = {"greeting": "开课红包", "amount": 100, "shares": 10, "times": [now], "announces": False, **fields}
    if "budget" not in values:
        values["budget"] = EnvelopeBudget.objects.first() or make_budget()
    return envelope_plan(by=by, now=now, plan=Plan(groups=groups, **values))


def make_open_round(group: Group, **fields: Any) -> EnvelopeRound:
    row = make_envelope([group], **fields).rounds.get()
    assert round_open(round_id=row.pk, now=NOW)
    row.refresh_from_db()
    return row


def make_members(group: Group, number: int) -> list[Member]:
    return [make_member(groups=[group]) for _number in range(number)]


def held(code: str) -> int:
    account = Account.objects.with_balance().filter(code=code).first()
    return account.held if account else 0


def check_books(row: EnvelopeRound) -> None:
    """What is in a round, with its claimers and refunded, is what was put in; and the whole ledger adds up."""
    row.refresh_from_db()
    paid = {share.number: share.amount for share in row.shares.exclude(member=None)}
    transfers = {
        int(key.rpartition(":")[2]): amount
        for key, amount in row.account.transfers_out.filter(key__regex=rf"^envelope:{row.pk}:[0-9]+$").values_list(
            "key", "amount"
        )
    }
    assert transfers == paid, "every claimed share is paid, and nothing else"
    if row.opened_at:
        assert sum(row.shares.values_list("amount", flat=True)) == row.envelope.amount
    assert row.account.balance == row.envelope.amount - sum(paid.values()) - (row.refunded or 0)
    members = list(row.shares.exclude(member=None).values_list("member", flat=True))
    assert len(members) == len(set(members))
    assert ledger_check().is_right
