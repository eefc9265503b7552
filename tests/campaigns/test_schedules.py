"""Slots, days off and festivals: the instants at which a post goes out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest
from django.core.exceptions import ValidationError

from campaigns.models import Scene, SpecialDay
from campaigns.posts.scenes import FESTIVALS, YEARS, qingming, scene_dates, scene_days
from campaigns.posts.schedules import Schedule, ended_before
from tests.base import Cast

SHANGHAI, NEW_YORK, LORD_HOWE = "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"
USUAL = ("09:00", "14:00", "21:00")
# National Day 2026 as decreed for these tests: eight days off, and two weekends that are worked.
OFF = [date(2026, 10, day) for day in range(1, 9)]
WORKED = [date(2026, 9, 27), date(2026, 10, 10)]


@pytest.fixture
def golden_week(db):
    SpecialDay.objects.bulk_create(
        [SpecialDay(day=day, name="国庆节", kind="off") for day in OFF]
        + [SpecialDay(day=day, name="国庆节", kind="working") for day in WORKED]
    )


def instants(after: str, count: int, **schedule) -> list[str]:
    """The next times in UTC, as "2026-03-01 01:00"."""
    made = Schedule(**{"timezone": SHANGHAI, "start": "2026-01-01T09:00", **schedule})
    times = made.times(datetime.fromisoformat(after).replace(tzinfo=UTC))
    return [f"{found.at:%Y-%m-%d %H:%M}" for found in islice(times, count)]


WORKDAYS = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
CASES = [
    ("three times a day", "2026-03-01", {"rrule": "FREQ=DAILY", "slots": USUAL},
     ["2026-03-01 01:00", "2026-03-01 06:00", "2026-03-01 13:00", "2026-03-02 01:00"]),
    ("slots in any order, each once", "2026-03-01", {"rrule": "FREQ=DAILY", "slots": ("21:00", "09:00", "21:00")},
     ["2026-03-01 01:00", "2026-03-01 13:00", "2026-03-02 01:00"]),
    ("slots before the first time are not made up for", "2026-03-01",
     {"rrule": "FREQ=DAILY", "slots": USUAL, "start": "2026-03-02T12:00"},
     ["2026-03-02 06:00", "2026-03-02 13:00", "2026-03-03 01:00"]),
    ("slots end at a local UNTIL", "2026-03-01", {"rrule": "FREQ=DAILY;UNTIL=20260302T140000", "slots": USUAL},
     ["2026-03-01 01:00", "2026-03-01 06:00", "2026-03-01 13:00", "2026-03-02 01:00", "2026-03-02 06:00"]),
    ("an UNTIL date holds every slot of the day", "2026-03-01", {"rrule": "FREQ=DAILY;UNTIL=20260301", "slots": USUAL},
     ["2026-03-01 01:00", "2026-03-01 06:00", "2026-03-01 13:00"]),
    ("an UNTIL in UTC is read on the local clock", "2026-03-01",
     {"rrule": "FREQ=DAILY;UNTIL=20260301T060000Z", "slots": USUAL}, ["2026-03-01 01:00", "2026-03-01 06:00"]),
    ("COUNT counts days, not slots", "2026-01-01",
     {"rrule": "FREQ=DAILY;COUNT=2", "slots": ("09:00", "21:00"), "start": "2026-03-01T00:00"},
     ["2026-03-01 01:00", "2026-03-01 13:00", "2026-03-02 01:00", "2026-03-02 13:00"]),
    ("slots on chosen weekdays", "2026-03-01", {"rrule": "FREQ=WEEKLY;BYDAY=SA,SU", "slots": ("10:00", "20:00")},
     ["2026-03-01 02:00", "2026-03-01 12:00", "2026-03-07 02:00"]),
    ("slots every other day keep its rhythm", "2026-03-10T03:00",
     {"rrule": "FREQ=DAILY;INTERVAL=2", "slots": ("09:00", "21:00"), "start": "2026-03-01T09:00"},
     ["2026-03-11 01:00", "2026-03-11 13:00", "2026-03-13 01:00"]),
    ("slots at the end of the month", "2026-02-01",
     {"rrule": "FREQ=MONTHLY;BYMONTHDAY=-1", "slots": ("09:00", "21:00"), "start": "2026-01-31T09:00"},
     ["2026-02-28 01:00", "2026-02-28 13:00", "2026-03-31 01:00"]),
    ("slots on the 31st or the last day", "2026-02-01",
     {"rrule": "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1", "slots": ("09:00",), "start": "2026-01-31T09:00"},
     ["2026-02-28 01:00", "2026-03-31 01:00", "2026-04-30 01:00"]),
    ("slots on the leap day", "2026-03-01",
     {"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "slots": ("09:00", "21:00"), "start": "2024-02-29T09:00"},
     ["2028-02-29 01:00", "2028-02-29 13:00"]),
    ("slots in a gap move behind later ones and stay in order", "2026-03-08",
     {"rrule": "FREQ=DAILY", "slots": ("02:30", "03:00", "04:00"), "timezone": NEW_YORK},
     ["2026-03-08 07:00", "2026-03-08 07:30", "2026-03-08 08:00", "2026-03-09 06:30"]),
    ("two slots that a gap makes one are sent once", "2026-03-08",
     {"rrule": "FREQ=DAILY", "slots": ("02:30", "03:30"), "timezone": NEW_YORK},
     ["2026-03-08 07:30", "2026-03-09 06:30", "2026-03-09 07:30"]),
    ("slots in the hour that comes twice are sent at the first", "2026-11-01",
     {"rrule": "FREQ=DAILY", "slots": ("01:00", "01:30", "02:00"), "timezone": NEW_YORK},
     ["2026-11-01 05:00", "2026-11-01 05:30", "2026-11-01 07:00", "2026-11-02 06:00"]),
    ("slots around half an hour of clock change", "2026-10-03",
     {"rrule": "FREQ=DAILY", "slots": ("02:15", "02:45"), "timezone": LORD_HOWE},
     ["2026-10-03 15:45", "2026-10-04 15:15", "2026-10-04 15:45"]),
    ("slots across clock changes stay on the clock", "2026-03-07",
     {"rrule": "FREQ=DAILY", "slots": ("09:00",), "timezone": NEW_YORK}, ["2026-03-07 14:00", "2026-03-08 13:00"]),
    ("a summer clock is left at nine too", "2026-10-31",
     {"rrule": "FREQ=DAILY", "slots": ("09:00",), "timezone": NEW_YORK}, ["2026-10-31 13:00", "2026-11-01 14:00"]),
    ("days off are ignored unless asked for", "2026-09-30", {"rrule": "FREQ=DAILY"},
     ["2026-09-30 01:00", "2026-10-01 01:00", "2026-10-02 01:00"]),
    ("days off are left out", "2026-09-30", {"rrule": "FREQ=DAILY", "holidays": "skip"},
     ["2026-09-30 01:00", "2026-10-09 01:00", "2026-10-10 01:00", "2026-10-11 01:00"]),
    ("days off move to the next working day, once", "2026-09-30", {"rrule": "FREQ=DAILY", "holidays": "next"},
     ["2026-09-30 01:00", "2026-10-09 01:00", "2026-10-10 01:00"]),
    ("weekdays leave days off out and keep worked weekends", "2026-09-26", {"rrule": WORKDAYS, "holidays": "skip"},
     ["2026-09-27 01:00", "2026-09-28 01:00", "2026-09-29 01:00", "2026-09-30 01:00", "2026-10-09 01:00",
      "2026-10-10 01:00", "2026-10-12 01:00"]),
    ("weekdays that move do not double the next working day", "2026-09-30T02:00",
     {"rrule": WORKDAYS, "holidays": "next"}, ["2026-10-09 01:00", "2026-10-10 01:00", "2026-10-12 01:00"]),
    ("weekdays that ignore holidays rest at weekends", "2026-09-26", {"rrule": WORKDAYS},
     ["2026-09-28 01:00", "2026-09-29 01:00", "2026-09-30 01:00", "2026-10-01 01:00"]),
    ("a weekly day off is left out", "2026-09-25", {"rrule": "FREQ=WEEKLY;BYDAY=TH", "holidays": "skip"},
     ["2026-10-15 01:00", "2026-10-22 01:00"]),
    ("a weekly day off moves", "2026-09-25", {"rrule": "FREQ=WEEKLY;BYDAY=TH", "holidays": "next"},
     ["2026-10-09 01:00", "2026-10-15 01:00"]),
    ("two days off move to one working day", "2026-09-30T02:00",
     {"rrule": "FREQ=WEEKLY;BYDAY=MO,WE", "holidays": "next"}, ["2026-10-09 01:00", "2026-10-12 01:00"]),
    ("a Saturday is no day off of itself", "2026-10-10T02:00", {"rrule": "FREQ=WEEKLY;BYDAY=SA", "holidays": "next"},
     ["2026-10-17 01:00"]),
    ("a day off before a weekend moves behind it, in order", "2026-09-30T02:00",
     {"rrule": "FREQ=WEEKLY;BYDAY=TH,FR,SU", "holidays": "next"},
     ["2026-10-09 01:00", "2026-10-11 01:00", "2026-10-15 01:00"]),
    ("a monthly day off moves", "2026-09-30T02:00", {"rrule": "FREQ=MONTHLY;BYMONTHDAY=1", "holidays": "next"},
     ["2026-10-09 01:00", "2026-11-01 01:00"]),
    ("a monthly day off is left out", "2026-09-30T02:00", {"rrule": "FREQ=MONTHLY;BYMONTHDAY=1", "holidays": "skip"},
     ["2026-11-01 01:00"]),
    ("an old rhythm finds its moved day in the middle of the holiday", "2026-10-04",
     {"rrule": "FREQ=DAILY;INTERVAL=10", "start": "2026-09-21T09:00", "holidays": "next"},
     ["2026-10-09 01:00", "2026-10-11 01:00"]),
    ("COUNT counts what was left out", "2026-01-01",
     {"rrule": "FREQ=DAILY;COUNT=10", "start": "2026-09-30T09:00", "holidays": "skip"},
     ["2026-09-30 01:00", "2026-10-09 01:00"]),
    ("slots on days off move together", "2026-09-30T14:00",
     {"rrule": "FREQ=WEEKLY;BYDAY=TH", "slots": ("09:00", "21:00"), "holidays": "next"},
     ["2026-10-09 01:00", "2026-10-09 13:00", "2026-10-15 01:00"]),
    ("the Mid-Autumn Festival follows the moon", "2026-01-01", {"scene": "mid-autumn"},
     ["2026-09-25 01:00", "2027-09-15 01:00"]),
    ("a leap sixth month comes before Mid-Autumn 2025", "2025-01-01",
     {"scene": "mid-autumn", "start": "2025-01-01T09:00"}, ["2025-10-06 01:00"]),
    ("the leap second month of 2023 is no second Lantern month", "2023-01-01",
     {"scene": "lantern", "start": "2023-01-01T09:00"}, ["2023-02-05 01:00", "2024-02-24 01:00"]),
    ("three days before the Spring Festival", "2026-01-01", {"scene": "spring-festival", "scene_days": -3},
     ["2026-02-14 01:00", "2027-02-03 01:00"]),
    ("days before New Year lie in the old year", "2026-12-01", {"scene": "new-year", "scene_days": -2},
     ["2026-12-30 01:00", "2027-12-30 01:00"]),
    ("slots on a festival", "2026-01-01", {"scene": "qixi", "slots": ("09:00", "20:00")},
     ["2026-08-19 01:00", "2026-08-19 12:00", "2027-08-08 01:00"]),
    ("a festival before the first time does not count", "2026-01-01",
     {"scene": "christmas", "start": "2026-12-25T12:00", "slots": ("09:00",)}, ["2027-12-25 01:00"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "after", "schedule", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_schedule_gives_its_times(golden_week, name, after, schedule, expected):
    assert instants(after, len(expected), **schedule) == expected


def test_a_branch_may_work_when_all_are_off(cast: Cast, golden_week):
    SpecialDay.objects.create(day=OFF[0], name="开店", kind="working", branch=cast.hangzhou)
    at_nine = {"rrule": "FREQ=DAILY", "holidays": "skip"}

    assert instants("2026-09-30T02:00", 1, branch_id=cast.hangzhou.pk, **at_nine) == ["2026-10-01 01:00"]
    assert instants("2026-09-30T02:00", 1, branch_id=cast.chengdu.pk, **at_nine) == ["2026-10-09 01:00"]


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        ({"rrule": "FREQ=DAILY", "slots": ("9:00",)}, "slots"),
        ({"rrule": "FREQ=DAILY", "slots": ("24:00",)}, "slots"),
        ({"rrule": "FREQ=DAILY", "slots": tuple(f"{hour:02}:00" for hour in range(13))}, "slots"),
        ({"rrule": "FREQ=HOURLY", "slots": USUAL}, "rrule"),
        ({"rrule": "FREQ=DAILY;BYHOUR=9", "slots": USUAL}, "rrule"),
        ({"rrule": "FREQ=DAILY", "holidays": "maybe"}, "holidays"),
        ({"scene": "doomsday"}, "scene"),
        ({"scene": "christmas", "scene_days": 99}, "scene_days"),
        ({"scene": "christmas", "start": "soon"}, "start"),
        ({"scene": "christmas", "timezone": "Mars"}, "timezone"),
    ],
)
def test_what_cannot_be_meant_is_refused(db, schedule, field):
    with pytest.raises(ValidationError) as error:
        Schedule(**{"timezone": SHANGHAI, "start": "2026-01-01T09:00", **schedule}).checked()
    assert list(error.value.message_dict) == [field]


def test_the_festivals_of_a_leap_month_year_and_of_the_next():
    on = {festival.slug: [festival.on(year) for year in (2025, 2026)] for festival in FESTIVALS}

    assert on["spring-festival"] == [date(2025, 1, 29), date(2026, 2, 17)]
    assert on["new-years-eve"] == [date(2025, 1, 28), date(2026, 2, 16)]
    assert on["lantern"] == [date(2025, 2, 12), date(2026, 3, 3)]
    assert on["dragon-boat"] == [date(2025, 5, 31), date(2026, 6, 19)]
    assert on["qixi"] == [date(2025, 8, 29), date(2026, 8, 19)]
    assert on["double-ninth"] == [date(2025, 10, 29), date(2026, 10, 18)]
    assert on["laba"] == [date(2025, 1, 7), date(2026, 1, 26)]
    assert on["mothers-day"] == [date(2025, 5, 11), date(2026, 5, 10)]
    assert [qingming(year) for year in (2024, 2025, 2027)] == [date(2024, 4, 4), date(2025, 4, 4), date(2027, 4, 5)]


def test_every_festival_comes_in_every_year_but_laba():
    for festival in FESTIVALS:
        days = [festival.on(year) for year in YEARS]
        # The eighth of the last month may fall into the January after, twice in one year or not at all.
        assert festival.slug == "laba" or all(days), festival.slug
        assert all(day.year == year for day, year in zip(days, YEARS, strict=True) if day)


def test_the_occasions_of_the_brand_stand_beside_the_festivals(cast: Cast):
    Scene.objects.create(slug="birthday", name="店庆", calendar="lunar", month=8, day=10)
    Scene.objects.create(slug="once", name="新店", calendar="once", on=date(2026, 9, 20), branch=cast.chengdu)

    assert scene_dates("birthday", [2026]) == [date(2026, 9, 20)]
    assert scene_dates("once", [2025, 2026, 2027]) == [date(2026, 9, 20)]
    assert scene_dates("nothing", [2026]) == []
    september = (date(2026, 9, 18), date(2026, 9, 26))
    assert [(f"{day:%d}", scene.slug) for day, scene in scene_days(*september, branch_id=cast.hangzhou.pk)] == [
        ("20", "birthday"), ("25", "mid-autumn"),
    ]  # fmt: skip
    assert len(scene_days(*september)) == 3


def test_a_rule_ends_just_before_a_time():
    schedule = Schedule(timezone=SHANGHAI, rrule="FREQ=DAILY;COUNT=30", start="2026-03-01T09:00", slots=USUAL)

    ended = ended_before(schedule, "2026-03-02T14:00:00")

    found = [time.local for time in ended.times(datetime(2026, 3, 1, tzinfo=UTC) - timedelta(days=1))]
    assert found == [
        f"2026-03-0{day}T{clock}:00" for day, clock in ((1, "09:00"), (1, "14:00"), (1, "21:00"), (2, "09:00"))
    ]
