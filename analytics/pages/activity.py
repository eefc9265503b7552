"""Is the community alive?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.translation import gettext as _

from analytics.definitions import FIGURES, METRICS
from analytics.forms import METRICS as METRIC_LABELS
from analytics.forms import ActivityForm
from analytics.pages.parts import (
    DASH,
    MOST_SERIES,
    RUNNING,
    Cell,
    Chart,
    Figure,
    Head,
    Table,
    number_cell,
    people_url,
    period_cells,
    period_head,
    period_marks,
)
from analytics.queries.activity import ActivityQuery, ActivityResult, Metric
from analytics.queries.base import Names, Source
from analytics.queries.periods import Periods, complete, local
from analytics.queries.together import computed
from analytics.sources import Held, value_labels

# What a whole range says under each of the two metrics.
SUMS = ("overall", "sum")


@dataclass(frozen=True)
class ActivityPage:
    query: ActivityQuery
    figures: list[Figure]
    chart: Chart
    table: Table
    definitions: list[Any]
    metric_label: Any
    active: int
    left_out: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.active and not any(any(series["data"]) for series in self.chart.series)


def activity_page(form: ActivityForm, source: Source, names: Names, *, zone: ZoneInfo, now: datetime) -> ActivityPage:
    """Raises BadQuery, when the range holds too many periods."""
    query = ActivityQuery.read(form.question(), zone=zone, now=now)
    # All questions of the page are about the same events: they are read once.
    held = Held(source.shards(since=None, until=query.range.end, kinds=None))
    before = ActivityQuery.read(form.question(range=form.before()), zone=zone, now=now)
    known = _reaches_back(form, before)
    course = [] if query.by else [query, before] if known else [query]
    figures = _Figures.of(form, zone, now, known=known)
    found = computed([*figures.queries, *course], held, names, now=now)
    shown = figures.shown(form, found)
    left_out = 0
    if query.by:
        chart, table, left_out = _broken_down(form, query.compute(held, names, now=now), now)
    else:
        result, *earlier = found[len(figures.queries) :]
        chart, table = _course(form, result, earlier[0] if earlier else None, now)
    return ActivityPage(
        query=query,
        figures=shown,
        chart=chart,
        table=table,
        definitions=[METRICS[query.metric.value]],
        metric_label=dict(METRIC_LABELS)[query.metric.value],
        active=shown[0].value,
        left_out=left_out,
    )


def whole_range(query: ActivityQuery, before: ActivityQuery) -> ActivityQuery:
    """The lifecycle of the whole range, taken as one period, against the range before."""
    edges = np.array([before.range.start, query.range.start, query.range.end], np.int64)
    return replace(
        query,
        metric=Metric.LIFECYCLE,
        range=replace(query.range),
        periods=Periods(query.periods.interval, query.zone, edges, before=1),
        span=0,
        by=None,
    )


def whole_range_of(form: ActivityForm, zone: ZoneInfo, now: datetime) -> ActivityQuery:
    def asked(days: dict[str, str]) -> ActivityQuery:
        question = form.question(metric="unique", interval="month", range=days, breakdown=None)
        return ActivityQuery.read(question, zone=zone, now=now)

    return whole_range(asked(form.range()), asked(form.before()))


def _reaches_back(form: ActivityForm, query: ActivityQuery) -> bool:
    """Whether there were events when the range before began: against half a range everything looks like growth."""
    return form.selection().events().filter(at__lte=local(query.range.start, query.zone)).exists()


@dataclass(frozen=True)
class _Figures:
    """The questions behind the figures of the range: its lifecycle, who did it and how often; the last two of the range
    before as well, where that is known."""

    queries: list[ActivityQuery]

    @classmethod
    def of(cls, form: ActivityForm, zone: ZoneInfo, now: datetime, *, known: bool) -> Self:
        def one(metric: str, days: dict[str, str]) -> ActivityQuery:
            question = form.question(metric=metric, interval="month", range=days, breakdown=None)
            return ActivityQuery.read(question, zone=zone, now=now)

        ranges = [form.range(), form.before()] if known else [form.range()]
        counts = [one(metric, days) for days in ranges for metric in ("unique", "total")]
        return cls([whole_range_of(form, zone, now), *counts])

    def shown(self, form: ActivityForm, found: Sequence[ActivityResult]) -> list[Figure]:
        states, *counts = (result.all for result in found[: len(self.queries)])
        active, events = ([counts[n][name] for n in range(place, len(counts), 2)] for place, name in enumerate(SUMS))
        everybody, everything = (people_url(form, "activity", figure=name) for name in ("active", "events"))
        return [
            Figure(_("Active members"), active[0], FIGURES["active"], everybody, *active[1:]),
            Figure(_("New members"), states["new"][0], FIGURES["new"], people_url(form, "activity", figure="new")),
            Figure(
                _("Gone quiet"), -states["dormant"][0], FIGURES["quiet"], people_url(form, "activity", figure="quiet")
            ),
            Figure(_("Events"), events[0], FIGURES["events"], everything, *events[1:]),
        ]


def _links(form: ActivityForm, count: int, **pointer: Any) -> list[str]:
    return [people_url(form, "activity", period=i, **pointer) for i in range(count)]


def _course(
    form: ActivityForm, result: ActivityResult, before: ActivityResult | None, now: datetime
) -> tuple[Chart, Table]:
    periods, label = result.query.periods, dict(METRIC_LABELS)[result.query.metric.value]
    data, links = result.all["data"], _links(form, len(periods))
    known = complete(periods, now, span=result.query.range)
    chart = Chart("line", str(label), period_marks(periods))
    chart.leave_open(known, RUNNING)
    chart.add(label, data, links, style="area")
    heads = [Head(period_head(periods.interval), number=False), Head(label)]
    rows = [
        [first, number_cell(value, url)]
        for first, value, url in zip(period_cells(periods, known), data, links, strict=True)
    ]
    if before:
        earlier = [*before.all["data"], *[None] * len(data)][: len(data)]
        chart.add(_("The range before"), earlier, style="dashed")
        heads.append(Head(_("The range before")))
        for row, past in zip(rows, earlier, strict=True):
            row.append(number_cell(past) if past is not None else Cell(None, DASH))
    return chart, Table(label, heads, rows, newest_first=True)


def _broken_down(form: ActivityForm, result: ActivityResult, now: datetime) -> tuple[Chart, Table, int]:
    assert result.breakdown is not None
    assert result.query.by
    periods, label = result.query.periods, dict(METRIC_LABELS)[result.query.metric.value]
    whole = {Metric.TOTAL: "sum", Metric.UNIQUE: "overall"}.get(result.query.metric, "at_end")
    size: dict[str, int] = {value: figures[whole] for value, figures in result.breakdown.items()}
    largest = sorted(size, key=lambda value: (-size[value], value))[:MOST_SERIES]
    labels = value_labels(result.query.by, largest)
    known = complete(periods, now, span=result.query.range)
    chart = Chart("line", str(label), period_marks(periods))
    chart.leave_open(known, RUNNING)
    columns = []
    for value in largest:
        data, links = result.breakdown[value]["data"], _links(form, len(periods), value=value)
        chart.add(labels[value], data, links)
        columns.append([number_cell(count, url) for count, url in zip(data, links, strict=True)])
    rows = list(zip(period_cells(periods, known), *columns, strict=True))
    heads = [Head(period_head(periods.interval), number=False), *(Head(labels[value], name=True) for value in largest)]
    return chart, Table(label, heads, rows, newest_first=True), len(size) - len(largest)
