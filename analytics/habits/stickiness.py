"""How much of a habit the community is: in how many periods members were active."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from analytics.definitions import METRICS, STICKINESS
from analytics.habits.forms import StickinessForm
from analytics.habits.lifecycle import days_back, reaches_back
from analytics.pages.parts import Cell, Chart, Head, Table, Text, number_cell, people_url, percent, share_of
from analytics.queries.activity import ActivityQuery
from analytics.queries.base import Names, Source
from analytics.queries.together import computed


@dataclass(frozen=True)
class Share:
    """A share of the active members; `change` in points against the range before, where that is known."""

    key: str
    label: Text
    count: int
    share: float | None
    before: float | None
    url: str

    @property
    def text(self) -> str:
        return percent(self.share)

    @property
    def change(self) -> float | None:
        return round(self.share - self.before, 1) if self.share is not None and self.before is not None else None

    @property
    def definition(self) -> Text:
        return STICKINESS[self.key]


@dataclass(frozen=True)
class StickinessPage:
    active: int
    active_before: int | None
    active_url: str
    shares: list[Share]
    chart: Chart
    table: Table
    definitions: list[Any]

    @property
    def is_empty(self) -> bool:
        return not self.active


def stickiness_page(
    form: StickinessForm, source: Source, names: Names, *, zone: ZoneInfo, now: datetime
) -> StickinessPage:
    """Raises BadQuery, when the range holds too many periods."""

    def at_least(ranges: int) -> ActivityQuery:
        first, last = days_back(form, ranges)
        question = form.question(range={"from": first.isoformat(), "to": last.isoformat()}) | {"cumulative": True}
        return ActivityQuery.read(question, zone=zone, now=now)

    asked = [at_least(ranges) for ranges in ((0, 1) if reaches_back(form, 1) else (0,))]
    now_least, *before = (result.all["data"] for result in computed(asked, source, names, now=now))
    before_least: list[int] | None = before[0] if before else None
    size, half = len(now_least), (len(now_least) + 1) // 2
    active, active_before = now_least[0], before_least[0] if before_least else None

    def share(key: str, label: Text, periods: int, reach: str) -> Share:
        count = _count(now_least, periods, reach)
        before = share_of(_count(before_least, periods, reach), before_least[0]) if before_least else None
        return Share(key, label, count, share_of(count, active), before, _link(form, periods, 0, reach))

    shares = [share("once", _("In one period only"), 1, "exactly")]
    if size > 1:
        shares.append(share("half", _("In half of the periods or more"), half, "least"))
        shares.append(share("all", _("In every period"), size, "least"))
    chart, table = _distribution(form, now_least, before_least)
    reach = STICKINESS["least" if form.cleaned_data["reach"] == "least" else "exactly"]
    url = _link(form, 1, 0, "least")
    return StickinessPage(active, active_before, url, shares, chart, table, [METRICS["stickiness"], reach])


def _count(at_least: list[int], periods: int, reach: str) -> int:
    """Members active in exactly, or at least, so many periods. A range before may touch one period fewer."""
    padded = [*at_least, 0, 0]
    if periods > len(at_least):
        return 0
    return padded[periods - 1] - (padded[periods] if reach == "exactly" else 0)


def _link(form: StickinessForm, periods: int, ranges: int, reach: str) -> str:
    first, last = days_back(form, ranges)
    days = {"from": first.isoformat(), "to": last.isoformat()}
    return people_url(form, "stickiness", period=periods, reach=reach, **days)


def _distribution(form: StickinessForm, now_least: list[int], before_least: list[int] | None) -> tuple[Chart, Table]:
    reach, size = form.cleaned_data["reach"], len(now_least)
    places = range(1, size + 1)
    chart = Chart("bar", _("Stickiness"), [str(k) for k in places])
    counts = [_count(now_least, k, reach) for k in places]
    links = [_link(form, k, 0, reach) for k in places]
    chart.add(_("Members"), counts, links)
    heads = [Head(_("Active periods")), Head(_("Members")), Head(_("Share of members"), file=_("Share, in percent"))]
    rows = [
        [Cell(k, f"≥ {k}" if reach == "least" else str(k)), number_cell(count, url), _share_cell(count, now_least[0])]
        for k, count, url in zip(places, counts, links, strict=True)
    ]
    if before_least:
        past = [_count(before_least, k, reach) for k in places]
        links = [_link(form, k, 1, reach) for k in places]
        chart.add(_("The range before"), past, links, colour=3)
        heads += [
            Head(_("The range before")),
            Head(_("Share, the range before"), file=_("Share, the range before, in percent")),
        ]
        for row, count, url in zip(rows, past, links, strict=True):
            row += [number_cell(count, url), _share_cell(count, before_least[0])]
    return chart, Table(_("Stickiness"), heads, rows)


def _share_cell(count: int, whole: int) -> Cell:
    return Cell(share_of(count, whole), percent(share_of(count, whole)))
