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

from activity.models import BuiltInKind, Event
from analytics.columns import Ints
from analytics.health.days import Days
from analytics.overview.scope import Scope
from analytics.sources import EpochMillis, numbers_of, with_ids
from campaigns.orders.models import Order
from members.models import Membership

CENT = Decimal("0.01")


def cents_of(amount: str) -> Cast:
    return Cast(Round(F(amount) * 100), BigIntegerField())


def money(cents: int) -> Decimal:
    return cents * CENT


@dataclass
class Revenue:
    """Of one currency, in hundredths: value now and before, and day by day."""

    currency: str
    orders: int = 0
    total: tuple[int, int] = (0, 0)
    refunds: tuple[int, int] = (0, 0)
    days: list[int] = field(default_factory=list)

    def add(self, now: int, before: int) -> None:
        self.total = self.total[0] + now, self.total[1] + before


@dataclass(frozen=True)
class Refund:
    member: int
    at: datetime
    cents: int
    currency: str
    group: int


@dataclass(frozen=True)
class Sales:
    """`orders` of all currencies, and the revenue of each, the one with the most orders first."""

    orders: tuple[int, int]
    days: list[int]
    revenues: list[Revenue]
    refunds: list[Refund]


def sales_of(scope: Scope) -> Sales:
    orders = orders_within(scope, scope.before, scope.days).order_by()
    is_now = Q(ordered_at__gte=scope.days.start)
    figures = {
        "now": Coalesce(Sum("cents", filter=is_now), 0),
        "before": Coalesce(Sum("cents", filter=~is_now), 0),
        "orders_now": Count("pk", filter=is_now),
        "orders_before": Count("pk", filter=~is_now),
    }
    rows = list(orders.annotate(cents=cents_of("amount")).values_list("currency").annotate(**figures))
    refunds = _refunds(scope, main=_main_currency(rows))
    found: dict[str, Revenue] = {}
    count_now = count_before = 0
    for currency, now, before, orders_now, orders_before in rows:
        revenue = found.setdefault(currency, Revenue(currency))
        revenue.orders += orders_now + orders_before
        count_now, count_before = count_now + orders_now, count_before + orders_before
        revenue.add(now, before)
    for refund in refunds:
        revenue = found.setdefault(refund.currency, Revenue(refund.currency))
        pair = (refund.cents, 0) if refund.at >= scope.days.start else (0, refund.cents)
        revenue.refunds = revenue.refunds[0] + pair[0], revenue.refunds[1] + pair[1]
        revenue.add(-pair[0], -pair[1])
    revenues = sorted(found.values(), key=lambda revenue: (-revenue.orders, revenue.currency))
    days = _count_days(scope, orders.filter(is_now), refunds, revenues)
    return Sales((count_now, count_before), days, revenues, refunds)


def _main_currency(rows: Sequence[Any]) -> str:
    orders: dict[str, int] = defaultdict(int)
    for row in rows:
        orders[row[0]] += row[-1] + row[-2]
    return max(orders, key=lambda currency: orders[currency], default="CNY")


def orders_within(scope: Scope, first: Days, last: Days) -> QuerySet[Order]:
    """Orders of the members whom the viewer may see."""
    orders = Order.objects.filter(ordered_at__gte=first.start, ordered_at__lt=last.end)
    if scope.viewer.branch_id is None:
        return orders
    here = Membership.objects.visible_to(scope.viewer).filter(member=OuterRef("member"))
    return orders.filter(Exists(here))


def _refunds(scope: Scope, *, main: str) -> list[Refund]:
    """What was given back. The members are found by the report's own way to events; there is no index of kinds."""
    number = scope.names.kind(BuiltInKind.REFUNDED)
    if number is None:
        return []
    both = scope.both
    members = scope.active(both, BuiltInKind.REFUNDED)
    if not len(members):
        return []
    events = Event.objects.filter(kind_id=number, at__gte=both.start, at__lt=both.end, value__isnull=False)
    events = with_ids(scope.within(events, "group_id"), members.tolist(), "member_id").order_by()
    order = Order.objects.filter(member_id=OuterRef("member_id"), ordered_at__lte=OuterRef("at"))
    rows = events.annotate(
        cents=cents_of("value"), currency=Subquery(order.order_by("-ordered_at").values("currency")[:1])
    )
    return [
        Refund(member, at, cents, currency or main, group or 0)
        for member, at, cents, currency, group in rows.values_list("member_id", "at", "cents", "currency", "group_id")
    ]


def _count_days(
    scope: Scope, orders: QuerySet[Order], refunds: Sequence[Refund], revenues: Sequence[Revenue]
) -> list[int]:
    """Orders by day; fills in the revenue by day of the first currency."""
    size = len(scope.days)
    main = revenues[0].currency if revenues else ""
    is_main = Case(When(currency=main, then=1), default=0, output_field=BigIntegerField())
    rows = orders.annotate(main=is_main, cents=cents_of("amount"))
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
