"""How many members go through a series of steps, how long it takes them, and where they stop."""

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
from analytics.queries.base import ATTRIBUTES, MOST_LISTED, EventSpec, Names, Source, Where, coded, kinds_of
from analytics.queries.fields import KNOWN, Fields
from analytics.queries.periods import Periods, Range, iso, millis, read_interval, read_range, read_week_start, touched

MOST_STEPS = 20
MOST_EXCLUSIONS = 20
DEFAULT_WINDOW = 14 * 86_400
LONGEST_WINDOW = 10 * 366 * 86_400


class Order(StrEnum):
    ORDERED = "ordered"
    STRICT = "strict"
    UNORDERED = "unordered"


MODES = {Order.ORDERED: kernels.ORDERED, Order.STRICT: kernels.STRICT, Order.UNORDERED: kernels.UNORDERED}


class Attribution(StrEnum):
    FIRST_TOUCH = "first_touch"
    LAST_TOUCH = "last_touch"
    STEP = "step"


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
        run = self._run(source, names)
        reached = run.reached
        result = FunnelResult(query=self, as_of=now, all=self._figures(run, np.ones(len(reached), np.bool_)))
        if self.breakdown:
            result = replace(result, breakdown=self._broken_down(run, names, self.breakdown))
        if self.series:
            result = replace(result, entered=run.entered.tolist(), converted=run.converted.tolist())
        if self.list_members:
            lists = [np.sort(run.columns.members[reached > k])[:MOST_LISTED].tolist() for k in range(len(self.steps))]
            result = replace(result, members=[list(names.members(ids)) for ids in lists])
        return result

    def people(
        self, source: Source, names: Names, *, step: int, lost: bool = False, value: str | None = None,
        period: int | None = None,
    ) -> Ints:  # fmt: skip
        """Members behind one number: those who reached `step` (from 1), or with `lost` those who went no further.

        `value` names one row of the breakdown, `period` one entry period of the series.
        """
        asked = self
        if period is not None and self.series:
            asked = replace(self, series=replace(self.series, periods=_single(self.series.periods, period)))
        run = asked._run(source, names, only_series=period is not None)
        keep = run.reached == step if lost else run.reached >= step
        if value is not None and self.breakdown:
            codes, labels = asked._buckets(run, names, self.breakdown)
            keep &= (codes == labels.index(value)) if value in labels else False
        return run.columns.members[keep]

    def _run(self, source: Source, names: Names, *, only_series: bool = False) -> _Run:
        specs = [*self.steps, *(exclusion.event for exclusion in self.exclusions)]
        # In strict order every other event of a member ends an attempt, so all kinds are read.
        kinds = None if self.order is Order.STRICT else kinds_of(specs, names)
        start, end = self.range.start, self.range.end
        last = end + 1000 * self.window if self.conversions_after_range else end
        columns = source.read(since=start, until=last, kinds=kinds)
        columns = columns.take(self.filter.met(columns, names))
        mask = _bits([spec.matches(columns, names) for spec in self.steps], len(columns))
        excluded = _bits([item.event.matches(columns, names) for item in self.exclusions], len(columns))
        if self.order is not Order.STRICT:
            fits = (mask | excluded) != 0
            columns, mask, excluded = columns.take(fits), mask[fits], excluded[fits]
        looks, look = np.unique(mask, return_inverse=True)
        edges, from_step, to_step = np.zeros(0, np.int64), 1, 1
        if self.series:
            edges, from_step, to_step = self.series.periods.edges, self.series.from_step, self.series.to_step
            if only_series:
                start, end = max(start, int(edges[0])), min(end, int(edges[-1]))
        reached, picks, entered, converted = kernels.funnel(
            columns.offsets,
            columns.at,
            mask,
            look.astype(np.int32),
            len(looks),
            excluded,
            np.array([(e.after_step, e.before_step) for e in self.exclusions], np.int64).reshape(-1, 2),
            len(self.steps),
            MODES[self.order],
            1000 * self.window,
            start,
            end,
            edges,
            from_step,
            to_step,
        )
        return _Run(columns, mask, reached, picks, entered, converted)

    def _figures(self, run: _Run, among: Flags) -> Figures:
        counts: list[int] = []
        average: list[float | None] = []
        median: list[float | None] = []
        for k in range(len(self.steps)):
            there = among & (run.reached > k)
            counts.append(int(there.sum()))
            if k == 0 or not there.any():
                average.append(None)
                median.append(None)
                continue
            at = run.columns.at
            seconds = (at[run.picks[there, k]] - at[run.picks[there, k - 1]]) / 1000
            average.append(float(seconds.mean()))
            median.append(float(np.median(seconds)))
        return Figures(counts, average, median)

    def _broken_down(self, run: _Run, names: Names, breakdown: Breakdown) -> dict[str, Figures]:
        codes, labels = self._buckets(run, names, breakdown)
        return {labels[code]: self._figures(run, codes == code) for code in np.unique(codes).tolist() if code >= 0}

    def _buckets(self, run: _Run, names: Names, breakdown: Breakdown) -> tuple[Codes, list[str]]:
        """The row of the breakdown that each member belongs to, -1 for none."""
        codes, labels = coded(run.columns, breakdown.by, names)
        if breakdown.attribution is Attribution.STEP:
            there = run.reached >= breakdown.step
            buckets = np.full(len(run.reached), -1, np.int32)
            buckets[there] = codes[run.picks[there, breakdown.step - 1]]
            return buckets, labels
        buckets = np.zeros(len(run.reached), np.int32)
        touches = np.flatnonzero((codes > 0) & (run.mask != 0))
        if breakdown.attribution is Attribution.FIRST_TOUCH:
            touches = touches[::-1]
        buckets[run.columns.rows()[touches]] = codes[touches]  # of several, the one written last stays
        buckets[run.reached == 0] = -1
        return buckets, labels


@dataclass(frozen=True, slots=True)
class _Run:
    columns: Columns
    mask: Codes
    reached: Codes
    picks: Ints
    entered: Ints
    converted: Ints


@dataclass(frozen=True, slots=True)
class Figures:
    """Members by step, and the seconds they took since the step before (none for the first, or when nobody did)."""

    counts: list[int]
    avg_seconds: list[float | None]
    median_seconds: list[float | None]

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


def _bits(flags: list[Flags], size: int) -> Codes:
    mask = np.zeros(size, np.int32)
    for bit, fits in enumerate(flags):
        mask |= fits.astype(np.int32) << bit
    return mask


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
