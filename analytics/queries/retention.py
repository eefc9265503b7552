"""How many members of a cohort come back in the periods after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from analytics import kernels
from analytics.columns import Flags, Ints, Shard
from analytics.kernels_events import Lens
from analytics.queries.adding import run_adding
from analytics.queries.base import EventSpec, Names, Source, Stored, Where, flags_of, groups_of, kinds_of, lens_of
from analytics.queries.fields import KNOWN, Fields
from analytics.queries.periods import (
    Interval,
    Periods,
    counted,
    iso,
    millis,
    read_interval,
    read_range,
    read_week_start,
    touched,
)
from analytics.queries.running import joined, run

MOST_INTERVALS = 400


class Mode(StrEnum):
    RECURRING = "recurring"
    FIRST_TIME = "first_time"


class Measure(StrEnum):
    ON = "on"
    ON_OR_AFTER = "on_or_after"


@dataclass(frozen=True, slots=True)
class RetentionQuery:
    """A checked question. It runs over whole periods: `total_intervals` of them, from the one that holds the start."""

    zone: ZoneInfo
    periods: Periods
    mode: Mode
    measure: Measure
    start_event: EventSpec
    return_event: EventSpec
    filter: Where
    min_occurrences: int

    @classmethod
    def read(cls, data: Any, *, zone: ZoneInfo, now: datetime) -> RetentionQuery:
        """Raises BadQuery with all that is wrong."""
        fields = Fields(data)
        fields.allow(KNOWN)
        zone = fields.zone("timezone", zone)
        span = read_range(fields, zone, now)
        interval, week_start = read_interval(fields, "period", Interval.DAY), read_week_start(fields)
        if fields.has("total_intervals"):
            number = fields.whole("total_intervals", None, 1, MOST_INTERVALS)
            periods = counted(span.start, number, interval, week_start, zone)
        else:
            periods = touched(fields, span, interval, week_start, zone, most=MOST_INTERVALS)
        query = cls(
            zone=zone,
            periods=periods,
            mode=Mode(fields.choice("mode", [mode.value for mode in Mode], Mode.RECURRING)),
            measure=Measure(
                fields.choice(
                    "measure",
                    [measure.value for measure in Measure],
                    Measure.ON_OR_AFTER if fields.flag("cumulative") else Measure.ON,
                )
            ),
            start_event=EventSpec.read(fields.inner("start_event")),
            return_event=EventSpec.read(fields.inner("return_event")),
            filter=Where.read(fields.inner("filter")),
            min_occurrences=fields.whole("min_occurrences", 1, 1, 1_000_000),
        )
        fields.done()
        return query

    def compute(self, source: Source, names: Names, *, now: datetime) -> RetentionResult:
        lens = self._lens(names)
        squares = run_adding(self._shards(source, names, lens), _Retention(self, lens))
        square = sum(squares, np.zeros((len(self.periods),) * 2, np.int64))
        size = len(self.periods)
        return RetentionResult(self, now, [square[i, : size - i].tolist() for i in range(size)])

    def people(self, source: Source, names: Names, *, cohort: int, after: int) -> Ints:
        """Members behind cell (cohort, after) of the matrix, both counted from 0."""
        lens = self._lens(names)
        return joined(run(self._shards(source, names, lens), _Returned(self, lens, cohort, after)))

    def _shards(self, source: Source, names: Names, lens: Lens) -> Sequence[Stored]:
        return source.shards(
            since=self._since,
            until=self.periods.range.end,
            kinds=kinds_of([self.start_event, self.return_event], names),
            groups=groups_of(lens),
        )

    @property
    def _since(self) -> int | None:
        """Whether a start event is the first one ever is decided by all of history."""
        return None if self.mode is Mode.FIRST_TIME else self.periods.range.start

    def _lens(self, names: Names) -> Lens:
        specs = [self.start_event, self.return_event]
        return lens_of(specs, self.filter, names, since=self._since, until=self.periods.range.end)

    def kernel(self, shard: Shard, lens: Lens, probe: int, after: int, flags: Flags) -> Ints:
        matrix: Ints = kernels.retention(
            shard,
            lens,
            self.periods.edges,
            self.mode is Mode.FIRST_TIME,
            self.measure is Measure.ON_OR_AFTER,
            self.min_occurrences,
            probe,
            after,
            flags,
        )
        return matrix


@dataclass(frozen=True, slots=True)
class _Retention:
    query: RetentionQuery
    lens: Lens

    def __call__(self, shard: Shard) -> Ints:
        return self.query.kernel(shard, self.lens, -1, -1, flags_of(shard))


@dataclass(frozen=True, slots=True)
class _Returned:
    query: RetentionQuery
    lens: Lens
    cohort: int
    after: int

    def __call__(self, shard: Shard) -> Ints:
        flags = flags_of(shard)
        self.query.kernel(shard, self.lens, self.cohort, self.after, flags)
        return shard.members[flags]


@dataclass(frozen=True, slots=True)
class RetentionResult:
    """Row i is the cohort of period i: its size, then who returned 1, 2, ... periods later."""

    query: RetentionQuery
    as_of: datetime
    matrix: list[list[int]]

    def averages(self, known: list[bool]) -> list[float | None]:
        """Share of members who returned k periods later, over the cohorts for which that period is over (`known`)."""
        shares: list[float | None] = []
        for k in range(len(self.matrix)):
            rows = [row for i, row in enumerate(self.matrix) if k < len(row) and known[i + k]]
            size = sum(row[0] for row in rows)
            shares.append(sum(row[k] for row in rows) / size if size else None)
        return shares

    def as_dict(self) -> dict[str, Any]:
        query = self.query
        return {
            "as_of": iso(millis(self.as_of), query.zone),
            "timezone": query.zone.key,
            "range": query.periods.range.as_dict(query.zone),
            "period": query.periods.interval.value,
            "total_intervals": len(query.periods),
            "mode": query.mode.value,
            "measure": query.measure.value,
            "min_occurrences": query.min_occurrences,
            "periods": query.periods.names(),
            "matrix": self.matrix,
        }
