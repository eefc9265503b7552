"""The overview as it is shown: figures with their change, and what made up the change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from activity.models import Channel
from analytics.definitions import MOVES, OVERVIEW
from analytics.forms import ANY
from analytics.health.days import ONE
from analytics.health.models import GroupHealth
from analytics.health.selectors import judged_day
from analytics.overview.crowd import (
    Active,
    Places,
    active_of,
    joined_by_channel,
    newcomers_of,
    places_of,
)
from analytics.overview.earnings import Earnings, earnings_of
from analytics.overview.forms import OverviewForm
from analytics.overview.member_days import member_days
from analytics.overview.moves import Explained, explained, explained_by_number
from analytics.overview.orders import orders_within
from analytics.overview.sales import Revenue, Sales, money, sales_of
from analytics.overview.scope import Scope
from analytics.pages.parts import SMALL_SAMPLE, Cell, Head, Table, Text, people_url, percent, share_of
from community_ops.lib.changes import Change, change_words
from groups.models import HealthStage

MOST_CURRENCIES = 2

LABELS: dict[str, Text] = {
    "members": gettext_lazy("Members in groups"),
    "joined": gettext_lazy("Joined"),
    "left": pgettext_lazy("how many", "Left"),
    "active": gettext_lazy("Active members"),
    "stayed": gettext_lazy("Newcomers who stayed"),
    "bought": gettext_lazy("Newcomers who ordered"),
    "orders": gettext_lazy("Orders"),
    "revenue": gettext_lazy("Revenue"),
}


@dataclass(frozen=True)
class KeyFigure:
    """`value` and `before` are numbers as files take them; `sample`: of how few a share is said, where they are few."""

    key: str
    label: Text
    value: int | float | Decimal | None
    before: int | float | Decimal | None
    text: str
    text_before: str
    change: Change | None
    url: str = ""
    course: list[int] = field(default_factory=list)
    sample: int | None = None

    @property
    def definition(self) -> Text:
        return OVERVIEW[self.key.partition("-")[0]][0]

    @property
    def how(self) -> Text:
        return OVERVIEW[self.key.partition("-")[0]][1]


@dataclass(frozen=True)
class Stage:
    stage: HealthStage
    count: int
    change: Change | None
    url: str


@dataclass(frozen=True)
class MoveRow:
    """A group or a channel; `is_name`: what people called it, not a word of the interface."""

    label: str
    url: str
    is_name: bool
    now: Any
    before: Any
    change: Any
    text_now: str
    text_before: str
    text_change: str
    css: str


@dataclass(frozen=True)
class MoveList:
    head: Text
    rows: list[MoveRow]
    share: float
    left_out: int


@dataclass(frozen=True)
class Move:
    """`figure`: whose change is made up, where it is on the page anyway; a part that comes alone does not count it."""

    key: str
    label: Text
    figure: KeyFigure | None
    definition: Text
    lists: list[MoveList]


@dataclass(frozen=True)
class OverviewPage:
    figures: list[KeyFigure]
    stages: list[Stage]
    moves: list[Move]
    currencies_left_out: list[str]
    active: int

    @property
    def is_empty(self) -> bool:
        return not any(figure.value or figure.before for figure in self.figures)

    @property
    def has_moved(self) -> bool:
        return any(entry.rows for move in self.moves for entry in move.lists)

    @property
    def table(self) -> Table:
        """Everything as one file."""
        heads = [
            Head(_("Figure"), number=False),
            Head(_("Group or channel"), number=False, name=True),
            Head(_("In the range")),
            Head(_("In the range before")),
        ]
        rows = [
            [Cell(figure.label, ""), Cell("", ""), Cell(figure.value, ""), Cell(figure.before, "")]
            for figure in self.figures
        ]
        for move in self.moves:
            rows += [
                [Cell(move.label, ""), Cell(row.label, ""), Cell(row.now, ""), Cell(row.before, "")]
                for entry in move.lists
                for row in entry.rows
            ]
        return Table(_("Overview"), heads, rows)


def overview_page(form: OverviewForm, scope: Scope) -> OverviewPage:
    """All of it. A constant number of queries, however many groups, channels and members there are."""
    answers = Answers(form, scope, is_whole=True)
    return OverviewPage(
        [figure for of in FIGURES.values() for figure in of(answers)],
        stages_of(form, scope),
        [move for of in MOVED.values() if (move := of(answers))],
        answers.currencies_left_out,
        answers.active.members[0],
    )


def days_words(form: OverviewForm) -> str:
    return f"{form.range.first:%Y-%m-%d} – {form.range.last:%Y-%m-%d}"


class Answers:
    """What the parts of the page are made of, each counted once when the first part needs it; `is_whole`: all of them
    are wanted."""

    def __init__(self, form: OverviewForm, scope: Scope, *, is_whole: bool) -> None:
        self.form, self.scope, self.is_whole, self.write = form, scope, is_whole, _Writer(form, scope)

    @cached_property
    def places(self) -> Places:
        return places_of(self.scope)

    @cached_property
    def active(self) -> Active:
        return active_of(self.scope)

    @cached_property
    def sales(self) -> Sales:
        return sales_of(self.scope)

    @property
    def currencies_left_out(self) -> list[str]:
        return [revenue.currency for revenue in self.sales.revenues[MOST_CURRENCIES:]]


# Figures


def _of_places(answers: Answers) -> list[KeyFigure]:
    form, places = answers.form, answers.places
    return [
        _count(form, "members", places.members, places.members_before, places.members_days),
        _joined(answers),
        _count(form, "left", *places.left, places.left_days, more_is="bad"),
    ]


def _joined(answers: Answers) -> KeyFigure:
    return _count(answers.form, "joined", *answers.places.joined, answers.places.joined_days)


def _of_active(answers: Answers) -> list[KeyFigure]:
    return [_count(answers.form, "active", *answers.active.members, answers.active.days)]


def _of_newcomers(answers: Answers) -> list[KeyFigure]:
    newcomers = newcomers_of(answers.scope)
    return [
        _share(answers.form, "stayed", newcomers.stayed, newcomers.members),
        _share(answers.form, "bought", newcomers.bought, newcomers.members),
    ]


def _of_sales(answers: Answers) -> list[KeyFigure]:
    sales = answers.sales
    revenues = [_revenue(answers.form, revenue) for revenue in sales.revenues[:MOST_CURRENCIES]]
    return [_count(answers.form, "orders", *sales.orders, sales.days), *revenues]


def _moved_active(answers: Answers) -> Move | None:
    by_group, by_channel = member_days(answers.scope)
    figure = _of_active(answers)[0] if answers.is_whole else None
    return answers.write.move("active", figure, explained_by_number(by_group), explained(by_channel))


def _moved_joined(answers: Answers) -> Move | None:
    places = answers.places
    by_channel = joined_by_channel(answers.scope, places.joined)
    figure = _joined(answers) if answers.is_whole else None
    return answers.write.move("joined", figure, explained_by_number(places.joined_by_group), explained(by_channel))


def _moved_revenue(answers: Answers) -> Move | None:
    """Of the first currency; nothing where nothing was ordered."""
    if not answers.sales.revenues:
        return None
    revenue = answers.sales.revenues[0]
    earnings = earnings_of(answers.scope, answers.sales, revenue.currency)
    figure = _revenue(answers.form, revenue) if answers.is_whole else None
    return answers.write.revenue(revenue.currency, figure, earnings)


# The page is put together from these, and loads each by itself, in this order.
FIGURES: dict[str, Callable[[Answers], list[KeyFigure]]] = {
    "places": _of_places,
    "active": _of_active,
    "newcomers": _of_newcomers,
    "sales": _of_sales,
}
MOVED: dict[str, Callable[[Answers], Move | None]] = {
    "active": _moved_active,
    "joined": _moved_joined,
    "revenue": _moved_revenue,
}


def has_anything(form: OverviewForm, scope: Scope) -> bool:
    """Whether there is anything to say about these days, without counting it: at most three short queries."""
    both = scope.both
    events = form.selection().events().filter(at__gte=both.start, at__lt=both.end)
    places = scope.places.present().filter(joined_at__lt=both.end)
    return events.exists() or places.exists() or orders_within(scope, scope.before, scope.days).exists()


def _url(form: OverviewForm, key: str) -> str:
    return people_url(form, "overview", figure=key)


def _count(
    form: OverviewForm, key: str, value: int, before: int, course: list[int], *, more_is: str = "good"
) -> KeyFigure:
    url = _url(form, key) if value else ""
    change = change_words(value, before, more_is=more_is)
    return KeyFigure(key, LABELS[key], value, before, f"{value:,}", f"{before:,}", change, url, course)


def _share(form: OverviewForm, key: str, parts: tuple[int, int], wholes: tuple[int, int]) -> KeyFigure:
    now, before = (share_of(part, whole) for part, whole in zip(parts, wholes, strict=True))
    few = wholes[0] if wholes[0] < SMALL_SAMPLE else None
    url = _url(form, key) if parts[0] else ""
    return KeyFigure(
        key, LABELS[key], now, before, percent(now), percent(before), points_words(now, before), url, sample=few
    )


def _revenue_label(currency: str) -> str:
    return _("Revenue, %(currency)s") % {"currency": currency}


def _revenue(form: OverviewForm, revenue: Revenue) -> KeyFigure:
    now, before = (money(cents) for cents in revenue.total)
    change = change_words(*revenue.total, amount=True)
    url = people_url(form, "overview", figure="revenue", currency=revenue.currency)
    # A line cannot go below its axis: days with more refunds than orders are drawn at zero.
    course = [max(0, cents) for cents in revenue.days]
    label, key = _revenue_label(revenue.currency), f"revenue-{revenue.currency}"
    return KeyFigure(key, label, now, before, money_words(now), money_words(before), change, url, course)


def money_words(amount: Decimal) -> str:
    return f"{amount:,.2f}".replace("-", "−")


def points_words(value: float | None, before: float | None) -> Change | None:
    if value is None or before is None:
        return None
    size = round(abs(value - before), 1)
    if not size:
        return Change(_("no change"))
    if value > before:
        return Change("↑ " + _("%(number)s points more") % {"number": size}, "change-up")
    return Change("↓ " + _("%(number)s points less") % {"number": size}, "change-down")


# Groups by stage


def stages_of(form: OverviewForm, scope: Scope) -> list[Stage]:
    """Open groups by stage on the last judged day of the range, against as many days before. Two queries."""
    judged = judged_day()
    if judged is None:
        return []
    day = min(judged, scope.days.last)
    earlier = day - len(scope.days) * ONE
    rows = GroupHealth.objects.filter(day__in=(day, earlier), group__in=scope.groups.open()).order_by()
    counts = {(row["day"], row["stage"]): row["n"] for row in rows.values("day", "stage").annotate(n=Count("pk"))}
    known = any(on == earlier for on, _stage in counts)
    stages = []
    for stage in HealthStage:
        count, before = counts.get((day, stage.value), 0), counts.get((earlier, stage.value), 0)
        bad = stage in (HealthStage.DECLINING, HealthStage.DEAD)
        css = "" if count == before else "change-down" if (count > before) == bad else "change-up"
        change = Change(signed(count - before), css) if known and count != before else None
        query = {"stage": stage.value}
        if scope.viewer.branch_id is not None and form.user.is_headquarters:
            query["branch"] = str(scope.viewer.branch_id)
        stages.append(Stage(stage, count, change, f"{reverse('analytics:health')}?{urlencode(query)}"))
    return stages


def signed(number: int) -> str:
    return f"{number:+,}".replace("-", "−")


# What moved


class _Writer:
    """Puts names and links to what explains a change."""

    def __init__(self, form: OverviewForm, scope: Scope) -> None:
        self.form, self.scope = form, scope

    def move(self, key: str, figure: KeyFigure | None, groups: Explained[int], channels: Explained[str]) -> Move:
        joined = key == "joined"
        heads = (_("Groups"), _("Channels")) if joined else (_("Groups, in member-days"), _("Channels, in member-days"))
        kind = "joined" if joined else ANY
        lists = [
            self._groups(heads[0], groups, int),
            self._list(heads[1], channels, lambda code: self._channel(code, kind), int),
        ]
        return Move(key, LABELS[key], figure, MOVES[key], lists)

    def revenue(self, currency: str, figure: KeyFigure | None, earnings: Earnings) -> Move:
        channels = explained_by_number(earnings.by_channel)
        codes = dict(Channel.objects.filter(pk__in=[part.key for part in channels.parts]).values_list("pk", "code"))
        lists = [
            self._groups(_("Groups"), explained_by_number(earnings.by_group), money),
            self._list(_("Channels"), channels, lambda pk: self._channel(codes.get(pk, ""), "ordered"), money),
        ]
        return Move("revenue", _revenue_label(currency), figure, MOVES["revenue"], lists)

    def _groups(self, head: Text, groups: Explained[int], value: Callable[[int], Any]) -> MoveList:
        shown = self.scope.groups.filter(pk__in=[part.key for part in groups.parts])
        names: dict[int, str] = dict(shown.values_list("pk", "name"))

        def of(pk: int) -> tuple[str, str, bool]:
            if pk not in names:
                return _("No group"), "", False
            return names[pk], reverse("analytics:group_health", args=[pk]), True

        return self._list(head, groups, of, value)

    def _channel(self, code: str, kind: str) -> tuple[str, str, bool]:
        # Both ranges, so that the rise or fall is in the picture.
        days = {"from": self.scope.before.first.isoformat(), "to": self.scope.days.last.isoformat()}
        query = {"by": "channel", "kind": kind, "metric": "total", **days}
        if self.form.cleaned_data["branch"]:
            query["branch"] = self.form.cleaned_data["branch"]
        url = f"{reverse('analytics:activity')}?{urlencode(query)}"
        return (code, url, True) if code else (_("No channel"), url, False)

    def _list(
        self,
        head: Text,
        found: Explained[Any],
        of: Callable[[Any], tuple[str, str, bool]],
        value: Callable[[int], Any],
    ) -> MoveList:
        rows = []
        for part in found.parts:
            now, before, change = value(part.now), value(part.before), value(part.change)
            show = money_words if value is money else "{:,}".format
            sign = "+" if part.change > 0 else "−"
            css = "change-up" if part.change > 0 else "change-down"
            text = f"{sign}{show(abs(change))}"
            rows.append(MoveRow(*of(part.key), now, before, change, show(now), show(before), text, css))
        return MoveList(head, rows, found.share, found.left_out)
