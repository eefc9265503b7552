"""Prizes and envelopes for the tests of all addresses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts.models import User
from campaigns.envelopes.models import EnvelopeBudget
from campaigns.envelopes.services import Plan, envelope_plan, round_open
from campaigns.prizes.services import award_address_set, prize_award, prize_create
from groups.models import Group
from members.models import Member
from members.points.services import account_of, issuer, points_transfer


def prize_things(*, by: User, group: Group, member: Member, now: datetime) -> dict[str, Any]:
    """The numbers that addresses of their pages take."""
    budget = EnvelopeBudget.objects.create(name="开课", branch=group.branch, month_limit=10_000)
    plan = Plan("开课红包", budget, 100, 10, [group], [now], announces=False)
    row = envelope_plan(by=by, now=now, plan=plan).rounds.get()
    round_open(round_id=row.pk, now=now)
    prize = prize_create(
        by=by, now=now, title="签名本", branch=group.branch, stock=5, needs_address=True, points_price=10
    )
    award = prize_award(prize=prize, member=member, group=group, key="things", reason="21 天打卡", now=now)
    award_address_set(now=now, award=award, recipient="王", phone="13900001111", address="文三路 1 号")
    points_transfer(
        key="hand:things", debit=issuer(), credit=account_of(member), amount=50, reason="欢迎", by=by, now=now
    )
    return {
        "prize": prize.pk,
        "award": award.pk,
        "envelope": row.envelope_id,
        "envelope_round": row.pk,
        "budget": budget.pk,
    }
