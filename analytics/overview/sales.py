"""Orders and revenue: by currency, which are never added up, with refunds taken off, and where they came from.

Amounts are counted in hundredths: SQLite would add them up as binary fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import numpy as np
from django.db.models import OuterRef, Subquery

from activity.models import BuiltInKind, Event
from analytics.overview.orders import Orders, cents_of
from analytics.overview.scope import Scope
from analytics.queries.periods import millis
from campaigns.orders.models import Order

CENT = Decimal("0.01")


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
    bought: Orders


def sales_of(scope: Scope) -> Sales:
    orders = Orders.read(scope, scope.before, scope.days)
    is_now = orders.at >= scope.days.edges[0]
    counts = [np.bincount(orders.currency[half], minlength=len(orders.currencies)) for half in (is_now, ~is_now)]
    sums = np.zeros((2, len(orders.currencies)), np.int64)
    np.add.at(sums, (is_now.astype(np.int64), orders.currency), orders.cents)
    found = {
        currency: Revenue(currency, orders=now + before, total=(cents, cents_before))
        for currency, now, before, cents_before, cents in zip(
            orders.currencies, *(count.tolist() for count in counts), *sums.tolist(), strict=True
        )
    }
    main = min(found.values(), key=lambda revenue: (-revenue.orders, revenue.currency), default=Revenue("CNY"))
    refunds = _refunds(scope, main=main.currency)
    start = scope.days.start
    for refund in refunds:
        revenue = found.setdefault(refund.currency, Revenue(refund.currency))
        pair = (refund.cents, 0) if refund.at >= start else (0, refund.cents)
        revenue.refunds = revenue.refunds[0] + pair[0], revenue.refunds[1] + pair[1]
        revenue.add(-pair[0], -pair[1])
    revenues = sorted(found.values(), key=lambda revenue: (-revenue.orders, revenue.currency))
    days = _count_days(scope, orders, refunds, revenues)
    return Sales((int(counts[0].sum()), int(counts[1].sum())), days, revenues, refunds, orders)


def _refunds(scope: Scope, *, main: str) -> list[Refund]:
    """What was given back."""
    number, both = scope.names.kind(BuiltInKind.REFUNDED), scope.both
    if number is None:
        return []
    events = Event.objects.filter(kind_id=number, at__gte=both.start, at__lt=both.end, value__isnull=False)
    events = scope.within(events, "group_id").order_by()
    order = Order.objects.filter(member_id=OuterRef("member_id"), ordered_at__lte=OuterRef("at"))
    rows = events.annotate(
        cents=cents_of("value"), currency=Subquery(order.order_by("-ordered_at").values("currency")[:1])
    )
    return [
        Refund(member, at, cents, currency or main, group or 0)
        for member, at, cents, currency, group in rows.values_list("member_id", "at", "cents", "currency", "group_id")
    ]


def _count_days(scope: Scope, orders: Orders, refunds: Sequence[Refund], revenues: Sequence[Revenue]) -> list[int]:
    """Orders by day; fills in the revenue by day of the first currency."""
    size = len(scope.days)
    is_now = orders.at >= scope.days.edges[0]
    place = scope.days.place(orders.at[is_now])
    if revenues:
        main = revenues[0].currency
        start, back = scope.days.start, np.zeros(size, np.int64)
        given = [refund for refund in refunds if refund.currency == main and refund.at >= start]
        when = scope.days.place(np.array([millis(refund.at) for refund in given], np.int64))
        np.add.at(back, when, np.array([refund.cents for refund in given], np.int64))
        sums = np.zeros(size, np.int64)
        if main in orders.currencies:
            of_main = orders.currency[is_now] == orders.currencies.index(main)
            np.add.at(sums, place[of_main], orders.cents[is_now][of_main])
        revenues[0].days = (sums - back).tolist()
    return np.bincount(place, minlength=size).tolist()  # type: ignore[no-any-return]
