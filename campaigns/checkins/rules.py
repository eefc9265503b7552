"""The rules of check-ins: which day an instant counts for, and how long a streak is. Pure; no database, no clock.

docs/checkins.md says the same for operators. A day of a programme is a local day of its zone on which its hours begin.
Hours that close at or before they open close on the next day. A local time means the first instant at which the clock
of the zone shows it or something later: one that a clock change leaves out is the instant of the change, one that comes
twice is the first. A day ends at the latest when the next one opens, and a day that keeps no hours at all (a clock
change swallowed them) is no day of the programme. So no two days overlap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
EVERY_DAY = frozenset(range(7))
MIDNIGHT = time(0)
# Hours that begin on a day may last into the next; a clock change can carry them one day further.
DAYS_BACK = 2


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which the clock of the zone shows a local time, or something later."""
    at = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) <= local:
        return at
    # Left out: somewhere between the two readings of it the clock jumps over it.
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while at - before > timedelta(seconds=1):
        middle = before + (at - before) // 2
        if middle.astimezone(zone).replace(tzinfo=None) < local:
            before = middle
        else:
            at = middle
    return at.replace(microsecond=0)


@dataclass(frozen=True)
class Terms:
    """What holds from a day on: on which weekdays (Monday is 0) and in which hours."""

    from_day: date
    weekdays: frozenset[int] = EVERY_DAY
    opens: time = MIDNIGHT
    closes: time = MIDNIGHT


@dataclass(frozen=True)
class Hours:
    """The hours of one day: from `opens` on, up to and without `closes`."""

    opens: datetime
    closes: datetime


@dataclass(frozen=True)
class Calendar:
    """All days of a programme. `terms` are in the order of their days, the first from the first day on; `off` are the
    times in which it was paused, each with its first and last day."""

    zone: ZoneInfo
    first_day: date
    last_day: date | None
    terms: tuple[Terms, ...]
    off: tuple[tuple[date, date | None], ...] = ()

    def terms_on(self, day: date) -> Terms:
        """What holds on a day."""
        return next((one for one in reversed(self.terms) if one.from_day <= day), self.terms[0])

    def is_off(self, day: date) -> bool:
        """Whether the programme is paused on a day."""
        return any(start <= day and (end is None or day <= end) for start, end in self.off)

    def is_planned(self, day: date) -> bool:
        """Whether the terms name a day, whatever its hours are."""
        if day < self.first_day or (self.last_day is not None and day > self.last_day):
            return False
        return day.weekday() in self.terms_on(day).weekdays

    def hours(self, day: date) -> Hours | None:
        """The hours of a day; nothing on a day that is none of the programme's. Pauses are not looked at."""
        return _hours(self, day)

    def is_day(self, day: date) -> bool:
        """Whether it is a day on which members are to check in."""
        return not self.is_off(day) and self.hours(day) is not None

    def day_at(self, at: datetime) -> date | None:
        """The day whose hours hold an instant; pauses are not looked at."""
        today = self.local_day(at)
        for day in (today - DAY * back for back in range(DAYS_BACK + 1)):
            hours = self.hours(day)
            if hours and hours.opens <= at < hours.closes:
                return day
        return None

    def local_day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def days(self, start: date, end: date) -> Iterator[date]:
        """The days of the programme from `start` to `end`."""
        start = max(start, self.first_day)
        end = end if self.last_day is None else min(end, self.last_day)
        for number in range((end - start).days + 1):
            if self.is_day(day := start + DAY * number):
                yield day

    def next_day(self, after: date, within: int = 400) -> date | None:
        """The first day of the programme after one, as far ahead as a year."""
        return next(self.days(after + DAY, after + DAY * within), None)


@lru_cache(maxsize=8192)
def _hours(calendar: Calendar, day: date) -> Hours | None:
    if not calendar.is_planned(day):
        return None
    terms = calendar.terms_on(day)
    opens = instant_of(datetime.combine(day, terms.opens), calendar.zone)
    last = day + DAY if terms.closes <= terms.opens else day
    closes = instant_of(datetime.combine(last, terms.closes), calendar.zone)
    for later in (day + DAY * ahead for ahead in range(1, DAYS_BACK + 1)):
        if calendar.is_planned(later):
            closes = min(closes, instant_of(datetime.combine(later, calendar.terms_on(later).opens), calendar.zone))
    return Hours(opens, closes) if opens < closes else None


@dataclass(frozen=True)
class Figures:
    """What a member has reached. `longest_on` is the day on which the longest streak was reached; `ends_at` when the
    current one is lost unless they check in before, and nothing while nothing can break it."""

    current: int = 0
    longest: int = 0
    total: int = 0
    last_day: date | None = None
    longest_on: date | None = None
    ends_at: datetime | None = None


def figures(calendar: Calendar, counted: Collection[date], now: datetime, *, waiting: Collection[date] = ()) -> Figures:
    """The streaks over the days that count (made-up ones among them).

    A streak is a row of the programme's days without a gap; days that are none of its own (a pause, another weekday)
    neither lengthen nor break it. A day is missed once its hours are over; one whose proof waits for review is held
    open. What was counted stays counted, whatever becomes of the programme later.
    """
    kept, held = frozenset(counted), frozenset(waiting)
    if not kept:
        return Figures()
    run = longest = 0
    longest_on: date | None = None
    ends_at: datetime | None = None
    first, last_kept = min(kept), max(kept)
    today = calendar.local_day(now)
    until = today if calendar.last_day is None else min(today, calendar.last_day)
    for day in _each(first, max(last_kept, until)):
        if day in kept:
            run += 1
            if run > longest:
                longest, longest_on = run, day
        elif ends_at is None and day not in held and calendar.is_day(day):
            hours = calendar.hours(day)
            assert hours is not None
            if hours.closes <= now:
                run = 0
            elif run:
                ends_at = hours.closes
    if run and ends_at is None and (following := _next_unheld(calendar, max(last_kept, today), held)) is not None:
        ahead = calendar.hours(following)
        assert ahead is not None
        ends_at = ahead.closes
    return Figures(run, longest, len(kept), last_kept, longest_on, ends_at)


def _each(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + DAY * number


def _next_unheld(calendar: Calendar, after: date, held: Collection[date]) -> date | None:
    day = calendar.next_day(after)
    while day is not None and day in held:
        day = calendar.next_day(day)
    return day


def ranks(values: Collection[tuple[int, ...]]) -> list[int]:
    """The ranks of figures that are sorted, the best first: equals share a rank, and the next takes its place in the
    row (1, 2, 2, 4)."""
    found: list[int] = []
    before: tuple[int, ...] | None = None
    for place, value in enumerate(values, start=1):
        found.append(found[-1] if value == before else place)
        before = value
    return found
