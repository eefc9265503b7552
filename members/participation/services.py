"""Points for what members did."""

from __future__ import annotations

from datetime import datetime

from accounts.policies import policy_get
from members.models import Member
from members.participation.policy import ParticipationPolicy
from members.points.models import Transfer
from members.points.services import account_of, issuer, points_transfer


def points_for_taking_part(*, kind: str, ref: str, member: Member, reason: str, now: datetime) -> int:
    """Gives a member the points of this kind of act, once for each `ref`; returns how many that are now."""
    amount: int = getattr(policy_get(ParticipationPolicy), kind)
    key = f"part:{kind}:{ref}"
    if amount > 0 and not Transfer.objects.filter(key=key).exists():
        points_transfer(
            key=key, debit=issuer(), credit=account_of(member), amount=amount, reason=reason, by=None, now=now
        )
    return amount
