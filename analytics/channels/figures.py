"""The figures of channels, counted in the database: a constant number of queries, however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Case, Count, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, TruncDate

from activity.models import BuiltInKind, Channel
from analytics.channels.money import CENT, Money, spread
from analytics.channels.scope import Cohorts, Scope
from analytics.health.days import Days, local_day, zone
from campaigns.orders.models import Order

NO_CHANNEL = 0
CURRENCY = "CNY"  # of an order that nobody told the currency of

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


def channel_figures(scope: Scope, days: Days, *, until: datetime) -> dict[int, Figures]:
    """The figures of every channel by its number, as they were known at `until`; NO_CHANNEL for who came by none.
    Five queries."""
    found: dict[int, Figures] = defaultdict(Figures)
    cohorts = Cohorts(scope, days, until)
    if scope.is_whole:
        clicks = (
            cohorts.clicks()
            .values("channel_id")
            .annotate(
                clicked=Count("member_id", distinct=True), joined=Count("member_id", distinct=True, filter=Q(came=True))
            )
        )
        for channel, clicked, came in clicks.values_list("channel_id", "clicked", "joined"):
            found[channel].clicked, found[channel].came = clicked, came
    steps = (
        cohorts.steps()
        .values("touch")
        .annotate(
            joins=Count("pk"),
            friends=Count("pk", filter=Q(friend=True)),
            buyers=Count("pk", filter=Q(buyer=True)),
            both=Count("pk", filter=Q(friend=True, buyer=True)),
        )
    )
    for channel, joins, friends, buyers, both in steps.values_list("touch", "joins", "friends", "buyers", "both"):
        row = found[channel or NO_CHANNEL]
        row.joins, row.friends, row.buyers, row.friends_bought = joins, friends, buyers, both
    for channel, kind, currency, day, number, amount in _money(cohorts):
        row = found[channel or NO_CHANNEL]
        total = (amount or Decimal(0)).quantize(CENT)
        if kind == BuiltInKind.ORDERED:
            row.orders += number
            row.earned[currency][day] += total
        else:
            row.earned[currency][day] -= total
    for channel, amounts in _spend(scope, days, until).items():
        found[channel].spent = amounts
    for number, row in found.items():
        row.channel = number
        if scope.is_whole and number != NO_CHANNEL:
            row.clicked = row.clicked or 0
    return dict(found)


def _money(cohorts: Cohorts) -> list[tuple[int | None, str, str, date, int, Decimal | None]]:
    """(channel, kind, currency, day, how many, how much). A refund is in the currency of the order before it."""
    orders = Order.objects.order_by("-ordered_at", "-pk")
    told = orders.filter(key=OuterRef("key")).values("currency")[:1]
    last = orders.filter(member=OuterRef("member_id"), ordered_at__lte=OuterRef("at")).values("currency")[:1]
    currency = Case(When(kind__slug=BuiltInKind.ORDERED, then=Subquery(told)), default=Subquery(last))
    events = cohorts.money().annotate(currency=Coalesce(currency, Value(CURRENCY)), day=TruncDate("at", tzinfo=zone()))
    rows = events.values("touch", "kind__slug", "currency", "day").annotate(number=Count("pk"), amount=Sum("value"))
    return list(rows.values_list("touch", "kind__slug", "currency", "day", "number", "amount"))


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
