"""What the pages of channels show, made of their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import urlencode

import numpy as np
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.channels.figures import NO_CHANNEL, Figures, before, channel_codes, channel_figures, together
from analytics.channels.forms import SpanForm
from analytics.channels.money import CENT, Money, money_text
from analytics.health.days import ONE, Days, local_day
from analytics.pages.parts import DASH, Cell, Chart, Head, Table, percent, period_name, share_of
from analytics.queries.periods import MOST_PERIODS, Interval
from community_ops.lib.changes import change_text


@dataclass(frozen=True)
class Step:
    """A figure on the way from a click to an order, with its change and what was lost on the way to it."""

    value: int | None
    url: str
    change: str
    lost: str = ""
    lost_url: str = ""

    @property
    def text(self) -> str:
        return DASH if self.value is None else f"{self.value:,}"


@dataclass(frozen=True)
class ChannelRow:
    """A channel as the list shows it. `main` is the currency that the list sorts by."""

    figures: Figures
    past: Figures | None
    code: str
    days: Days
    main: str
    address: str
    is_whole: bool = False

    @property
    def is_channel(self) -> bool:
        return self.figures.channel != NO_CHANNEL

    @property
    def name(self) -> str:
        return self.code or _("No channel known")

    @property
    def url(self) -> str:
        return f"{reverse('analytics:channel', args=[self.figures.channel])}?{self.address}" if self.is_channel else ""

    @property
    def spend_url(self) -> str:
        return f"{reverse('members:spends')}?{urlencode({'q': self.code})}" if self.code and self.spend else ""

    def people(self, figure: str) -> str:
        channel = "all" if self.is_whole else self.figures.channel
        return f"{reverse('analytics:channel_people')}?{self.address}&channel={channel}&figure={figure}"

    @cached_property
    def clicked(self) -> Step:
        return self._step("clicked", self.figures.clicked, "clicked")

    @cached_property
    def joined(self) -> Step:
        clicked, came = self.figures.clicked, self.figures.came
        return self._step("joins", self.figures.joins, "joined", (clicked or 0, came), "not_joined")

    @cached_property
    def befriended(self) -> Step:
        return self._step(
            "friends", self.figures.friends, "friends", (self.figures.joins, self.figures.friends), "not_friends"
        )

    @cached_property
    def ordered(self) -> Step:
        kept = (self.figures.friends, self.figures.friends_bought)
        return self._step("orders", self.figures.orders, "buyers", kept, "not_buyers")

    def _step(self, name: str, value: int | None, figure: str, hop: tuple[int, int] = (0, 0), lost: str = "") -> Step:
        past = getattr(self.past, name) if self.past else None
        gone = hop[0] - hop[1]
        return Step(
            value,
            self.people(figure) if value else "",
            change_text(value, past),
            percent(share_of(gone, hop[0])) if hop[0] else "",
            self.people(lost) if gone else "",
        )

    @property
    def revenue(self) -> Money:
        return self.figures.revenue

    @property
    def spend(self) -> Money:
        return self.figures.spend

    @property
    def revenue_change(self) -> str:
        return self._money_change(self.revenue, self.past.revenue) if self.past else ""

    @property
    def spend_change(self) -> str:
        return self._money_change(self.spend, self.past.spend) if self.past else ""

    @staticmethod
    def _money_change(now: Money, past: Money) -> str:
        return change_text(now.of(now.main), past.of(now.main)) if now else ""

    @property
    def per_join(self) -> Money:
        return self.spend.per(self.figures.joins)

    @property
    def per_friend(self) -> Money:
        return self.spend.per(self.figures.friends)

    @property
    def per_order(self) -> Money:
        return self.spend.per(self.figures.orders)

    @property
    def per_member(self) -> Money:
        return self.revenue.per(self.figures.joins)

    @cached_property
    def payback(self) -> dict[str, int | None]:
        return self.figures.payback()

    @property
    def payback_texts(self) -> list[str]:
        """In so many days; where not yet, a dash, a word, and how far it has come."""
        many = len(self.payback) > 1
        return [
            (f"{currency}: " if many else "") + self._payback_text(currency, day)
            for currency, day in sorted(self.payback.items())
        ]

    @property
    def payback_words(self) -> str:
        return " · ".join(self.payback_texts)

    def _payback_text(self, currency: str, day: int | None) -> str:
        if day is not None:
            return ngettext("%(day)d day", "%(day)d days", day) % {"day": day}
        share = 100 * self.revenue.of(currency) / self.spend.of(currency)
        return _("%(dash)s not yet (%(share)s)") % {"dash": DASH, "share": percent(max(0.0, float(round(share, 1))))}

    # What the list sorts by

    @property
    def sort_clicked(self) -> int | None:
        return self.figures.clicked

    @property
    def sort_joins(self) -> int:
        return self.figures.joins

    @property
    def sort_friends(self) -> int:
        return self.figures.friends

    @property
    def sort_orders(self) -> int:
        return self.figures.orders

    @property
    def sort_revenue(self) -> Decimal:
        return self.revenue.of(self.main)

    @property
    def sort_spend(self) -> Decimal | None:
        return self.spend.amounts.get(self.main)

    @property
    def sort_per_join(self) -> Decimal | None:
        return self.per_join.amounts.get(self.main)

    @property
    def sort_per_friend(self) -> Decimal | None:
        return self.per_friend.amounts.get(self.main)

    @property
    def sort_per_order(self) -> Decimal | None:
        return self.per_order.amounts.get(self.main)

    @property
    def sort_per_member(self) -> Decimal | None:
        return self.per_member.amounts.get(self.main)

    @property
    def sort_payback(self) -> int | None:
        return self.payback.get(self.main)


def channel_rows(form: SpanForm, *, now: datetime) -> list[ChannelRow]:
    """Every channel of the range, each with the range before. A constant number of queries."""
    scope, days = form.scope(), form.span()
    figures, past = channel_figures(scope, (days, now), before(days, now))
    codes = channel_codes([*figures])
    whole = together([*figures.values()])
    main = whole.spend.main or whole.revenue.main
    return [
        ChannelRow(row, past.get(number), codes.get(number, ""), days, main, form.address())
        for number, row in figures.items()
    ]


def whole_row(rows: Sequence[ChannelRow], form: SpanForm) -> ChannelRow:
    past = [row.past for row in rows if row.past]
    whole = together([row.figures for row in rows])
    return ChannelRow(whole, together(past), "", form.span(), whole.spend.main, form.address(), is_whole=True)


def headline(rows: Sequence[ChannelRow]) -> tuple[str, ChannelRow | None]:
    """The answer in a sentence, and the channel that earned back what it cost most quickly."""
    paid = [row for row in rows if row.spend]
    back = [row for row in paid if row.payback and all(day is not None for day in row.payback.values())]
    if not paid:
        return _("Nothing was spent on a channel in this range, so no channel can be said to pay."), None
    told = ngettext(
        "%(back)d of %(paid)d channel with spend has earned back what it cost.",
        "%(back)d of %(paid)d channels with spend have earned back what they cost.",
        len(paid),
    ) % {"back": len(back), "paid": len(paid)}
    return told, min(back, key=lambda row: (max(day or 0 for day in row.payback.values()), row.code), default=None)


@dataclass(frozen=True)
class Course:
    """Revenue of a channel's cohort against its spend in one currency, day by day and added up."""

    currency: str
    chart: Chart
    table: Table


