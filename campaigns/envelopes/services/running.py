"""Rounds are opened and ended when their time has come. Everything here may run twice, and at once."""

from __future__ import annotations

import random
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet, Sum

from campaigns.envelopes.models import EnvelopeRound, EnvelopeShare, RoundState
from campaigns.envelopes.services.budgets import months_end
from campaigns.envelopes.services.claiming import claims_record
from campaigns.envelopes.splitting import split
from members.points.services import points_transfer

# Nobody may guess which share is large.
_DICE = random.SystemRandom()
AT_ONCE = 200


def round_open(*, round_id: int, now: datetime, rng: random.Random = _DICE) -> bool:
    """Opens a round that is due: its shares are made, with their amounts. False when there is nothing to open."""
    with transaction.atomic():
        due = EnvelopeRound.objects.to_open(now).filter(pk=round_id)
        if not due.update(state=RoundState.OPEN, opened_at=now):
            return False
        envelope = EnvelopeRound.objects.select_related("envelope").get(pk=round_id).envelope
        amounts = split(envelope.split, envelope.amount, envelope.shares, rng)
        EnvelopeShare.objects.bulk_create(
            [
                EnvelopeShare(round_id=round_id, number=number, amount=amount)
                for number, amount in enumerate(amounts, start=1)
            ]
        )
    return True


def round_end(*, round_id: int, now: datetime, stopped: bool = False) -> int | None:
    """Ends a round: one whose time is over, or with `stopped` any that is planned or open. What nobody claimed goes
    back to the budget, once. Returns how many points, or None when there was nothing to end.

    Free shares are made void by one UPDATE that waits for whoever is claiming one: what was claimed in that moment is
    paid, and what is void can be claimed by nobody any more.
    """
    with transaction.atomic():
        live = EnvelopeRound.objects.live() if stopped else EnvelopeRound.objects.to_end(now)
        state = RoundState.STOPPED if stopped else RoundState.ENDED
        # The row is held from here on, so of several who end it one does.
        if not live.filter(pk=round_id).update(state=state, ended_at=now):
            return None
        row = EnvelopeRound.objects.select_related("account", "month__account", "envelope").get(pk=round_id)
        if row.opened_at is None:
            rest = row.envelope.amount
        else:
            EnvelopeShare.objects.free().filter(round=row).update(is_void=True)
            rest = EnvelopeShare.objects.filter(round=row, is_void=True).aggregate(n=Sum("amount"))["n"] or 0
        if rest:
            points_transfer(
                key=f"envelope:{row.pk}:rest",
                debit=row.account,
                credit=row.month.account,
                amount=rest,
                reason=row.envelope.greeting,
                by=None,
                now=now,
            )
        EnvelopeRound.objects.filter(pk=row.pk).update(refunded=rest)
    return rest


def envelopes_tick(*, now: datetime) -> None:
    """Opens and ends what is due, writes the events of claims, and gives back what is left of past months."""
    for number in _numbers(EnvelopeRound.objects.to_open(now).order_by("opens_at", "pk")):
        round_open(round_id=number, now=now)
    for number in _numbers(EnvelopeRound.objects.to_end(now).order_by("expires_at", "pk")):
        round_end(round_id=number, now=now)
    claims_record(now=now)
    months_end(now=now)


def _numbers(rounds: QuerySet[EnvelopeRound]) -> list[int]:
    return list(rounds.values_list("pk", flat=True)[:AT_ONCE])
