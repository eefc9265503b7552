"""Amounts of several currencies, which are never added to one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from analytics.health.days import Days
from analytics.pages.parts import DASH

CENT = Decimal("0.01")
SIGNS = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "HKD": "HK$", "TWD": "NT$", "JPY": "JP¥"}


@dataclass(frozen=True)
class Money:
    """An amount for each currency in which there was any."""

    amounts: Mapping[str, Decimal] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.amounts)

    def __add__(self, other: Money) -> Money:
        currencies = {*self.amounts, *other.amounts}
        return Money({name: self.of(name) + other.of(name) for name in currencies})

    def of(self, currency: str) -> Decimal:
        return self.amounts.get(currency, Decimal(0))

    def per(self, number: int) -> Money:
        """What fell to each of so many; nothing when there were none."""
        return Money({name: _cents(amount / number) for name, amount in self.amounts.items()} if number else {})

    @property
    def main(self) -> str:
        """The currency with most of it, by number: what lists sort by."""
        return max(self.amounts, key=lambda name: (self.amounts[name], name), default="")

    @property
    def texts(self) -> list[str]:
        return [money_text(self.amounts[name], name) for name in sorted(self.amounts)]

    def __str__(self) -> str:
        return " · ".join(self.texts) or DASH


def money_text(amount: Decimal, currency: str) -> str:
    """¥1,234 or, for small amounts, ¥12.40: with its currency, always."""
    places = 0 if abs(amount) >= 1000 else 2
    sign = SIGNS.get(currency, f"{currency} ")
    return f"{'−' if amount < 0 else ''}{sign}{abs(amount):,.{places}f}"


def spread(rows: Iterable[tuple[date, date, Decimal]], days: Days) -> Iterable[tuple[date, Decimal]]:
    """What of each amount falls on each of `days`: evenly over its own days, to the cent, the last taking the rest."""
    for first, last, amount in rows:
        whole = Days(first, last)
        share = (amount / len(whole)).quantize(CENT)
        start, end = max(first, days.first), min(last, days.last)
        for number in range((end - start).days + 1):
            on = date.fromordinal(start.toordinal() + number)
            yield on, (amount - share * (len(whole) - 1) if on == last else share)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