@dataclass(frozen=True)
class ChannelPage:
    """`row` is None where nothing came through the channel in the range."""

    row: ChannelRow | None
    courses: list[Course]


def channel_page(form: SpanForm, channel: int) -> ChannelPage:
    row = next((row for row in channel_rows(form, now=form.now) if row.figures.channel == channel), None)
    return ChannelPage(row, courses(row, now=form.now) if row else [])


def courses(row: ChannelRow, *, now: datetime) -> list[Course]:
    """One for each currency, from the first day of the range to today: later orders of the cohort count on. Of many
    years those before the first money are left out."""
    last = max(row.days.first, local_day(now))
    days = [row.days.first + number * ONE for number in range((last - row.days.first).days + 1)]
    money = [*row.figures.earned.values(), *row.figures.spent.values()]
    skipped = min((int(np.flatnonzero(column)[0]) for column in money if column.any()), default=0)
    begun = skipped if len(days) > MOST_PERIODS else 0
    currencies = sorted({*row.figures.earned, *row.figures.spent})
    return [_course(row, currency, days, begun) for currency in currencies]


def _course(row: ChannelRow, currency: str, days: Sequence[date], begun: int) -> Course:
    nothing = np.zeros(len(days), np.int64)
    earned, spent = (of.get(currency, nothing)[begun:] for of in (row.figures.earned, row.figures.spent))
    days = days[begun:]
    columns = [
        [cents * CENT for cents in column.tolist()] for column in (earned, spent, *map(np.cumsum, (earned, spent)))
    ]
    lines = list(zip(days, *columns, strict=True))
    chart = Chart(
        "line",
        _("Revenue and spend, added up by day, in %(currency)s") % {"currency": currency},
        [f"{line[0]:%m-%d}" if days[0].year == days[-1].year else f"{line[0]:%Y-%m-%d}" for line in lines],
    )
    chart.add(_("Revenue, added up"), [float(line[3]) for line in lines], style="area", colour=0)
    chart.add(_("Spend, added up"), [float(line[4]) for line in lines], colour=2)
    heads = [
        Head(_("Day"), number=False),
        *(
            Head(label, file=f"{label} {currency}")
            for label in (_("Revenue"), _("Spend"), _("Revenue, added up"), _("Spend, added up"), _("Balance"))
        ),
    ]
    cells = [[_day(line[0]), *(_amount(value, currency) for value in (*line[1:], line[3] - line[4]))] for line in lines]
    return Course(currency, chart, Table(chart.label, heads, cells, newest_first=True))


def _day(day: date) -> Cell:
    start = datetime(day.year, day.month, day.day)  # noqa: DTZ001  a day of the calendar, only to be named
    return Cell(day, period_name(start, Interval.DAY), css="")


def _amount(value: Decimal, currency: str) -> Cell:
    return Cell(value.quantize(CENT), money_text(value, currency) if value else DASH)
