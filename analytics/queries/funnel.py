"""How many members go through a series of steps, how long it takes them, and where they stop."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Any, Self
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.translation import gettext as _

from analytics import kernels_attempts as attempts
from analytics import kernels_funnel
from analytics.columns import Codes, Ints, Shard
from analytics.kernels_events import EXCLUSIONS, Lens, Split
from analytics.queries.adding import run_adding
from analytics.queries.base import (
    ATTRIBUTES,
    MOST_LISTED,
    NOTHING,
    EventSpec,
    Names,
    Source,
    Stored,
    Where,
    groups_of,
    kinds_of,
    lens_of,
    split_by,
)
from analytics.queries.fields import KNOWN, Fields
from analytics.queries.periods import Periods, Range, iso, millis, read_interval, read_range, read_week_start, touched
from analytics.queries.running import joined, run, selected

MOST_STEPS = 20
MOST_EXCLUSIONS = 20
DEFAULT_WINDOW = 14 * 86_400
LONGEST_WINDOW = 10 * 366 * 86_400
# The times of so many rows of a breakdown are looked at row by row; of more they are sorted by row and time as one
# number: the milliseconds of the longest window fit below this bit.
FEW_ROWS = 100
ROW = 40
# Where more are left out, the others' events are looked at quicker in columns of their own.
MOST_LEFT_OUT = 0.3
# Seconds: a minute, ten minutes, an hour, six hours, and 1, 3, 7, 14, 30 and 90 days.
TIME_EDGES = (60, 600, 3_600, 21_600, *(86_400 * days for days in (1, 3, 7, 14, 30, 90)))


class Order(StrEnum):
    ORDERED = "ordered"
    STRICT = "strict"
    UNORDERED = "unordered"


NO_PERIODS = np.zeros(0, np.int64)
NO_ROWS = np.zeros(0, np.int32)
NO_EXCLUSIONS = np.zeros((0, 2), np.int64)
MODES = {
    Order.ORDERED: attempts.ORDERED,
    Order.STRICT: attempts.STRICT,
    Order.UNORDERED: attempts.UNORDERED,
}


class Attribution(StrEnum):
    FIRST_TOUCH = "first_touch"
    LAST_TOUCH = "last_touch"
    STEP = "step"


TOUCHES = {
    Attribution.FIRST_TOUCH: attempts.FIRST_TOUCH,
    Attribution.LAST_TOUCH: attempts.LAST_TOUCH,
    Attribution.STEP: attempts.AT_STEP,
}


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Events that spoil an attempt when they fall between two of its steps (numbered from 1)."""

    event: EventSpec
    after_step: int
    before_step: int


@dataclass(frozen=True, slots=True)
class Breakdown:
    by: str
    attribution: Attribution
    step: int


@dataclass(frozen=True, slots=True)
class Series:
    """Entries by period of their first step: who reached `from_step`, and of those who reached `to_step`."""

    periods: Periods
    from_step: int
    to_step: int


