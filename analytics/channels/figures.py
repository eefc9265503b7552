"""The figures of channels, in a constant number of queries, however many there are."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from activity.models import Channel
from analytics.channels.cohort import Cohort, cohorts_of
from analytics.channels.money import CENT, Money, spread
from analytics.channels.scope import Cohorts, Scope
from analytics.columns import Ints
from analytics.health.days import Days, local_day
from analytics.ledger.reading import undisturbed
from analytics.sources import SqlNames

NO_CHANNEL = 0

# By currency, day by day from the first of the range, in hundredths.
ByDay = dict[str, Ints]


@dataclass
class Figures:
    """What became of one channel. `clicked` and what follows from it is None where nothing is known of clicks.

    Days of `earned` go on after the range.
    """

    channel: int = NO_CHANNEL
    clicked: int | None = None
    came: int = 0
    joins: int = 0
    friends: int = 0
    buyers: int = 0
    friends_bought: int = 0
    orders: int = 0
    earned: ByDay = field(default_factory=dict)
    spent: ByDay = field(default_factory=dict)

    @property
    def revenue(self) -> Money:
        return _sum(self.earned)

    @property
    def spend(self) -> Money:
        return _sum(self.spent)

    def payback(self) -> dict[str, int | None]:
        """For each currency of the spend, on which day of the range (the first is 1) the revenue had exceeded it."""
        return {currency: self._paid(currency) for currency in self.spend.amounts}

    def _paid(self, currency: str) -> int | None:
        together = np.cumsum(self.earned.get(currency, ()))
        short = np.flatnonzero(together <= self.spent[currency].sum())
        if not len(together) or (len(short) and short[-1] == len(together) - 1):
            return None
        # What a refund takes back was not earned yet.
        return int(short[-1]) + 2 if len(short) else 1


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
    for channel, earned in cohort.takings.earned.items():
        found[channel].orders, found[channel].earned = cohort.takings.orders[channel], earned
    for channel, spent in _spend(asked).items():
        found[channel].spent = spent
    for number, row in found.items():
        row.channel = number
        if scope.is_whole and number != NO_CHANNEL:
            row.clicked = row.clicked or 0
    return dict(found)


def _spend(asked: Cohorts) -> dict[int, ByDay]:
    """What falls on each day up to today: what is planned for later was not spent yet."""
    days = Days(asked.days.first, min(asked.days.last, local_day(asked.until)))
    found: dict[int, ByDay] = defaultdict(dict)
    rows = asked.scope.spends().between(days.first, days.last).order_by()
    for channel, currency, *row in rows.values_list("channel_id", "currency", "first_day", "last_day", "amount"):
        spent = found[channel].setdefault(currency, np.zeros((asked.last - days.first).days + 1, np.int64))
        for on, part in spread([tuple(row)], days):  # type: ignore[list-item]
            spent[(on - days.first).days] += int(part / CENT)
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
                mine[currency] = mine.get(currency, 0) + by_day
    return whole


def _sum(amounts: ByDay) -> Money:
    return Money({currency: total * CENT for currency, by_day in amounts.items() if (total := int(by_day.sum()))})
