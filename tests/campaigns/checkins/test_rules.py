"""Which day an instant counts for, and how long a streak is, against a clock that is read minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from campaigns.checkins.rules import Calendar, Figures, Terms, figures, ranks

pytestmark = pytest.mark.once
# A case takes long to make smaller; it is found again by its seed.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
DAY, STEP = timedelta(days=1), timedelta(minutes=15)

# A zone and a day near which its clock changes, or does not.
PLACES = [
    ("Asia/Shanghai", date(2026, 3, 2)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("Africa/Cairo", date(2026, 4, 24)),  # the hour after midnight is left out
    ("America/Santiago", date(2026, 9, 6)),  # so is it here
    ("America/Santiago", date(2026, 4, 5)),  # the hour before midnight comes twice
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # by half an hour
    ("Pacific/Apia", date(2011, 12, 30)),  # a day that never was
    ("Asia/Kathmandu", date(2026, 3, 2)),
]
quarters = st.integers(0, 95).map(lambda number: time(number // 4, number % 4 * 15))
hours = st.one_of(
    st.just((time(0), time(0))),
    st.tuples(quarters, quarters),
    st.tuples(st.just(time(2, 30)), st.just(time(3))),
)
weekdays = st.one_of(st.just(frozenset(range(7))), st.frozensets(st.integers(0, 6), min_size=1))


@st.composite
def calendars(draw) -> Calendar:
    zone, near = draw(st.sampled_from(PLACES))
    first = near - DAY * draw(st.integers(0, 5))
    length = draw(st.one_of(st.none(), st.integers(0, 14)))
    terms = []
    for from_day in sorted({first, *draw(st.lists(st.integers(1, 9).map(lambda n: first + DAY * n), max_size=2))}):
        opens, closes = draw(hours)
        terms.append(Terms(from_day, draw(weekdays), opens, closes))
    off = []
    for start, days in draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=2)):
        off.append((first + DAY * start, first + DAY * (start + days)))
    return Calendar(ZoneInfo(zone), first, None if length is None else first + DAY * length, tuple(terms), tuple(off))


class Clock:
    """The same rules, read off a clock on the wall that is looked at every quarter of an hour."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        start = datetime.combine(calendar.first_day - DAY * 2, time(), UTC)
        self.looks = [
            (at, at.astimezone(calendar.zone).replace(tzinfo=None)) for at in (start + STEP * n for n in range(28 * 96))
        ]
        planned = self._planned()
        self.starts = {day: self._first(datetime.combine(day, self._terms(day).opens)) for day in planned}
        self.ends = {day: self._first(self._closes(day)) for day in planned}
        # Days are laid out a little further than anybody looks.
        self.seen = self.looks[: 21 * 96]
        self.day_of = {at: self._day_of(at) for at, _wall in self.seen}
        self.last_look = {day: at for at, day in self.day_of.items() if day is not None}

    def _closes(self, day: date) -> datetime:
        terms = self._terms(day)
        return datetime.combine(day + DAY if terms.closes <= terms.opens else day, terms.closes)

    def _terms(self, day: date) -> Terms:
        return [one for one in self.calendar.terms if one.from_day <= day or one is self.calendar.terms[0]][-1]

    def _planned(self) -> list[date]:
        calendar = self.calendar
        return [
            day
            for day in (calendar.first_day + DAY * number for number in range(24))
            if (calendar.last_day is None or day <= calendar.last_day) and day.weekday() in self._terms(day).weekdays
        ]

    def _first(self, wall: datetime) -> datetime:
        """The first look at which the clock shows this or more."""
        return next(at for at, shown in self.looks if shown >= wall)

    def _day_of(self, at: datetime) -> date | None:
        begun = [day for day, start in self.starts.items() if start <= at]
        if not begun:
            return None
        # The latest day to open; of days that a clock change lets open at one instant, the last.
        day = max(begun, key=lambda one: (self.starts[one], one))
        return day if at < self.ends[day] else None

    def days(self) -> list[date]:
        """The days that have any hours, and on which nothing rests."""
        return [
            day
            for day in self.starts
            if day in self.last_look and not any(start <= day <= (end or date.max) for start, end in self.calendar.off)
        ]

    def figures(self, counted: set[date], waiting: set[date], now: datetime) -> tuple[int, int, int]:
        """The streaks, by cutting the row of days at those that were missed."""
        missed = {day for day in self.days() if day not in counted | waiting and self.last_look[day] + STEP <= now}
        runs, run = [0], 0
        for day in sorted(counted | missed):
            run = run + 1 if day in counted else 0
            runs.append(run)
        return runs[-1] if counted else 0, max(runs), len(counted)


