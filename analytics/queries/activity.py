"""How much happens, by how many, and who is new, stays, comes back or goes quiet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.translation import gettext as _

from analytics import kernels
from analytics.columns import Codes, Columns, Flags, Ints
from analytics.queries.base import ATTRIBUTES, EventSpec, Names, Source, Where, chosen, coded, kinds_of, member_flags
from analytics.queries.fields import KNOWN, Fields
from analytics.queries.periods import (
    Interval,
    Periods,
    Range,
    iso,
    millis,
    read_interval,
    read_range,
    read_week_start,
    touched,
    with_history,
)

LONGEST_WINDOW_DAYS = 400
STATES = {
    "new": kernels.NEW,
    "returning": kernels.RETURNING,
    "resurrecting": kernels.RESURRECTING,
    "dormant": kernels.DORMANT,
}


class Metric(StrEnum):
    TOTAL = "total"
    UNIQUE = "unique"
    ROLLING_UNIQUE = "rolling_unique"
    LIFECYCLE = "lifecycle"
    STICKINESS = "stickiness"


WITH_BREAKDOWN = (Metric.TOTAL, Metric.UNIQUE, Metric.ROLLING_UNIQUE)


@dataclass(frozen=True, slots=True)
class ActivityQuery:
    """A checked question. `periods` are all that the range touches, with as many before them as the metric looks back.

    `span` is the rolling window in periods. A lifecycle compares whole periods, so it reads them whole; every other
    metric counts events of the range only.
    """

    zone: ZoneInfo
    metric: Metric
    range: Range
    periods: Periods
    span: int
    event: EventSpec
    filter: Where
    by: str | None
    cumulative: bool

    @classmethod
    def read(cls, data: Any, *, zone: ZoneInfo, now: datetime) -> ActivityQuery:
        """Raises BadQuery with all that is wrong."""
        fields = Fields(data)
        fields.allow(KNOWN)
        zone = fields.zone("timezone", zone)
        metric = Metric(fields.choice("metric", [metric.value for metric in Metric]))
        interval, week_start = read_interval(fields, "interval", Interval.DAY), read_week_start(fields)
        window_days = fields.whole("window_days", 7, 1, LONGEST_WINDOW_DAYS)
        span = read_range(fields, zone, now)
        periods = touched(fields, span, interval, week_start, zone)
        width = 0
        if metric is Metric.ROLLING_UNIQUE and interval in (Interval.HOUR, Interval.DAY):
            width = window_days * (24 if interval is Interval.HOUR else 1)
            periods = with_history(periods, width - 1, week_start)
        elif metric is Metric.LIFECYCLE:
            periods = with_history(periods, 1, week_start)
            span = periods.range
        by = None
        if fields.has("breakdown"):
            inner = fields.inner("breakdown")
            inner.allow(frozenset({"by"}))
            by = inner.choice("by", ATTRIBUTES)
            if metric not in WITH_BREAKDOWN:
                fields.error("breakdown", "not_offered", _("This figure cannot be broken down. Use a filter."))
        cumulative = fields.flag("cumulative")
        if cumulative and metric not in (Metric.TOTAL, Metric.UNIQUE, Metric.STICKINESS):
            fields.error("cumulative", "not_offered", _("This figure cannot be added up over time."))
        query = cls(
            zone=zone,
            metric=metric,
            range=span,
            periods=periods,
            span=width,
            event=EventSpec.read(fields.inner("event")),
            filter=Where.read(fields.inner("filter")),
            by=by,
            cumulative=cumulative,
        )
        fields.done()
        return query

    def compute(self, source: Source, names: Names, *, now: datetime) -> ActivityResult:
        columns = self._read(source, names)
        result = ActivityResult(self, now, self._figures(columns))
        if self.by:
            codes, labels = coded(columns, self.by, names)
            rows = {labels[c]: self._figures(columns.take(codes == c)) for c in np.unique(codes).tolist()}
            result = replace(result, breakdown=rows)
        return result

    def people(
        self, source: Source, names: Names, *, period: int | None = None, state: str = "new", value: str | None = None
    ) -> Ints:
        """Members behind one number.

        `period` counts from 0; without one the whole range is meant. For stickiness it is the number of active periods.
        `state` names a row of the lifecycle, `value` a row of the breakdown.
        """
        columns = self._read(source, names)
        if value is not None and self.by:
            codes, labels = coded(columns, self.by, names)
            columns = columns.take(codes == labels.index(value) if value in labels else np.zeros(len(codes), np.bool_))
        number, size = self.periods.number(columns.at), len(self.periods)
        flags = member_flags(columns)
        if self.metric is Metric.STICKINESS:
            active = kernels.active_periods(columns.offsets, number, size)
            exact = active == period if period and not self.cumulative else active >= (period or 1)
            return chosen(columns, exact)
        if self.metric is Metric.LIFECYCLE:
            states = np.zeros(len(columns.members), np.int32)
            kernels.lifecycle(columns.offsets, number, size, -9 if period is None else period, states)
            return chosen(columns, states == STATES[state])
        if self.span:
            kernels.rolling(columns.offsets, number, size, self.span, size - 1 if period is None else period, flags)
        elif self.cumulative:
            kernels.rolling(columns.offsets, number, size, size, size - 1 if period is None else period, flags)
        elif period is None:
            flags = np.diff(columns.offsets) > 0
        else:
            kernels.unique(columns.offsets, number, size, period, flags)
        return chosen(columns, flags)

    def _read(self, source: Source, names: Names) -> Columns:
        since: int | None = self.range.start
        if self.metric is Metric.LIFECYCLE:
            since = None  # who is new is decided by the first event ever
        elif self.span:
            since = int(self.periods.edges[0])
        columns = source.read(since=since, until=self.range.end, kinds=kinds_of([self.event], names))
        return columns.take(self.filter.met(columns, names) & self.event.matches(columns, names))

    def _figures(self, columns: Columns) -> Figures:
        number, size = self.periods.number(columns.at), len(self.periods)
        nobody: Flags = member_flags(columns)
        if self.metric is Metric.LIFECYCLE:
            states: Codes = np.zeros(len(columns.members), np.int32)
            counts = kernels.lifecycle(columns.offsets, number, size, -9, states)
            rows = {state: counts[code - 1].tolist() for state, code in STATES.items()}
            return {**rows, "dormant": [-count for count in rows["dormant"]]}
        if self.metric is Metric.STICKINESS:
            active = kernels.active_periods(columns.offsets, number, size)
            exact = np.bincount(active, minlength=size + 1)[1:]
            data = np.cumsum(exact[::-1])[::-1] if self.cumulative else exact
            return {"data": data.tolist(), "members": int(exact.sum())}
        if self.metric is Metric.TOTAL:
            each = np.bincount(number, minlength=size)
            return {"data": (np.cumsum(each) if self.cumulative else each).tolist(), "sum": len(columns)}
        if self.span:
            data = kernels.rolling(columns.offsets, number, size, self.span, -1, nobody)
            return {"data": data.tolist(), "at_end": int(data[-1])}
        if self.cumulative:
            data = kernels.rolling(columns.offsets, number, size, size, -1, nobody)
        else:
            data = kernels.unique(columns.offsets, number, size, -1, nobody)
        if self.metric is Metric.ROLLING_UNIQUE:
            return {"data": data.tolist(), "at_end": int(data[-1])}
        return {"data": data.tolist(), "overall": int((np.diff(columns.offsets) > 0).sum())}


# One row of numbers for each period under "data" (or the four states of a lifecycle), and a figure for the whole range.
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ActivityResult:
    query: ActivityQuery
    as_of: datetime
    all: Figures
    breakdown: Mapping[str, Figures] | None = None

    def as_dict(self) -> dict[str, Any]:
        query = self.query
        answer = {
            "as_of": iso(millis(self.as_of), query.zone),
            "timezone": query.zone.key,
            "range": query.range.as_dict(query.zone),
            "metric": query.metric.value,
            "interval": query.periods.interval.value,
            "periods": query.periods.names(),
            **self.all,
        }
        if self.breakdown is not None:
            answer["breakdown"] = dict(self.breakdown)
        return answer
