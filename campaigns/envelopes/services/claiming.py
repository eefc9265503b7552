"""Members claim shares, however many at once."""

from __future__ import annotations

from datetime import datetime

from django.db import models, transaction

from campaigns.envelopes.audience import members_meant
from campaigns.envelopes.models import EnvelopeRound, EnvelopeShare, RoundState
from members.ingestion.by_hand import Deed, events_by_hand
from members.models import Member
from members.points.models import Account
from members.points.services import account_of, points_transfer

KIND = "envelope_claimed"
AT_ONCE = 500


class Refusal(models.TextChoices):
    """Why somebody gets nothing."""

    NOT_YET = "not_yet"
    OVER = "over"
    ALL_GONE = "all_gone"
    NOT_FOR_YOU = "not_for_you"


class Refused(Exception):
    def __init__(self, why: Refusal) -> None:
        super().__init__(why)
        self.why = why


def share_claim(*, round_id: int, member: Member, now: datetime) -> EnvelopeShare:
    """Gives a member a share of an open round, with its points: both, or nothing. Asked again, the answer is the share
    that they have. Raises Refused.

    The round must have been opened (running.round_open). A share is taken by its row, which others pass over while it
    is held; the points follow in the same transaction under the share's own key.
    """
    mine = EnvelopeShare.objects.of_member(member.pk).filter(round=round_id)
    if found := mine.first():
        return found
    row = EnvelopeRound.objects.select_related("envelope", "group", "account").get(pk=round_id)
    if not members_meant(envelope=row.envelope, group=row.group, now=now).filter(member=member).exists():
        raise Refused(Refusal.NOT_FOR_YOU)
    if now < row.opens_at or row.state == RoundState.PLANNED:
        raise Refused(Refusal.NOT_YET)
    if row.state != RoundState.OPEN or now >= row.expires_at:
        raise Refused(Refusal.OVER)
    account = account_of(member)
    with transaction.atomic():
        # Of two presses of one member the second waits here, before it holds a share: one that waited for the first
        # while others waited for its share would be a circle.
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        if found := mine.first():
            return found
        share = _share_take(row, member, now)
        points_transfer(
            key=f"envelope:{row.pk}:{share.number}",
            debit=row.account,
            credit=account,
            amount=share.amount,
            reason=row.envelope.greeting,
            by=None,
            now=now,
            covered=True,
        )
    return share


def _share_take(row: EnvelopeRound, member: Member, now: datetime) -> EnvelopeShare:
    """Must run in a transaction. Raises Refused when nothing is left."""
    free = EnvelopeShare.objects.free().filter(round=row).order_by("number")
    passing = True
    while True:
        share = free.select_for_update(skip_locked=passing).first()
        if share is not None:
            taken = EnvelopeShare.objects.free().filter(pk=share.pk).update(member=member, claimed_at=now)
            if taken:
                share.member, share.claimed_at = member, now
                return share
        elif not free.exists():
            raise Refused(Refusal.ALL_GONE)
        # All that are left are held by others. Whoever holds one may still lose it (a crash), so nobody is told that
        # all are gone before they are. Whoever holds a free share takes it without waiting for anybody.
        passing = False


def claims_record(*, now: datetime) -> int:
    """Writes the events of what was claimed, many in one go: a claim itself must not wait for the figures of its group.
    Returns how many. Killed between the two steps it writes the same events again, which counts once."""
    waiting = EnvelopeShare.objects.claimed().filter(is_recorded=False).select_related("member", "round__group")
    shares = list(waiting.order_by("claimed_at", "pk")[:AT_ONCE])
    if not shares:
        return 0
    deeds = []
    for share in shares:
        assert share.member is not None
        assert share.claimed_at is not None
        deeds.append(
            Deed(
                f"envelope:{share.pk}",
                share.member,
                share.round.group,
                KIND,
                share.claimed_at,
                properties={"points": share.amount},
            )
        )
    events_by_hand(deeds=deeds, now=now)
    return EnvelopeShare.objects.filter(pk__in=[share.pk for share in shares]).update(is_recorded=True)
