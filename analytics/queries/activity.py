"""How much happens, by how many, and who is new, stays, comes back or goes quiet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.translation import gettext as _

from analytics import kernels
from analytics.columns import Ints, Shard
from analytics.kernels_events import Lens, Split
from analytics.queries.adding import run_adding
from analytics.queries.base import (
    ATTRIBUTES,
    EventSpec,
    Names,
    Source,
    Stored,
    Where,
    flags_of,
    groups_of,
    kinds_of,
    lens_of,
    split_by,
)
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
from analytics.queries.running import joined, run

LONGEST_WINDOW_DAYS = 400
NO_PERIOD = -9
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
        lens = self._lens(names, self.filter)
        shards = self._shards(source, names, lens)
        if self.by is None:
            whole, _labels = split_by(None, names)
            return ActivityResult(self, now, self._figures(shards, lens, whole)[0][0])
        split, labels = split_by(self.by, names)
        figures, events = self._figures(shards, lens, split)
        rows = {label: row for label, row, n in zip(labels, figures, events, strict=True) if n}
        if self.metric is Metric.TOTAL:
            # Each event is in one row of the breakdown; a member may be in several.
            data = np.sum([row["data"] for row in figures], axis=0).tolist()
            return ActivityResult(self, now, {"data": data, "sum": sum(events)}, rows)
        whole, _labels = split_by(None, names)
        return ActivityResult(self, now, self._figures(shards, lens, whole)[0][0], rows)

    def people(
        self, source: Source, names: Names, *, period: int | None = None, state: str = "new", value: str | None = None
    ) -> Ints:
        """Members behind one number.

        `period` counts from 0; without one the whole range is meant. For stickiness it is the number of active periods.
        `state` names a row of the lifecycle, `value` a row of the breakdown.
        """
        where = self.filter if value is None or self.by is None else self.filter.narrowed(self.by, value)
        lens = self._lens(names, where)
        return joined(run(self._shards(source, names, lens), _Behind(self, lens, period, STATES[state])))

    @property
    def _since(self) -> int | None:
        if self.metric is Metric.LIFECYCLE:
            return None  # who is new is decided by the first event ever
        return int(self.periods.edges[0]) if self.span else self.range.start

    def _shards(self, source: Source, names: Names, lens: Lens) -> Sequence[Stored]:
        kinds = kinds_of([self.event], names)
        return source.shards(since=self._since, until=self.range.end, kinds=kinds, groups=groups_of(lens))

    def _lens(self, names: Names, where: Where) -> Lens:
        return lens_of([self.event], where, names, since=self._since, until=self.range.end)

    def _figures(self, shards: Sequence[Stored], lens: Lens, split: Split) -> tuple[list[Figures], list[int]]:
        """The figures of each row of the breakdown, and how many events (or members) each row has."""
        size = len(self.periods)
        counted = run_adding(shards, _Counting(self, lens, split))
        if self.metric is Metric.LIFECYCLE:
            counts = sum(counted, np.zeros((4, size), np.int64))
            states = {state: counts[code - 1].tolist() for state, code in STATES.items()}
            return [{**states, "dormant": [-count for count in states["dormant"]]}], [1]
        if self.metric is Metric.STICKINESS:
            exact = sum(counted, np.zeros(size + 1, np.int64))[1:]
            data = np.cumsum(exact[::-1])[::-1] if self.cumulative else exact
            return [{"data": data.tolist(), "members": int(exact.sum())}], [1]
        data = sum((data for data, _whole in counted), np.zeros((split.size, size), np.int64))
        whole = sum((whole for _data, whole in counted), np.zeros(split.size, np.int64))
        if self.metric is Metric.TOTAL and self.cumulative:
            data = np.cumsum(data, axis=1)
        total = {Metric.TOTAL: "sum", Metric.UNIQUE: "overall"}.get(self.metric, "at_end")
        ends = whole if total != "at_end" else data[:, -1]
        figures = [{"data": row, total: end} for row, end in zip(data.tolist(), ends.tolist(), strict=True)]
        events: list[int] = whole.tolist()
        return figures, events


@dataclass(frozen=True, slots=True)
class _Counting:
    """The numbers of one shard; those of all shards add up."""

    query: ActivityQuery
    lens: Lens
    split: Split

    def __call__(self, shard: Shard) -> Any:
        query, lens, split = self.query, self.lens, self.split
        edges, before, nobody = query.periods.edges, query.periods.before, flags_of(shard)
        if query.metric is Metric.LIFECYCLE:
            states = np.zeros(len(shard.members), np.int32)
            return kernels.lifecycle(shard, lens, edges, before, NO_PERIOD, states)
        if query.metric is Metric.STICKINESS:
            return np.bincount(kernels.active_periods(shard, lens, edges), minlength=len(query.periods) + 1)
        if query.metric is Metric.TOTAL:
            return kernels.total(shard, lens, edges, split)
        if query.span:
            return kernels.rolling(shard, lens, edges, before, query.span, split, NO_PERIOD, nobody)
        if not query.cumulative:
            return kernels.unique(shard, lens, edges, split, len(query.periods), nobody)
        data, _events = kernels.rolling(shard, lens, edges, 0, len(query.periods), split, NO_PERIOD, nobody)
        return data, kernels.unique(shard, lens, edges, split, len(query.periods), nobody)[1]


@dataclass(frozen=True, slots=True)
class _Behind:
    """The members of one shard behind a number."""

    query: ActivityQuery
    lens: Lens
    period: int | None
    state: int

    def __call__(self, shard: Shard) -> Ints:
        query, lens, period = self.query, self.lens, self.period
        edges, before, size = query.periods.edges, query.periods.before, len(query.periods)
        split, flags = Split(False, np.zeros(0, np.int32), 1), flags_of(shard)
        if query.metric is Metric.STICKINESS:
            active = kernels.active_periods(shard, lens, edges)
            flags = active == period if period and not query.cumulative else active >= (period or 1)
        elif query.metric is Metric.LIFECYCLE:
            states = np.zeros(len(shard.members), np.int32)
            kernels.lifecycle(shard, lens, edges, before, NO_PERIOD if period is None else period, states)
            flags = states == self.state
        elif query.span or query.cumulative:
            point = size - 1 if period is None else period
            kernels.rolling(shard, lens, edges, before, query.span or size, split, point, flags)
        else:
            kernels.unique(shard, lens, edges, split, -1 if period is None else period, flags)
        return shard.members[flags]


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