@dataclass(frozen=True, slots=True)
class FunnelQuery:
    """A checked question. `window` is in seconds, counted from an attempt's first step, its end included."""

    zone: ZoneInfo
    range: Range
    window: int
    order: Order
    steps: tuple[EventSpec, ...]
    exclusions: tuple[Exclusion, ...]
    filter: Where
    breakdown: Breakdown | None
    series: Series | None
    conversions_after_range: bool
    list_members: bool

    @classmethod
    def read(cls, data: Any, *, zone: ZoneInfo, now: datetime) -> FunnelQuery:
        """Raises BadQuery with all that is wrong."""
        fields = Fields(data)
        fields.allow(KNOWN)
        zone = fields.zone("timezone", zone)
        span = read_range(fields, zone, now)
        steps = tuple(EventSpec.read(step) for step in fields.items("steps", MOST_STEPS))
        if not steps and not any(error.pointer.startswith("/steps") for error in fields.errors):
            fields.error("steps", "required", _("A funnel needs at least one step."))
        include = fields.texts("include", 1) or ()
        if set(include) - {"members"}:
            fields.error("include", "unknown_value", _("Expected one of: %(options)s.") % {"options": "members"})
        query = cls(
            zone=zone,
            range=span,
            window=fields.whole("window_seconds", DEFAULT_WINDOW, 1, LONGEST_WINDOW),
            order=Order(fields.choice("order", [order.value for order in Order], Order.ORDERED)),
            steps=steps,
            exclusions=tuple(_read_exclusion(item, len(steps)) for item in fields.items("exclusions", MOST_EXCLUSIONS)),
            filter=Where.read(fields.inner("filter")),
            breakdown=_read_breakdown(fields.inner("breakdown"), len(steps)) if fields.has("breakdown") else None,
            series=_read_series(fields, span, zone, len(steps)) if fields.has("series") else None,
            conversions_after_range=fields.flag("conversions_after_range"),
            list_members="members" in include,
        )
        fields.done()
        return query

    def compute(self, source: Source, names: Names, *, now: datetime) -> FunnelResult:
        split, labels = split_by(self.breakdown.by if self.breakdown else None, names)
        shards, walking = self._work(source, names, split)
        size = len(labels) if self.breakdown else 0
        parts = list(chain.from_iterable(run(shards, _Timing(walking, size))))
        whole, *each = self._figures(parts, size)
        result = FunnelResult(query=self, as_of=now, all=whole)
        if self.breakdown:
            rows = zip(labels, each, strict=True)
            result = replace(result, breakdown={label: figures for label, figures in rows if figures.counts[0]})
        if self.series:
            size = len(self.series.periods)
            result = replace(
                result,
                entered=sum((part.run.entered for part in parts), np.zeros(size, np.int64)).tolist(),
                converted=sum((part.run.converted for part in parts), np.zeros(size, np.int64)).tolist(),
            )
        if self.list_members:
            lists = [
                np.sort(joined([part.run.members[part.run.reached > k] for part in parts]))[:MOST_LISTED].tolist()
                for k in range(len(self.steps))
            ]
            result = replace(result, members=[list(names.members(ids)) for ids in lists])
        return result

    def counts(self, source: Source, names: Names) -> list[int]:
        """Members by step, where the time they took does not matter."""
        split, _labels = split_by(None, names)
        shards, walking = self._work(source, names, split)
        counts: Ints = sum(run_adding(shards, _Reaching(walking)), np.zeros(len(self.steps), np.int64))
        found: list[int] = counts.tolist()
        return found

    def people(
        self, source: Source, names: Names, *, step: int, lost: bool = False, value: str | None = None,
        period: int | None = None, within: int | None = None,
    ) -> Ints:  # fmt: skip
        """Members behind one number: those who reached `step` (from 1), or with `lost` those who went no further.

        `value` names one row of the breakdown, `period` one entry period of the series, `within` one bar of the times
        to the last step (an index into `Figures.times`).
        """
        asked = self
        if period is not None and self.series:
            asked = replace(self, series=replace(self.series, periods=_single(self.series.periods, period)))
        split, labels = split_by(self.breakdown.by if self.breakdown else None, names)
        row = None
        if value is not None and self.breakdown:
            row = labels.index(value) if value in labels else len(labels)
        found = []
        for part in asked._run(source, names, split, only_series=period is not None):
            keep = part.reached == step if lost else part.reached >= step
            if row is not None:
                keep &= part.rows == row
            if within is not None:
                is_through = part.reached == len(self.steps)
                is_through[is_through] = _bar_of(part.ways[0]) == within
                keep &= is_through
            found.append(part.members[keep])
        return joined(found)

    def _run(self, source: Source, names: Names, split: Split, *, only_series: bool = False) -> list[_Run]:
        return list(chain.from_iterable(run(*self._work(source, names, split, only_series=only_series))))

    def _work(
        self, source: Source, names: Names, split: Split, *, only_series: bool = False
    ) -> tuple[Sequence[Stored], _Walking]:
        specs = [*self.steps, *(exclusion.event for exclusion in self.exclusions)]
        is_strict = self.order is Order.STRICT
        start, end = self.range.start, self.range.end
        last = end + 1000 * self.window if self.conversions_after_range else end
        # In strict order every other event of a member ends an attempt, so all kinds are read.
        kinds = None if is_strict else kinds_of(specs, names)
        # Exclusions have their bits behind those of as many steps as there can be.
        steps = [*self.steps, *[NOTHING] * (EXCLUSIONS - len(self.steps))] if self.exclusions else self.steps
        lens = lens_of(
            [*steps, *(exclusion.event for exclusion in self.exclusions)],
            self.filter, names, since=start, until=last, everything=is_strict,
        )  # fmt: skip
        shards = source.shards(since=start, until=last, kinds=kinds, groups=groups_of(lens))
        edges, from_step, to_step = NO_PERIODS, 1, 1
        if self.series:
            edges, from_step, to_step = self.series.periods.edges, self.series.from_step, self.series.to_step
            if only_series:
                start, end = max(start, int(edges[0])), min(end, int(edges[-1]))
        return shards, _Walking(self, lens, split, start, end, edges, from_step, to_step)

    def _figures(self, runs: Sequence[_Timed], size: int) -> list[Figures]:
        """The figures of everybody, then of each of the `size` rows of the breakdown."""
        steps = len(self.steps)
        nobody = np.zeros((1 + size, len(TIME_EDGES) + 1), np.int64)
        counts = [sum((part.started for part in runs), nobody[:, 0]).tolist()]
        bars = sum((part.bars for part in runs), nobody).tolist()
        averages: list[list[float | None]] = [[None] * (1 + size)]
        medians: list[list[float | None]] = [[None] * (1 + size)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for many, average, median in pool.map(lambda k: _ways(runs, k, size), range(1, steps)):
                counts.append(many.tolist())
                averages.append(average)
                medians.append(median)
        columns = (zip(*by_step, strict=True) for by_step in (counts, averages, medians))
        return [
            Figures(list(got), list(average), list(median), times)
            for got, average, median, times in zip(*columns, bars, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Walking:
    """What each member of a shard reaches: one run or two, each of which says nothing of the members of the other."""

    query: FunnelQuery
    lens: Lens
    split: Split
    start: int
    end: int
    edges: Ints
    from_step: int
    to_step: int

    def __call__(self, shard: Shard) -> list[_Run]:
        query, breakdown = self.query, self.query.breakdown
        steps, window = len(query.steps), 1000 * query.window
        touch = TOUCHES[breakdown.attribution] if breakdown else attempts.NO_TOUCH
        touch_step = breakdown.step if breakdown else 1
        asked = (window, self.start, self.end, self.edges, self.from_step, self.to_step, self.split, touch, touch_step)
        if query.order is Order.ORDERED and not query.exclusions:
            lens = self.lens
            many_left_out = len(shard.skip) and np.count_nonzero(shard.skip) > MOST_LEFT_OUT * len(shard.skip)
            if many_left_out or any(len(table) for table in (shard.allow, lens.channels, lens.groups)):
                shard = selected(shard, lens)
            plain = kernels_funnel.plain_funnel(shard, lens, steps, *asked)
            runs, tied = [_Run.of(shard, *plain[:-1])], plain[-1]
            if tied.any():
                rest = shard._replace(skip=~tied).sealed()
                runs.append(self._general(rest, NO_EXCLUSIONS, asked))
            return runs
        exclusions = np.array([(e.after_step, e.before_step) for e in query.exclusions], np.int64).reshape(-1, 2)
        return [self._general(shard, exclusions, asked)]

    def _general(self, shard: Shard, exclusions: Ints, asked: Sequence[Any]) -> _Run:
        steps, order = len(self.query.steps), MODES[self.query.order]
        reached, times, rows, *entries = attempts.funnel(shard, self.lens, exclusions, steps, order, *asked)
        return _Run.of(shard, reached, *kernels_funnel.paces(reached, times, rows), rows, *entries)


@dataclass(frozen=True, slots=True)
class _Reaching:
    """How many members of a shard reach each step."""

    walking: _Walking

    def __call__(self, shard: Shard) -> Ints:
        steps = len(self.walking.query.steps)
        runs = self.walking(shard)
        exactly = sum((np.bincount(run.reached, minlength=steps + 1) for run in runs), np.zeros(steps + 1, np.int64))
        return np.cumsum(exactly[:0:-1])[::-1]


@dataclass(frozen=True, slots=True)
class _Run:
    """Members of one shard: steps reached and the row of the breakdown of each; entries by period; the ways between
    the steps and their rows, as `kernels_funnel.paces` says."""

    members: Ints
    reached: Codes
    ways: list[Ints]
    way_rows: list[Codes]
    rows: Codes
    entered: Ints
    converted: Ints

    @classmethod
    def of(
        cls, shard: Shard, reached: Codes, ways: Ints, way_rows: Codes, sizes: Ints, rows: Codes, *entries: Ints
    ) -> Self:
        size = sizes.tolist()
        return cls(
            shard.members,
            reached,
            [way[:many] for way, many in zip(ways, size, strict=True)],
            [row[:many] for row, many in zip(way_rows, size, strict=True)],
            rows,
            *entries,
        )


@dataclass(frozen=True, slots=True)
class _Timed:
    """A run, how many started, the bars of the times to the last step, and by step how many ways there are: each of
    everybody, then of the rows of the breakdown."""

    run: _Run
    started: Ints
    bars: Ints
    many: list[Ints]


@dataclass(frozen=True, slots=True)
class _Timing:
    """What is known of a shard by itself: here what was written last is still in the processor's cache, and several
    shards are at it at once."""

    walking: _Walking
    size: int

    def __call__(self, shard: Shard) -> list[_Timed]:
        return [self._timed(run) for run in self.walking(shard)]

    def _timed(self, run: _Run) -> _Timed:
        bar = _bar_of(run.ways[0])
        bars = np.zeros((1 + self.size, len(TIME_EDGES) + 1), np.int64)
        bars[0] = np.bincount(bar, minlength=len(TIME_EDGES) + 1)
        if self.size:
            # Who reached the last step has a row.
            np.add.at(bars, (1 + run.way_rows[0], bar), 1)
        started = self._tallied(int(np.count_nonzero(run.reached)), run.rows)
        rows_of_ways = run.way_rows if self.size else [NO_ROWS] * len(run.ways)
        many = [self._tallied(len(way), rows) for way, rows in zip(run.ways, rows_of_ways, strict=True)]
        return _Timed(run, started, bars, many)

    def _tallied(self, everybody: int, rows: Codes) -> Ints:
        tallied: Ints = kernels_funnel.tally(rows, self.size)
        tallied[0] = everybody
        return tallied


def _ways(runs: Sequence[_Timed], k: int, size: int) -> tuple[Ints, list[float | None], list[float | None]]:
    """Of everybody, then by row of the breakdown: how many got to step k (from 1), and the seconds since the step
    before, average and median."""
    many: Ints = sum((part.many[k] for part in runs), np.zeros(1 + size, np.int64))
    # Behind those of no row.
    ends = many[0] - many[1:].sum() + np.cumsum(many[1:])
    begins = ends - many[1:]
    if size > FEW_ROWS:
        ways = joined([part.run.ways[k] for part in runs])
        ways += np.concatenate([part.run.way_rows[k] for part in runs]).astype(np.int64) << ROW
        ways.sort()
        ways &= (1 << ROW) - 1
    elif size:
        ways, places = np.empty(many[0], np.int64), np.append(0, begins)
        for part in runs:
            kernels_funnel.put_in_rows(part.run.ways[k], part.run.way_rows[k], places, ways)
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            _set_middle(ways[begin:end])
    else:
        ways = joined([part.run.ways[k] for part in runs])
    average: list[float | None] = [None] * (1 + size)
    median: list[float | None] = [None] * (1 + size)
    some = np.flatnonzero(many[1:])
    if len(some):
        begin, end = begins[some], ends[some]
        means = np.add.reduceat(ways, begin) / many[1:][some] / 1000
        middles = (ways[(begin + end - 1) // 2] + ways[(begin + end) // 2]) / 2000
        for number, mean, middle in zip(some.tolist(), means.tolist(), middles.tolist(), strict=True):
            average[1 + number], median[1 + number] = mean, middle
    if len(ways):
        _set_middle(ways)
        average[0] = float(ways.sum() / len(ways) / 1000)
        median[0] = float(ways[(len(ways) - 1) // 2] + ways[len(ways) // 2]) / 2000
    return many, average, median


def _set_middle(ways: Ints) -> None:
    """Puts those that the median asks for into their places, in a fraction of the time of sorting. Of one place at a
    time NumPy finds it with vectors."""
    if not len(ways):
        return
    ways.partition(len(ways) // 2)
    if len(ways) % 2 == 0:
        lower = len(ways) // 2 - 1
        most = int(ways[: lower + 1].argmax())
        ways[[lower, most]] = ways[[most, lower]]


def _bar_of(ways: Ints) -> Ints:
    """Which bar of the histogram these ways from the first to the last step belong to."""
    return np.searchsorted(np.array(TIME_EDGES) * 1000, ways, side="right")


@dataclass(frozen=True, slots=True)
class Figures:
    """Members by step, and the seconds they took since the step before (none for the first, or when nobody did).

    `times` counts those who reached the last step by the seconds from the first step to it: below each of TIME_EDGES,
    and at last the slower ones.
    """

    counts: list[int]
    avg_seconds: list[float | None]
    median_seconds: list[float | None]
    times: list[int]

    def as_dict(self) -> dict[str, Any]:
        return {"counts": self.counts, "avg_seconds": self.avg_seconds, "median_seconds": self.median_seconds}


@dataclass(frozen=True, slots=True)
class FunnelResult:
    query: FunnelQuery
    as_of: datetime
    all: Figures
    breakdown: Mapping[str, Figures] | None = None
    entered: list[int] | None = None
    converted: list[int] | None = None
    members: list[list[str]] | None = None

    def as_dict(self) -> dict[str, Any]:
        zone = self.query.zone
        answer: dict[str, Any] = {
            "as_of": iso(millis(self.as_of), zone),
            "timezone": zone.key,
            "range": self.query.range.as_dict(zone),
            "window_seconds": self.query.window,
            "order": self.query.order.value,
            **self.all.as_dict(),
        }
        if self.breakdown is not None:
            answer["breakdown"] = {label: figures.as_dict() for label, figures in self.breakdown.items()}
        if self.query.series:
            answer["periods"] = self.query.series.periods.names()
            answer["series"] = {"entered": self.entered, "converted": self.converted}
        if self.members is not None:
            answer["members"] = self.members
        return answer


def _single(periods: Periods, index: int) -> Periods:
    bounds = periods.bounds(index)
    return Periods(periods.interval, periods.zone, np.array([bounds.start, bounds.end], np.int64))


def _read_exclusion(fields: Fields, steps: int) -> Exclusion:
    event = EventSpec.read(fields, more=("after_step", "before_step"))
    if event.kind is None:
        fields.error("kind", "required", _("This field is required."))
    after = fields.whole("after_step", 1, 1, max(steps, 1))
    before = fields.whole("before_step", max(steps, 1), 1, max(steps, 1))
    if after >= before:
        fields.error("before_step", "out_of_bounds", _("An exclusion lies between a step and a later one."))
    return Exclusion(event, after, before)


def _read_breakdown(fields: Fields, steps: int) -> Breakdown:
    fields.allow(frozenset({"by", "attribution", "step"}))
    attribution = fields.choice("attribution", [item.value for item in Attribution], Attribution.FIRST_TOUCH)
    step = fields.whole("step", 1, 1, max(steps, 1))
    return Breakdown(fields.choice("by", ATTRIBUTES), Attribution(attribution), step)


def _read_series(fields: Fields, span: Range, zone: ZoneInfo, steps: int) -> Series:
    inner = fields.inner("series")
    inner.allow(frozenset({"interval", "week_start", "from_step", "to_step"}))
    interval = read_interval(inner, "interval")
    week_start = read_week_start(inner if inner.has("week_start") else fields)
    from_step = inner.whole("from_step", 1, 1, max(steps, 1))
    to_step = inner.whole("to_step", max(steps, 1), 1, max(steps, 1))
    if to_step < from_step:
        inner.error("to_step", "out_of_bounds", _("A series leads from a step to the same or a later one."))
    return Series(touched(fields, span, interval, week_start, zone), from_step, to_step)
