"""What members are given for what they have reached: once for each threshold, and never taken back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.checkins.models import CheckInProgramme, CheckInReward, CheckInStanding, CheckInThreshold, Reach
from campaigns.prizes.models import Prize
from campaigns.prizes.services import OutOfStock, prize_award
from members.points.services import account_of, issuer, points_transfer

OWED_AT_ONCE = 500


def rewards_give(*, programme: CheckInProgramme, members: Collection[int], now: datetime) -> list[CheckInReward]:
    """Gives these members what they have earned and not been given; returns what is new. Must run in the transaction
    that writes their standings, under its lock."""
    thresholds = list(CheckInThreshold.objects.filter(programme=programme, removed_at=None).select_related("prize"))
    if not thresholds:
        return []
    lowest = min(threshold.count for threshold in thresholds)
    standings = list(
        CheckInStanding.objects.filter(programme=programme, member__id__among=sorted(members), total__gte=lowest)
        .select_related("member", "group")
        .order_by("member_id")
    )
    if not standings:
        return []
    held = CheckInReward.objects.filter(programme=programme, member__id__among=[row.member_id for row in standings])
    given = set(held.values_list("threshold_id", "member_id"))
    made = []
    # Prizes are taken in one order, whoever gives them.
    for threshold in sorted(thresholds, key=lambda one: (one.prize_id or 0, one.pk)):
        for standing in standings:
            reached = standing.longest if threshold.reach == Reach.STREAK else standing.total
            if reached >= threshold.count and (threshold.pk, standing.member_id) not in given:
                made.append(_give(programme, threshold, standing, now))
    return made


def _give(
    programme: CheckInProgramme, threshold: CheckInThreshold, standing: CheckInStanding, now: datetime
) -> CheckInReward:
    reward = CheckInReward.objects.create(
        threshold=threshold,
        programme=programme,
        member=standing.member,
        group=standing.group,
        points=threshold.points,
        prize=threshold.prize,
        given_at=now,
    )
    if threshold.points:
        points_transfer(
            key=reward.key,
            debit=issuer(),
            credit=account_of(standing.member),
            amount=threshold.points,
            reason=_reason(reward)[:200],
            by=None,
            now=now,
        )
    if threshold.prize is not None:
        _award(reward, now)
    return reward


def _award(reward: CheckInReward, now: datetime) -> bool:
    """Awards the prize of a reward; False when it has run out, and is owed."""
    assert reward.prize is not None
    try:
        award = prize_award(
            prize=reward.prize,
            member=reward.member,
            group=reward.group,
            key=reward.key,
            reason=_reason(reward)[:200],
            now=now,
        )
    except OutOfStock:
        return False
    reward.award = award
    CheckInReward.objects.filter(pk=reward.pk).update(award=award)
    return True


def _reason(reward: CheckInReward) -> str:
    return _("%(programme)s: %(count)d %(reach)s") % {
        "programme": reward.programme.name,
        "count": reward.threshold.count,
        "reach": reward.threshold.get_reach_display(),
    }


def prizes_catch_up(*, now: datetime) -> int:
    """Gives the prizes that are owed as far as there are some again, first come first served; returns how many. May run
    twice: a prize is awarded once for each reward."""
    done = 0
    owed = CheckInReward.objects.filter(award=None, prize__in=Prize.objects.in_stock()).order_by("given_at", "pk")
    for number in list(owed.values_list("pk", flat=True)[:OWED_AT_ONCE]):
        with transaction.atomic():
            rows = CheckInReward.objects.select_for_update(of=("self",)).filter(award=None)
            related = rows.select_related("prize", "member", "group", "programme", "threshold")
            reward = related.filter(pk=number, member__erased_at=None).first()
            done += reward is not None and _award(reward, now)
    return done
