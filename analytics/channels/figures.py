"""The figures of channels, in a constant number of queries, however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from activity.models import Channel
from analytics.channels.cohort import Cohort, cohorts_of
from analytics.channels.money import Money, spread
from analytics.channels.scope import Cohorts, Scope
from analytics.health.days import Days, local_day
from analytics.ledger.reading import undisturbed
from analytics.sources import SqlNames

NO_CHANNEL = 0

ByDay = Mapping[str, Mapping[date, Decimal]]


@dataclass
class Figures:
    """What became of one channel. `clicked` and what follows from it is None where nothing is known of clicks.

    `earned` and `spent` are amounts by currency and day; days of `earned` go on after the range.
    """

    channel: int = NO_CHANNEL
    clicked: int | None = None
    came: int = 0
    joins: int = 0
    friends: int = 0
    buyers: int = 0
    friends_bought: int = 0
    orders: int = 0
    earned: dict[str, dict[date, Decimal]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Decimal)))
    spent: dict[str, dict[date, Decimal]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Decimal)))

    @property
    def revenue(self) -> Money:
        return _sum(self.earned)

    @property
    def spend(self) -> Money:
        return _sum(self.spent)

    def payback(self, first: date) -> dict[str, int | None]:
        """For each currency of the spend, on which day since `first` (the first is 1) the revenue had exceeded it."""
        return {currency: self._paid(currency, amount, first) for currency, amount in self.spend.amounts.items()}

    def _paid(self, currency: str, spend: Decimal, first: date) -> int | None:
        together = Decimal(0)
        found: int | None = None
        for day in sorted(self.earned.get(currency, {})):
            together += self.earned[currency][day]
            if together > spend:
                found = found or (day - first).days + 1
            else:
                # What a refund takes back was not earned yet.
                found = None
        return found


def channel_figures(scope: Scope, *ranges: tuple[Days, datetime]) -> list[dict[int, Figures]]:
    """For each range of days, which must not overlap, the figures of every channel by its number, as they were known at
    the moment that stands beside it; NO_CHANNEL for who came by none."""
    asked = [Cohorts(scope, days, until) for days, until in ranges]
    names = SqlNames()
    return [
        _figures(one, cohort) for one, cohort in zip(asked, undisturbed(lambda: cohorts_of(asked, names)), strict=True)
    ]


def _figures(asked: Cohorts, cohort: Cohort) -> dict[int, Figures]:
    found: dict[int, Figures] = defaultdict(Figures)
    scope = asked.scope
    for channel, clicked, came in cohort.clicks:
        found[channel].clicked, found[channel].came = clicked, came
    for channel, joins, friends, buyers, both in cohort.steps:
        row = found[channel]
        row.joins, row.friends, row.buyers, row.friends_bought = joins, friends, buyers, both
    for channel, is_refund, currency, day, number, amount in cohort.takings:
        row = found[channel]
        if is_refund:
            row.earned[currency][day] -= amount
        else:
            row.orders += number
            row.earned[currency][day] += amount
    for channel, amounts in _spend(scope, asked.days, asked.until).items():
        found[channel].spent = amounts
    for number, row in found.items():
        row.channel = number
        if scope.is_whole and number != NO_CHANNEL:
            row.clicked = row.clicked or 0
    return dict(found)


def _spend(scope: Scope, days: Days, until: datetime) -> dict[int, dict[str, dict[date, Decimal]]]:
    """What falls on each day up to today: what is planned for later was not spent yet."""
    last = min(days.last, local_day(until))
    found: dict[int, dict[str, dict[date, Decimal]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(Decimal)))
    rows = scope.spends().between(days.first, last).order_by()
    for channel, currency, *row in rows.values_list("channel_id", "currency", "first_day", "last_day", "amount"):
        for on, part in spread([tuple(row)], Days(days.first, last)):  # type: ignore[list-item]
            found[channel][currency][on] += part
    return found


def before(days: Days, now: datetime) -> tuple[Days, datetime]:
    """As many days before, and the moment at which these were as old as `days` are now."""
    length = timedelta(days=len(days))
    return Days(days.first - length, days.last - length), now - length


def channel_codes(numbers: list[int]) -> dict[int, str]:
    return dict(Channel.objects.filter(pk__among=numbers).values_list("pk", "code"))


def together(rows: list[Figures]) -> Figures:
    """All channels as one."""
    whole = Figures()
    clicked = [row.clicked for row in rows if row.clicked is not None]
    whole.clicked = sum(clicked) if clicked else None
    for name in ("came", "joins", "friends", "buyers", "friends_bought", "orders"):
        setattr(whole, name, sum(getattr(row, name) for row in rows))
    for row in rows:
        for mine, theirs in ((whole.earned, row.earned), (whole.spent, row.spent)):
            for currency, by_day in theirs.items():
                for day, amount in by_day.items():
                    mine[currency][day] += amount
    return whole


def _sum(amounts: ByDay) -> Money:
    return Money(
        {currency: total for currency, by_day in amounts.items() if (total := sum(by_day.values(), Decimal(0)))}
    )
