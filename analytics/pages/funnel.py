"""Do members convert?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from activity.models import EventKind
from analytics.definitions import ATTEMPT, FUNNEL
from analytics.forms import ANY, BREAKDOWNS
from analytics.funnel_form import STEP_CONDITIONS, FunnelForm
from analytics.pages.parts import (
    MOST_SERIES,
    Cell,
    Chart,
    Head,
    Table,
    number_cell,
    people_url,
    percent,
    period_cells,
    period_head,
    period_marks,
    share_of,
)
from analytics.pages.times import times_of
from analytics.queries.base import Names, Source
from analytics.queries.funnel import Figures, FunnelQuery, FunnelResult
from analytics.queries.periods import complete, local, midnight, millis
from analytics.sources import value_labels
from analytics.templatetags.reports import duration


@dataclass(frozen=True)
class Before:
    """The same funnel over the range of the same length just before."""

    counts: list[int]
    points: float | None

    @property
    def entered(self) -> int:
        return self.counts[0]

    @property
    def converted(self) -> int:
        return self.counts[-1]

    @property
    def rate(self) -> str:
        return percent(share_of(self.converted, self.entered))


@dataclass(frozen=True)
class FunnelPage:
    query: FunnelQuery
    entered: int
    converted: int
    entered_url: str
    converted_url: str
    ripe_until: datetime | None
    rate: str
    worst: str
    chart: Chart
    table: Table
    breakdown: Table | None
    left_out: int
    course: Chart
    course_table: Table
    definitions: list[Any]
    before: Before | None
    times: Chart | None
    times_table: Table | None


def funnel_page(form: FunnelForm, source: Source, names: Names, *, zone: ZoneInfo, now: datetime) -> FunnelPage:
    query = FunnelQuery.read(form.question(), zone=zone, now=now)
    result = query.compute(source, names, now=now)
    counts, steps = result.all.counts, step_names(form)
    shown, left_out = _largest(result)
    labels = value_labels(query.breakdown.by, shown) if query.breakdown else {}
    course, course_table = _course(form, result, now)
    times, times_table = (times_of(form, result.all.times) if len(counts) > 1 else None) or (None, None)
    before = _before(form, counts, source, names, zone, now)
    return FunnelPage(
        query=query,
        entered=counts[0],
        converted=counts[-1],
        entered_url=people_url(form, "funnel", reached=1),
        converted_url=people_url(form, "funnel", reached=len(counts)),
        ripe_until=_ripe_until(query, now),
        rate=percent(share_of(counts[-1], counts[0])),
        worst=_worst(counts, steps),
        chart=_chart(form, result, steps, shown, labels),
        table=_steps(form, result.all, steps, before),
        breakdown=_broken_down(form, result, steps, shown, labels) if query.breakdown else None,
        left_out=left_out,
        course=course,
        course_table=course_table,
        definitions=[FUNNEL[query.order.value], ATTEMPT],
        before=before,
        times=times,
        times_table=times_table,
    )


def _before(
    form: FunnelForm, counts: list[int], source: Source, names: Names, zone: ZoneInfo, now: datetime
) -> Before | None:
    """Nothing where there was no community yet when that range began: against half a range everything grows."""
    first = midnight(date.fromisoformat(form.before()["from"]), zone)
    if not form.selection().events().filter(at__lt=local(first, zone)).exists():
        return None
    question = form.question(range=form.before(), breakdown=None, series=None)
    then = FunnelQuery.read(question, zone=zone, now=now).counts(source, names)
    now_share, then_share = share_of(counts[-1], counts[0]), share_of(then[-1], then[0])
    if then_share is None:
        return None
    return Before(then, None if now_share is None else round(now_share - then_share, 1))


def _ripe_until(query: FunnelQuery, now: datetime) -> datetime | None:
    """Whoever entered after this still has time to convert; None where the range is over: nothing counts after it."""
    return local(millis(now) - 1000 * query.window, query.zone) if millis(now) < query.range.end else None


def step_names(form: FunnelForm) -> list[str]:
    labels = {kind.slug: str(kind.label) for kind in EventKind.objects.all()}
    words = {name: form.words_of(name) for name in STEP_CONDITIONS}
    names = []
    for kind, *values in zip(*(form.cleaned_data[name] for name in ("step", *STEP_CONDITIONS)), strict=True):
        name = _("Anything") if kind == ANY else labels.get(kind, kind)
        met = [words[of][value] for of, value in zip(STEP_CONDITIONS, values, strict=True) if value]
        names.append(" · ".join([name, *met]))
    # The second order is another step than the first, and has to look like one.
    return [f"{name} ({names[: k + 1].count(name)})" if name in names[:k] else name for k, name in enumerate(names)]


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def _steps(form: FunnelForm, figures: Figures, names: list[str], earlier: Before | None) -> Table:
    rows = []
    for k, name in enumerate(names):
        count, before = figures.counts[k], figures.counts[max(k - 1, 0)]
        lost = before - count
        rows.append(
            [
                Cell(k + 1, str(k + 1)),
                Cell(name, name, css="", name=True),
                number_cell(count, people_url(form, "funnel", reached=k + 1)),
                _share(count, figures.counts[0]),
                _share(count, before) if k else Cell(None, "–"),
                number_cell(lost, people_url(form, "funnel", reached=k, lost=1)) if k else Cell(None, "–"),
                *(Cell(_whole(of[k]), duration(of[k])) for of in (figures.avg_seconds, figures.median_seconds)),
            ]
        )
        if earlier:
            rows[-1].append(_share(earlier.counts[k], earlier.counts[0]))
    heads = [
        Head("#"),
        Head(_("Step"), number=False),
        Head(_("Members")),
        Head(_("Of the first"), file=_("Of the first, in percent")),
        Head(_("Of the one before"), file=_("Of the one before, in percent")),
        Head(_("Stopped before it")),
        Head(_("Average time"), file=_("Average time, in seconds")),
        Head(_("Median time"), file=_("Median time, in seconds")),
    ]
    if earlier:
        heads.append(Head(_("Of the first, before"), file=_("Of the first, in the range before, in percent")))
    return Table(_("Steps"), heads, rows)


def _share(part: int, whole: int) -> Cell:
    share = share_of(part, whole)
    return Cell(share, percent(share))


def _worst(counts: list[int], names: list[str]) -> str:
    """The step at which most members stop."""
    lost: list[int] = [before - after for before, after in pairwise(counts)]
    most = max(lost, default=0)
    return names[lost.index(most) + 1] if most else ""


def _largest(result: FunnelResult) -> tuple[list[str], int]:
    rows = result.breakdown or {}
    shown = sorted(rows, key=lambda value: (-rows[value].counts[0], value))
    return shown[:MOST_SERIES], max(0, len(shown) - MOST_SERIES)


def _chart(form: FunnelForm, result: FunnelResult, names: list[str], shown: list[str], labels: dict[str, str]) -> Chart:
    marks = [f"{k}. {name}" for k, name in enumerate(names, start=1)]
    if result.breakdown is None:
        chart = Chart("steps", _("Members by step"), marks)
        links = [people_url(form, "funnel", reached=k) for k in range(1, len(names) + 1)]
        chart.add(_("Members"), result.all.counts, links)
        return chart
    chart = Chart("steps", _("Share of those who entered, in percent"), marks, percent=True)
    for value in shown:
        counts = result.breakdown[value].counts
        links = [people_url(form, "funnel", reached=k, value=value) for k in range(1, len(names) + 1)]
        chart.add(labels[value], [share_of(count, counts[0]) for count in counts], links)
    return chart


def _broken_down(
    form: FunnelForm, result: FunnelResult, names: list[str], shown: list[str], labels: dict[str, str]
) -> Table:
    assert result.breakdown is not None
    rows = []
    for value in shown:
        counts = result.breakdown[value].counts
        cells = [
            number_cell(count, people_url(form, "funnel", reached=k, value=value))
            for k, count in enumerate(counts, start=1)
        ]
        rows.append(
            [Cell(labels[value], labels[value], css="", name=bool(value)), *cells, _share(counts[-1], counts[0])]
        )
    heads = [
        Head(dict(BREAKDOWNS)[form.cleaned_data["by"]], number=False),
        *(Head(name, name=True) for name in names),
        Head(_("Conversion"), file=_("Converted, in percent")),
    ]
    return Table(_("Breakdown"), heads, rows)


def _course(form: FunnelForm, result: FunnelResult, now: datetime) -> tuple[Chart, Table]:
    series = result.query.series
    assert series is not None
    assert result.entered is not None
    assert result.converted is not None
    last = len(result.query.steps)
    shares = [share_of(done, begun) for begun, done in zip(result.entered, result.converted, strict=True)]
    links = [people_url(form, "funnel", reached=last, period=i) for i in range(len(shares))]
    known = complete(series.periods, now, span=result.query.range, wait=1000 * result.query.window)
    chart = Chart("line", _("Converted by entry period, in percent"), period_marks(series.periods), percent=True)
    chart.leave_open(
        known,
        _("Dotted: who entered then had less than the whole time to convert, or it lies in the range only in part."),
    )
    chart.add(_("Converted"), shares, links, style="area")
    rows = [
        [
            first,
            number_cell(begun, people_url(form, "funnel", reached=1, period=i)),
            number_cell(done, links[i]),
            Cell(shares[i], percent(shares[i])),
        ]
        for i, (first, begun, done) in enumerate(
            zip(period_cells(series.periods, known), result.entered, result.converted, strict=True)
        )
    ]
    heads = [
        Head(period_head(series.periods.interval), number=False),
        Head(_("Entered")),
        Head(_("Converted")),
        Head(_("Conversion"), file=_("Converted, in percent")),
    ]
    return chart, Table(_("By entry period"), heads, rows, newest_first=True)
