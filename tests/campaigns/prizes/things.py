"""Prizes and envelopes for the tests of all addresses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts.models import User
from campaigns.envelopes.models import EnvelopeBudget
from campaigns.envelopes.services import Plan, envelope_plan, round_open
from groups.models import Group
from members.models import Member


def prize_things(*, by: User, group: Group, member: Member, now: datetime) -> dict[str, Any]:
    """The numbers that addresses of their pages take."""
    budget = EnvelopeBudget.objects.create(name="开课", branch=group.branch, month_limit=10_000)
    plan = Plan("开课红包", budget, 100, 10, [group], [now], announces=False)
    row = envelope_plan(by=by, now=now, plan=plan).rounds.get()
    round_open(round_id=row.pk, now=now)
    return {"envelope": row.envelope_id, "envelope_round": row.pk, "budget": budget.pk}
