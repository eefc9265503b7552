"""Calendar periods of the report's time zone, as edges in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import count, islice, pairwise
from zoneinfo import ZoneInfo

import numpy as np
from dateutil.relativedelta import relativedelta
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.columns import Codes, Ints
from analytics.queries.fields import Fields

MOST_PERIODS = 1_000
FIRST_YEAR, LAST_YEAR = 1971, 2200
BEYOND = gettext_lazy("The year must be from %(first)d to %(last)d.")


class Interval(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class WeekStart(StrEnum):
    MONDAY = "monday"
    SUNDAY = "sunday"


# Midnights, and instants in words, that a process keeps: years of days in some zones.
MOST_KEPT = 10_000
STEPS = {
    Interval.DAY: relativedelta(days=1),
    Interval.WEEK: relativedelta(weeks=1),
    Interval.MONTH: relativedelta(months=1),
}


@dataclass(frozen=True, slots=True)
class Range:
    """From one instant (included) to another (not), both in milliseconds."""

    start: int
    end: int

    def as_dict(self, zone: ZoneInfo) -> dict[str, str]:
        """As it can be asked again: both ends included."""
        return {"from": iso(self.start, zone), "to": iso(self.end - 1, zone)}


def millis(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def local(ms: int, zone: ZoneInfo) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(zone)


@lru_cache(MOST_KEPT)
def iso(ms: int, zone: ZoneInfo) -> str:
    return local(ms, zone).isoformat(timespec="milliseconds" if ms % 1000 else "seconds")


@lru_cache(MOST_KEPT)
def midnight(day: date, zone: ZoneInfo) -> int:
    """The first instant of a local day."""
    return millis(datetime.combine(day, time(), tzinfo=zone).astimezone(UTC))


def read_range(fields: Fields, zone: ZoneInfo, now: datetime) -> Range:
    """The asked range: plain dates hold both end days whole, an end given as an instant is included, none is now."""
    inner = fields.inner("range")
    inner.allow(frozenset({"from", "to"}))
    noted = len(fields.errors)
    start, end = _moment(inner, "from"), _moment(inner, "to")
    if start is None and not inner.has("from"):
        inner.error("from", "required", _("This field is required."))
    if start is None or len(fields.errors) > noted:
        return Range(0, 1)
    first = _instant(start, zone)
    if end is None:
        last = max(millis(now), first) + 1
    elif isinstance(end, datetime):
        last = _instant(end, zone) + 1
    else:
        last = midnight(end + timedelta(days=1), zone)
    if last <= first:
        inner.error("to", "range_reversed", _("The range ends before it begins."))
        return Range(first, first + 1)
    return Range(first, last)


def _moment(fields: Fields, name: str) -> date | datetime | None:
    moment = fields.moment(name)
    if moment and not FIRST_YEAR <= moment.year <= LAST_YEAR:
        limits = {"first": FIRST_YEAR, "last": LAST_YEAR}
        fields.error(name, "out_of_bounds", BEYOND % limits)
    return moment


def _instant(moment: date, zone: ZoneInfo) -> int:
    if not isinstance(moment, datetime):
        return midnight(moment, zone)
    return millis((moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Periods:
    """Consecutive periods: period i runs from `edges[i]` to `edges[i + 1]`. `before` says how many of them come before
    the range that was asked for."""

    interval: Interval
    zone: ZoneInfo
    edges: Ints
    before: int = 0

    def __len__(self) -> int:
        return len(self.edges) - 1 - self.before

    @property
    def range(self) -> Range:
        """All whole periods of the range."""
        return Range(int(self.edges[self.before]), int(self.edges[-1]))

    def bounds(self, index: int) -> Range:
        return Range(int(self.edges[self.before + index]), int(self.edges[self.before + index + 1]))

    def number(self, at: Ints) -> Codes:
        """In which period each instant lies: 0 is the first of the range, those before it have numbers below 0."""
        return (np.searchsorted(self.edges, at, side="right") - 1 - self.before).astype(np.int32)

    def names(self) -> list[str]:
        return [iso(int(edge), self.zone) for edge in self.edges[self.before : -1]]


def read_interval(fields: Fields, name: str, default: Interval | None = None) -> Interval:
    return Interval(fields.choice(name, [interval.value for interval in Interval], default))


def read_week_start(fields: Fields) -> WeekStart:
    return WeekStart(fields.choice("week_start", [day.value for day in WeekStart], WeekStart.MONDAY))


def touched(
    fields: Fields, span: Range, interval: Interval, week_start: WeekStart, zone: ZoneInfo, most: int = MOST_PERIODS
) -> Periods:
    """Every period that the range touches."""
    edges = []
    for edge in walk(span.start, interval, week_start, zone):
        edges.append(edge)
        if edge >= span.end:
            break
        if len(edges) > most:
            message = _("The range holds more than %(most)d periods. Ask for a shorter range or longer periods.")
            fields.error("range", "too_many_periods", message % {"most": most})
            return Periods(interval, zone, np.array(edges[:2], np.int64))
    return Periods(interval, zone, np.array(edges, np.int64))


def counted(start: int, number: int, interval: Interval, week_start: WeekStart, zone: ZoneInfo) -> Periods:
    """`number` periods, the first of which holds `start`."""
    edges = list(islice(walk(start, interval, week_start, zone), number + 1))
    return Periods(interval, zone, np.array(edges, np.int64))


def with_history(periods: Periods, number: int, week_start: WeekStart) -> Periods:
    """The same periods with `number` more before them."""
    first, zone = int(periods.edges[0]), periods.zone
    if periods.interval is Interval.HOUR:
        earlier = [first - 3_600_000 * n for n in range(number, 0, -1)]
    else:
        day = local(first, zone).date()
        back = _begin(day - STEPS[periods.interval] * number, periods.interval, week_start)
        earlier = list(islice(_days(back, periods.interval, zone), number))
    return Periods(periods.interval, zone, np.append(np.array(earlier, np.int64), periods.edges), before=number)


def walk(start: int, interval: Interval, week_start: WeekStart, zone: ZoneInfo) -> Iterator[int]:
    """Edges from the period that holds `start` on, without end.

    Hours are 3,600 seconds from a full local hour on, so a change of the clocks neither doubles nor drops one.
    """
    moment = local(start, zone)
    if interval is Interval.HOUR:
        into = timedelta(minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)
        edge = start - into // timedelta(milliseconds=1)
        while True:
            yield edge
            edge += 3_600_000
    yield from _days(_begin(moment.date(), interval, week_start), interval, zone)


def _begin(day: date, interval: Interval, week_start: WeekStart) -> date:
    if interval is Interval.MONTH:
        return day.replace(day=1)
    if interval is Interval.WEEK:
        return day - timedelta(days=day.weekday() if week_start is WeekStart.MONDAY else (day.weekday() + 1) % 7)
    return day


def _days(first: date, interval: Interval, zone: ZoneInfo) -> Iterator[int]:
    if interval is Interval.MONTH:
        return (midnight(first + STEPS[interval] * n, zone) for n in count())
    length, begin = (7 if interval is Interval.WEEK else 1), first.toordinal()
    return (midnight(date.fromordinal(begin + length * n), zone) for n in count())


def complete(periods: Periods, now: datetime, *, span: Range | None = None, wait: int = 0) -> list[bool]:
    """Which periods of the range are over: the others still change. With `span` those that lie in it only in part are
    not complete either. What has to follow within `wait` milliseconds is known that much later."""
    edges = periods.edges[periods.before :]
    start, end = (int(edges[0]), millis(now)) if span is None else (span.start, min(span.end, millis(now)))
    return [start <= first and last <= end - wait for first, last in pairwise(edges.tolist())]
