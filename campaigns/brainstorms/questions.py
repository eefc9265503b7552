"""Which question of the bank comes next."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import F, Max, Q

from campaigns.brainstorms.models import Brainstorm, BrainstormPlan
from campaigns.content.models import Piece, PieceKind

# A question does not come again within so many days in a group, as long as there are others.
APART = timedelta(days=30)


def question_for(*, plan: BrainstormPlan, local: str, at: datetime, groups: Collection[int]) -> Piece | None:
    """The question that the bank gives for a time of a plan; nothing when it holds none that may be asked.

    Of those that did not come lately in any of the groups, chance chooses, as a function of plan and time: planned
    again, the same comes. When all came lately, it is the one that has rested longest.
    """
    bank = Piece.objects.ready().for_groups().filter(Q(branch=plan.branch_id) | Q(branch=None), kind=PieceKind.QUESTION)
    if plan.level:
        bank = bank.filter(level=plan.level)
    fresh = bank.exclude(pk__in=_asked(groups, at))
    rows = sorted(
        fresh.order_by("pk"), key=lambda piece: hashlib.sha256(f"{plan.pk} {local} {piece.pk}".encode()).digest()
    )
    if rows:
        return rows[0]
    rested = bank.annotate(last=Max("brainstorms__opens_at", filter=~Q(brainstorms__state="cancelled")))
    return rested.order_by(F("last").asc(nulls_first=True), "pk").first()


def _asked(groups: Collection[int], at: datetime) -> list[int]:
    near = Brainstorm.objects.held().filter(
        group__in=groups, piece__isnull=False, opens_at__gt=at - APART, opens_at__lt=at + APART
    )
    return list(near.order_by().values_list("piece_id", flat=True).distinct())
