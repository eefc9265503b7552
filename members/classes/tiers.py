"""Tiers from orders."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Count, Max, Q, Sum

from accounts.policies import policy_get
from activity.models import BuiltInKind, Event, EventKind
from groups.models import Tier
from members.classes.models import TierChange, TierMark
from members.classes.policy import TierPolicy
from members.models import Member

# Events get their numbers before they are committed: a quicker transaction may be seen before a slower one with lower
# numbers, so each pass looks this many numbers back.
LOOK_BACK = 50_000
CHUNK = 10_000


def tier_of(orders: int, amount: Decimal, policy: TierPolicy) -> str:
    """The tier of somebody with so many paid orders, refunds taken off, of this sum."""
    if orders >= policy.hardcore or (policy.hardcore_amount and orders > 0 and amount >= policy.hardcore_amount):
        return Tier.HARDCORE
    if orders >= policy.senior:
        return Tier.SENIOR
    return Tier.FIRST_TIME if orders >= policy.first_time else Tier.NON_PAYING


def tiers_computed(policy: TierPolicy, member_ids: Collection[int] | None = None) -> dict[int, str]:
    """The tier of everybody who ever ordered (among `member_ids`). The others are non-paying. Two queries.

    Paid orders are `ordered` events, those with a value of 0 left out, minus `refunded` events: a refund takes back one
    order, whatever its amount. The sum is what was ordered minus what was refunded.
    """
    kinds = dict(
        EventKind.objects.filter(slug__in=[BuiltInKind.ORDERED, BuiltInKind.REFUNDED]).values_list("slug", "pk")
    )
    ordered, refunded = kinds.get(BuiltInKind.ORDERED, 0), kinds.get(BuiltInKind.REFUNDED, 0)
    events = Event.objects.filter(kind__in=[ordered, refunded])
    if member_ids is not None:
        events = events.filter(member_id__among=list(member_ids))
    rows = (
        events.order_by()
        .values("member_id")
        .annotate(
            orders=Count("pk", filter=Q(kind=ordered) & (Q(value=None) | Q(value__gt=0))),
            refunds=Count("pk", filter=Q(kind=refunded)),
            paid=Sum("value", filter=Q(kind=ordered)),
            back=Sum("value", filter=Q(kind=refunded)),
        )
        .values_list("member_id", "orders", "refunds", "paid", "back")
    )
    return {
        member: tier_of(max(0, orders - refunds), (paid or Decimal(0)) - (back or Decimal(0)), policy)
        for member, orders, refunds, paid, back in rows.iterator(chunk_size=CHUNK)
    }


def tiers_recompute(*, now: datetime, member_ids: Collection[int] | None = None) -> int:
    """Brings the tiers of everybody, or of these members, up to date. Returns how many changed."""
    computed = tiers_computed(policy_get(TierPolicy), member_ids)
    members = Member.objects.order_by()
    if member_ids is None:
        known = dict(members.exclude(tier=Tier.NON_PAYING).values_list("pk", "tier"))
        touched = known.keys() | computed.keys()
    else:
        known = dict(members.filter(pk__among=list(member_ids)).values_list("pk", "tier"))
        touched = set(member_ids)
    wanted = [
        (pk, computed.get(pk, Tier.NON_PAYING))
        for pk in sorted(touched)
        if known.get(pk, Tier.NON_PAYING) != computed.get(pk, Tier.NON_PAYING)
    ]
    changed = 0
    for start in range(0, len(wanted), CHUNK):
        part = dict(wanted[start : start + CHUNK])
        with transaction.atomic():
            # Locked and looked at again: two passes at once write each change down once.
            rows = members.filter(pk__among=list(part)).order_by("pk").select_for_update(no_key=True)
            fresh = [(pk, tier) for pk, tier in rows.values_list("pk", "tier") if tier != part[pk]]
            for tier in Tier.values:
                ids = [pk for pk, _before in fresh if part[pk] == tier]
                if ids:
                    members.filter(pk__among=ids).update(tier=tier)
            TierChange.objects.bulk_create(
                [TierChange(member_id=pk, at=now, before=before, after=part[pk]) for pk, before in fresh],
                batch_size=2000,
            )
        changed += len(fresh)
    return changed


def tiers_recompute_fresh(*, now: datetime) -> int:
    """Brings the tiers of those up to date who ordered or were refunded since the last time."""
    last = Event.objects.aggregate(last=Max("pk"))["last"] or 0
    mark, _made = TierMark.objects.get_or_create(pk=1)
    if mark.event_id == last:
        return 0
    fresh = Event.objects.filter(
        pk__gt=mark.event_id - LOOK_BACK, kind__slug__in=[BuiltInKind.ORDERED, BuiltInKind.REFUNDED]
    )
    ids = set(fresh.order_by().values_list("member_id", flat=True))
    changed = tiers_recompute(now=now, member_ids=ids) if ids else 0
    TierMark.objects.filter(pk=1, event_id__lt=last).update(event_id=last)
    return changed
