"""Orders and revenue: by currency, which are never added up, with refunds taken off, and where they came from.

Amounts are counted in hundredths: SQLite would add them up as binary fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np

from analytics.columns import Ints
from analytics.overview.orders import NO_CURRENCY, Amounts, orders_of, refunds_of
from analytics.overview.scope import Scope

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
class Sales:
    """`orders` of all currencies, and the revenue of each, the one with the most orders first."""

    orders: tuple[int, int]
    days: list[int]
    revenues: list[Revenue]
    refunds: Amounts
    bought: Amounts


def sales_of(scope: Scope) -> Sales:
    orders = orders_of(scope, scope.both)
    counts, sums = _halves(scope, orders)
    found = {
        currency: Revenue(currency, orders=now + before, total=(cents, cents_before))
        for currency, (now, before), (cents, cents_before) in zip(
            orders.currencies, counts.tolist(), sums.tolist(), strict=True
        )
    }
    main = min(found.values(), key=lambda revenue: (-revenue.orders, revenue.currency), default=Revenue("CNY"))
    refunds = refunds_of(scope, scope.both)
    refunds = replace(
        refunds, currencies=[main.currency if word == NO_CURRENCY else word for word in refunds.currencies]
    )
    for currency, (cents, cents_before) in zip(refunds.currencies, _halves(scope, refunds)[1].tolist(), strict=True):
        revenue = found.setdefault(currency, Revenue(currency))
        revenue.refunds = revenue.refunds[0] + cents, revenue.refunds[1] + cents_before
        revenue.add(-cents, -cents_before)
    revenues = sorted(found.values(), key=lambda revenue: (-revenue.orders, revenue.currency))
    days = _count_days(scope, orders, refunds, revenues)
    return Sales((int(counts[:, 0].sum()), int(counts[:, 1].sum())), days, revenues, refunds, orders)


def _halves(scope: Scope, amounts: Amounts) -> tuple[Ints, Ints]:
    """How many there are of each currency now and before, and how much that is."""
    cell = 2 * amounts.currency + (amounts.at < scope.days.edges[0])
    sums = np.zeros(2 * len(amounts.currencies), np.int64)
    np.add.at(sums, cell, amounts.cents)
    return np.bincount(cell, minlength=len(sums)).reshape(-1, 2), sums.reshape(-1, 2)


def _count_days(scope: Scope, orders: Amounts, refunds: Amounts, revenues: Sequence[Revenue]) -> list[int]:
    """Orders by day; fills in the revenue by day of the first currency."""
    size, start = len(scope.days), scope.days.edges[0]
    if revenues:
        sums = np.zeros(size, np.int64)
        for amounts, sign in ((orders, 1), (refunds, -1)):
            rows = amounts.which(revenues[0].currency)
            rows = rows[amounts.at[rows] >= start]
            np.add.at(sums, scope.days.place(amounts.at[rows]), sign * amounts.cents[rows])
        revenues[0].days = sums.tolist()
    place = scope.days.place(orders.at[orders.at >= start])
    return np.bincount(place, minlength=size).tolist()  # type: ignore[no-any-return]
