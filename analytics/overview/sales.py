"""Orders and revenue: by currency, which are never added up, with refunds taken off, and where they came from.

Amounts are counted in hundredths: SQLite would add them up as binary fractions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from django.db.models import BigIntegerField, Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, When
from django.db.models.functions import Cast, Coalesce, Round

from activity.models import BuiltInKind, Event, EventKind
from analytics.columns import Ints
from analytics.health.days import Days
from analytics.overview.crowd import Pairs
from analytics.overview.scope import Scope
from analytics.sources import EpochMillis, numbers_of, with_ids
from campaigns.orders.models import Order
from members.models import Membership

CENT = Decimal("0.01")


def _cents(amount: str) -> Cast:
    return Cast(Round(F(amount) * 100), BigIntegerField())


def money(cents: int) -> Decimal:
    return cents * CENT


@dataclass
class Revenue:
    """Of one currency, in hundredths: value now and before, day by day, by group and by channel (0: none is known)."""

    currency: str
    orders: int = 0
    total: tuple[int, int] = (0, 0)
    refunds: tuple[int, int] = (0, 0)
    days: list[int] = field(default_factory=list)
    by_group: Pairs = field(default_factory=dict)
    by_channel: Pairs = field(default_factory=dict)


@dataclass(frozen=True)
class Sales:
    """`orders` of all currencies, and the revenue of each, the one with the most orders first."""

    orders: tuple[int, int]
    days: list[int]
    revenues: list[Revenue]


@dataclass(frozen=True)
class Refund:
    at: datetime
    cents: int
    currency: str
    group: int
    channel: int


def sales_of(scope: Scope) -> Sales:
    orders = orders_within(scope, scope.before, scope.days).order_by()
    is_now = Q(ordered_at__gte=scope.days.start)
    known = _sources(scope, orders, own=Event.objects.filter(key=OuterRef("key")))
    figures = {
        "now": Coalesce(Sum("cents", filter=is_now), 0),
        "before": Coalesce(Sum("cents", filter=~is_now), 0),
        "orders_now": Count("pk", filter=is_now),
        "orders_before": Count("pk", filter=~is_now),
    }
    rows = list(
        known.annotate(cents=_cents("amount")).values_list("currency", "in_group", "by_channel").annotate(**figures)
    )
    refunds = _refunds(scope, main=_main_currency(rows))
    found: dict[str, Revenue] = {}
    count_now = count_before = 0
    for currency, group, channel, now, before, orders_now, orders_before in rows:
        revenue = found.setdefault(currency, Revenue(currency))
        revenue.orders += orders_now + orders_before
        count_now, count_before = count_now + orders_now, count_before + orders_before
        _add(revenue, group, channel, now, before)
    for refund in refunds:
        revenue = found.setdefault(refund.currency, Revenue(refund.currency))
        pair = (refund.cents, 0) if refund.at >= scope.days.start else (0, refund.cents)
        revenue.refunds = revenue.refunds[0] + pair[0], revenue.refunds[1] + pair[1]
        _add(revenue, refund.group, refund.channel, -pair[0], -pair[1])
    revenues = sorted(found.values(), key=lambda revenue: (-revenue.orders, revenue.currency))
    days = _count_days(scope, orders.filter(is_now), refunds, revenues)
    return Sales((count_now, count_before), days, revenues)


def _main_currency(rows: Sequence[Any]) -> str:
    orders: dict[str, int] = defaultdict(int)
    for row in rows:
        orders[row[0]] += row[-1] + row[-2]
    return max(orders, key=lambda currency: orders[currency], default="CNY")


def _add(revenue: Revenue, group: int | None, channel: int | None, now: int, before: int) -> None:
    revenue.total = revenue.total[0] + now, revenue.total[1] + before
    for table, key in ((revenue.by_group, group or 0), (revenue.by_channel, channel or 0)):
        known = table.get(key, (0, 0))
        table[key] = known[0] + now, known[1] + before


def orders_within(scope: Scope, first: Days, last: Days) -> QuerySet[Order]:
    """Orders of the members whom the viewer may see."""
    orders = Order.objects.filter(ordered_at__gte=first.start, ordered_at__lt=last.end)
    if scope.viewer.branch_id is None:
        return orders
    here = Membership.objects.visible_to(scope.viewer).filter(member=OuterRef("member"))
    return orders.filter(Exists(here))


def _sources(scope: Scope, rows: QuerySet[Any], *, own: QuerySet[Event] | None) -> QuerySet[Any]:
    """`in_group`: that of the order's own event, else the one that the member joined first. `by_channel`: by which the
    member first came. Groups and events that the viewer may not see are not looked at."""
    joined = EventKind.objects.filter(slug=BuiltInKind.JOINED).values_list("pk", flat=True).first() or 0
    came = scope.within(Event.objects.filter(member_id=OuterRef("member_id"), kind_id=joined), "group_id")
    came = came.filter(channel__isnull=False).order_by("at", "pk")
    places = Membership.objects.visible_to(scope.viewer).filter(member_id=OuterRef("member_id"))
    first = Subquery(places.order_by("joined_at", "pk").values("group_id")[:1])
    seen = scope.within(own, "group_id").values("group_id")[:1] if own is not None else None
    of_event = Subquery(seen) if seen is not None else F("group_id")
    known: QuerySet[Any] = rows.annotate(
        in_group=Coalesce(of_event, first, output_field=BigIntegerField()),
        by_channel=Subquery(came.values("channel_id")[:1]),
    )
    return known


def _refunds(scope: Scope, *, main: str) -> list[Refund]:
    """What was given back. The members are found by the report's own way to events; there is no index of kinds."""
    number = scope.names.kind(BuiltInKind.REFUNDED)
    if number is None:
        return []
    both = Days(scope.before.first, scope.days.last)
    members = scope.active(both, BuiltInKind.REFUNDED)
    if not len(members):
        return []
    events = Event.objects.filter(kind_id=number, at__gte=both.start, at__lt=both.end, value__isnull=False)
    events = with_ids(scope.within(events, "group_id"), members.tolist(), "member_id").order_by()
    order = Order.objects.filter(member_id=OuterRef("member_id"), ordered_at__lte=OuterRef("at"))
    rows = _sources(scope, events, own=None).annotate(
        cents=_cents("value"), currency=Subquery(order.order_by("-ordered_at").values("currency")[:1])
    )
    return [
        Refund(at, cents, currency or main, group or 0, channel or 0)
        for at, cents, currency, group, channel in rows.values_list("at", "cents", "currency", "in_group", "by_channel")
    ]


def _count_days(
    scope: Scope, orders: QuerySet[Order], refunds: Sequence[Refund], revenues: Sequence[Revenue]
) -> list[int]:
    """Orders by day; fills in the revenue by day of the first currency."""
    size = len(scope.days)
    main = revenues[0].currency if revenues else ""
    is_main = Case(When(currency=main, then=1), default=0, output_field=BigIntegerField())
    rows = orders.annotate(main=is_main, cents=_cents("amount"))
    at, cents, of_main = numbers_of(rows.values_list(EpochMillis(F("ordered_at")), "cents", "main")).reshape(-1, 3).T
    place: Ints = scope.days.place(at)
    if revenues:
        back = np.zeros(size, np.int64)
        for refund in refunds:
            if refund.currency == main and refund.at >= scope.days.start:
                back[scope.days.place(np.array([int(refund.at.timestamp() * 1000)]))[0]] += refund.cents
        sums = np.zeros(size, np.int64)
        np.add.at(sums, place, cents * of_main)
        revenues[0].days = (sums - back).tolist()
    return np.bincount(place, minlength=size).tolist()  # type: ignore[no-any-return]
