"""Time within service hours, held against counting every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from members.questions.hours import Hours, Window, deadline, is_open, served_seconds

pytestmark = pytest.mark.once

# With and without clock changes, by an hour, by half an hour, at midnight, and in the other half of the year.
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"]
# The days around clock changes of these zones, and an ordinary one.
DAYS = [
    datetime(2026, 3, 28, tzinfo=UTC),
    datetime(2026, 10, 24, tzinfo=UTC),
    datetime(2026, 3, 7, tzinfo=UTC),
    datetime(2026, 10, 31, tzinfo=UTC),
    datetime(2026, 4, 4, tzinfo=UTC),
    datetime(2017, 10, 14, tzinfo=UTC),
    datetime(2026, 6, 3, tzinfo=UTC),
]
MINUTE = timedelta(minutes=1)


def _apart(edges: set[int]) -> tuple[Window, ...]:
    ordered = sorted(edges)
    return tuple(zip(ordered[::2], ordered[1::2], strict=False))


days = st.sets(st.integers(0, 1440), max_size=6).map(_apart)
hours_of_a_week = st.builds(
    Hours,
    st.sampled_from(ZONES).map(ZoneInfo),
    st.tuples(*[days] * 7),
    st.sets(st.sampled_from(DAYS).map(lambda at: at.date() + timedelta(days=1)), max_size=2).map(frozenset),
)
instants = st.builds(
    lambda base, minutes: base + timedelta(minutes=minutes), st.sampled_from(DAYS), st.integers(0, 2 * 1440)
)
ALL_NIGHT = Hours(ZoneInfo("Europe/Berlin"), ((((0, 1440)),),) * 7)


def counted(start: datetime, end: datetime, hours: Hours) -> int:
    """Every minute asked for by itself. Offsets here are whole minutes, so no minute is half in."""
    found, at = 0, start
    while at < end:
        local = at.astimezone(hours.zone)
        minute = local.hour * 60 + local.minute
        open_now = local.date() not in hours.closed and any(
            opens <= minute < closes for opens, closes in hours.windows[local.weekday()]
        )
        found += 60 * open_now
        at += MINUTE
    return found


@settings(max_examples=60, deadline=None)
@given(hours_of_a_week, instants, st.integers(0, 1800))
@example(ALL_NIGHT, datetime(2026, 3, 28, 23, tzinfo=UTC), 180)
@example(ALL_NIGHT, datetime(2026, 10, 24, 22, tzinfo=UTC), 300)
def test_time_served_is_what_counting_every_minute_finds(hours, start, minutes):
    end = start + timedelta(minutes=minutes)
    assert served_seconds(start, end, hours) == counted(start, end, hours)


@settings(max_examples=60, deadline=None)
@given(hours_of_a_week, instants, st.integers(1, 40_000), st.integers(0, 90_000))
def test_an_answer_is_in_time_up_to_the_deadline_and_not_after_it(hours, asked, target, later):
    due = deadline(asked, target, hours)
    if due is None:
        assert hours.is_never
        return
    assert served_seconds(asked, due, hours) == target
    assert served_seconds(asked, due + timedelta(seconds=1), hours) > target
    at = asked + timedelta(seconds=later)
    assert (served_seconds(asked, at, hours) <= target) == (at <= due)


@settings(max_examples=60, deadline=None)
@given(hours_of_a_week, instants)
def test_it_is_open_exactly_when_time_counts(hours, at):
    assert is_open(at, hours) == (served_seconds(at, at + MINUTE, hours) > 0)


def test_a_lunch_break_a_weekend_and_a_holiday_do_not_count():
    zone = ZoneInfo("Asia/Shanghai")
    day = ((9 * 60, 12 * 60), (13 * 60, 18 * 60))
    hours = Hours(zone, (day,) * 5 + ((), ()), frozenset({date(2026, 3, 9)}))
    friday_noon = datetime(2026, 3, 6, 11, 59, 30, tzinfo=zone)
    assert deadline(friday_noon, 60, hours) == datetime(2026, 3, 6, 13, 0, 30, tzinfo=zone)
    assert deadline(friday_noon, 5 * 3600 + 60, hours) == datetime(2026, 3, 10, 9, 0, 30, tzinfo=zone), (
        "Monday is closed"
    )
    assert deadline(friday_noon, 5 * 3600 + 30, hours) == datetime(2026, 3, 10, 9, 0, tzinfo=zone), (
        "run out with the week, an answer before it opens again is in time"
    )


def test_without_hours_there_is_no_deadline():
    assert deadline(DAYS[0], 60, Hours(ZoneInfo("UTC"), ((),) * 7)) is None