@settings(max_examples=70, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(calendars(), st.data())
def test_days_and_streaks_are_those_of_a_clock_on_the_wall(calendar: Calendar, data) -> None:
    clock = Clock(calendar)
    for at, _wall in clock.seen:
        assert calendar.day_at(at) == clock.day_of[at], at
    days = clock.days()
    window = [calendar.first_day + DAY * number for number in range(15)]
    assert [day for day in window if calendar.is_day(day)] == [day for day in days if day in window]
    assert list(calendar.days(window[0], window[-1])) == [day for day in days if day in window]
    now = data.draw(st.sampled_from([at for at, _wall in clock.seen[192:]]))
    # What was counted may lie on days that are none of the programme's any more.
    possible = [day for day in window if day not in clock.starts or clock.starts[day] <= now]
    counted = set(data.draw(st.lists(st.sampled_from(possible), max_size=15))) if possible else set()
    waiting = set(data.draw(st.lists(st.sampled_from(possible), max_size=3))) - counted if possible else set()
    found = figures(calendar, counted, now, waiting=waiting)
    assert (found.current, found.longest, found.total) == clock.figures(counted, waiting, now)
    if found.ends_at is not None:
        assert found.ends_at > now
        assert figures(calendar, counted, found.ends_at - timedelta(seconds=1), waiting=waiting) == found
        assert figures(calendar, counted, found.ends_at, waiting=waiting).current < found.current
    elif found.current:
        assert figures(calendar, counted, now + DAY * 300, waiting=waiting).current == found.current


def daily(last: date | None = None, **terms) -> Calendar:
    first = date(2026, 3, 2)
    return Calendar(ZoneInfo("Asia/Shanghai"), first, last, (Terms(first, **terms),))


def march(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=ZoneInfo("Asia/Shanghai"))


def test_a_streak_lives_until_the_end_of_todays_hours():
    calendar = daily(opens=time(6), closes=time(22))
    days = {date(2026, 3, day) for day in (2, 3, 4)}
    for now in (march(4, 23), march(5, 5), march(5, 21)):
        assert figures(calendar, days, now).current == 3
    lost = figures(calendar, days, march(5, 22))
    assert (lost.current, lost.longest, lost.total, lost.ends_at) == (0, 3, 3, None)


def test_a_day_that_waits_for_review_neither_counts_nor_breaks():
    days = {date(2026, 3, day) for day in (2, 3, 5)}
    assert figures(daily(), days, march(6), waiting={date(2026, 3, 4)}).current == 3
    assert figures(daily(), days, march(6)).current == 1
    assert figures(daily(), days | {date(2026, 3, 4)}, march(6)).current == 4


def test_hours_may_cross_midnight_and_belong_to_the_day_on_which_they_open():
    calendar = daily(opens=time(20), closes=time(2))
    assert calendar.day_at(march(3, 1)) == date(2026, 3, 2)
    assert calendar.day_at(march(3, 2)) is None
    assert calendar.day_at(march(3, 20)) == date(2026, 3, 3)


def test_after_the_last_day_nothing_breaks_a_streak():
    days = {date(2026, 3, 2) + DAY * number for number in range(21)}
    found = figures(daily(last=max(days)), days, datetime(2027, 1, 1, tzinfo=UTC))
    assert found == Figures(21, 21, 21, max(days), max(days), None)


def test_equals_share_a_rank_and_take_the_places_of_all_of_them():
    assert ranks([(9, 9), (5, 7), (5, 7), (5, 6), (0, 2)]) == [1, 2, 2, 4, 5]
