"""When a post goes out."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from itertools import islice

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from campaigns.posts.models import Post
from campaigns.posts.recurrence import recurrence
from campaigns.posts.words import Repeat, choices_of, schedule_from, schedule_words

SHANGHAI, NEW_YORK = "Asia/Shanghai", "America/New_York"


def instants(rule: str, start: str, zone: str, after: str, count: int) -> list[str]:
    """The next times in UTC, as "03-01 01:00"."""
    times = recurrence(rule=rule, start=start, timezone=zone).times(datetime.fromisoformat(after).replace(tzinfo=UTC))
    return [f"{found.at:%m-%d %H:%M}" for found in islice(times, count)]


@pytest.mark.parametrize(
    ("name", "rule", "start", "zone", "after", "expected"),
    [
        ("every day", "FREQ=DAILY", "2026-03-01T09:00", SHANGHAI, "2026-03-01",
         ["03-01 01:00", "03-02 01:00", "03-03 01:00"]),
        ("the start itself counts", "FREQ=DAILY", "2026-03-01T09:00", SHANGHAI, "2026-03-01T00:59:59", ["03-01 01:00"]),
        ("a time is not its own successor", "FREQ=DAILY", "2026-03-01T09:00", SHANGHAI, "2026-03-01T01:00",
         ["03-02 01:00"]),
        ("every other day keeps its rhythm", "FREQ=DAILY;INTERVAL=2", "2026-03-01T09:00", SHANGHAI, "2026-03-10",
         ["03-11 01:00", "03-13 01:00"]),
        ("a rhythm of years ago is kept", "FREQ=DAILY;INTERVAL=3", "2001-03-01T09:00", SHANGHAI, "2026-03-01",
         ["03-02 01:00", "03-05 01:00"]),
        ("an hourly rhythm of years ago is kept", "FREQ=HOURLY;INTERVAL=5", "2001-03-01T09:20", SHANGHAI, "2026-03-01",
         ["03-01 02:20", "03-01 07:20"]),
        ("weekdays", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "2026-03-06T09:00", SHANGHAI, "2026-03-06",
         ["03-06 01:00", "03-09 01:00", "03-10 01:00"]),
        ("chosen weekdays", "FREQ=WEEKLY;BYDAY=SU,WE", "2026-03-01T20:30", SHANGHAI, "2026-03-02",
         ["03-04 12:30", "03-08 12:30", "03-11 12:30"]),
        ("a start on another day is not sent", "FREQ=WEEKLY;BYDAY=MO", "2026-03-03T09:00", SHANGHAI, "2026-03-01",
         ["03-09 01:00"]),
        ("the 31st exists in seven months", "FREQ=MONTHLY;BYMONTHDAY=31", "2026-01-31T09:00", SHANGHAI, "2026-02-01",
         ["03-31 01:00", "05-31 01:00", "07-31 01:00"]),
        ("the last day of each month", "FREQ=MONTHLY;BYMONTHDAY=-1", "2026-01-31T09:00", SHANGHAI, "2026-02-01",
         ["02-28 01:00", "03-31 01:00", "04-30 01:00"]),
        ("the 31st or the last day", "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1", "2026-01-31T09:00", SHANGHAI,
         "2026-02-01", ["02-28 01:00", "03-31 01:00", "04-30 01:00"]),
        ("the last Friday", "FREQ=MONTHLY;BYDAY=-1FR", "2026-03-01T09:00", SHANGHAI, "2026-03-01",
         ["03-27 01:00", "04-24 01:00"]),
        ("the second Tuesday", "FREQ=MONTHLY;BYDAY=2TU", "2026-03-01T09:00", SHANGHAI, "2026-03-01",
         ["03-10 01:00", "04-14 01:00"]),
        ("the leap day", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2024-02-29T09:00", SHANGHAI, "2026-03-01",
         ["02-29 01:00"]),
        ("every year", "FREQ=YEARLY", "2020-09-01T08:00", SHANGHAI, "2026-03-01", ["09-01 00:00", "09-01 00:00"]),
        ("a number of times, counted from the start", "FREQ=DAILY;COUNT=3", "2026-03-01T09:00",
         SHANGHAI, "2026-03-02T02:00",
         ["03-03 01:00"]),
        ("UNTIL as a date holds the whole day", "FREQ=DAILY;UNTIL=20260302", "2026-03-01T09:00", SHANGHAI, "2026-03-01",
         ["03-01 01:00", "03-02 01:00"]),
        ("UNTIL without Z is local", "FREQ=DAILY;UNTIL=20260302T085959", "2026-03-01T09:00", SHANGHAI, "2026-03-01",
         ["03-01 01:00"]),
        ("UNTIL with Z is UTC", "FREQ=DAILY;UNTIL=20260302T010000Z", "2026-03-01T09:00", SHANGHAI, "2026-03-01",
         ["03-01 01:00", "03-02 01:00"]),
        ("nine o'clock stays nine o'clock in spring", "FREQ=DAILY", "2026-03-06T09:00", NEW_YORK, "2026-03-07",
         ["03-07 14:00", "03-08 13:00", "03-09 13:00"]),
        ("nine o'clock stays nine o'clock in autumn", "FREQ=DAILY", "2026-10-30T09:00", NEW_YORK, "2026-10-31",
         ["10-31 13:00", "11-01 14:00", "11-02 14:00"]),
        ("half past two does not exist once and moves by the gap", "FREQ=DAILY", "2026-03-06T02:30",
         NEW_YORK, "2026-03-07",
         ["03-07 07:30", "03-08 07:30", "03-09 06:30"]),
        ("half past one comes twice once and is sent at the first", "FREQ=DAILY", "2026-10-30T01:30",
         NEW_YORK, "2026-10-31",
         ["10-31 05:30", "11-01 05:30", "11-02 06:30"]),
        ("a gap does not send twice at once", "FREQ=HOURLY", "2026-03-08T00:00", NEW_YORK, "2026-03-08",
         ["03-08 05:00", "03-08 06:00", "03-08 07:00", "03-08 08:00"]),
        ("twice a day", "FREQ=DAILY;BYHOUR=8,20;BYMINUTE=15", "2026-03-01T00:00", SHANGHAI, "2026-03-01T01:00",
         ["03-01 12:15", "03-02 00:15"]),
        ("every hour on Sundays", "FREQ=HOURLY;BYDAY=SU", "2026-03-01T22:00", SHANGHAI, "2026-03-01",
         ["03-01 14:00", "03-01 15:00", "03-07 16:00"]),
        ("small letters and the prefix are read too", "rrule:freq=daily", "2026-03-01T09:00", SHANGHAI, "2026-03-01",
         ["03-01 01:00"]),
        ("a start with seconds", "FREQ=DAILY", "2026-03-01T09:00:30", SHANGHAI, "2026-03-01T01:00:10", ["03-01 01:00"]),
    ],
)  # fmt: skip
def test_a_rule_gives_its_times(name, rule, start, zone, after, expected):
    assert instants(rule, start, zone, after, len(expected)) == expected


def test_a_rule_that_is_over_gives_nothing():
    assert instants("FREQ=DAILY;COUNT=2", "2026-03-01T09:00", SHANGHAI, "2026-03-05", 5) == []
    assert instants("FREQ=DAILY;UNTIL=20260303", "2026-03-01T09:00", SHANGHAI, "2026-03-05", 5) == []


@pytest.mark.parametrize(
    "rule",
    [
        "", "DAILY", "FREQ", "FREQ=", "FREQ=MINUTELY", "FREQ=SECONDLY", "FREQ=FORTNIGHTLY", "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=x",
        "FREQ=DAILY;COUNT=2;UNTIL=20260303", "FREQ=DAILY;UNTIL=tomorrow", "FREQ=DAILY;UNTIL=20261332",
        "FREQ=DAILY;UNTIL=99990101", "FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;BYDAY=2MO", "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYMONTHDAY=32", "FREQ=DAILY;BYHOUR=24", "FREQ=DAILY;BYEASTER=0", "FREQ=DAILY;BYSECOND=1,2",
        "FREQ=HOURLY;BYMONTH=2", "FREQ=DAILY;BYHOUR=0,1,2,3,4,5;BYMINUTE=0,10,20,30,40",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;UNTIL=20200101", "FREQ=DAILY\nRRULE:FREQ=HOURLY",
        "FREQ=HOURLY;INTERVAL=24;BYHOUR=3", "FREQ=DAILY;DTSTART=20260301",
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_meant_is_refused(rule):
    with pytest.raises(ValidationError) as error:
        recurrence(rule=rule, start="2026-03-01T09:00", timezone=SHANGHAI)
    assert list(error.value.message_dict) == ["rrule"]


@pytest.mark.parametrize(
    "start", ["", "2026-03-01", "2026-03-01 09:00", "2026-03-01T09:00Z", "2026-02-30T09:00", "0001-01-01T09:00", "now"]
)
def test_a_start_that_is_no_local_time_is_refused(start):
    with pytest.raises(ValidationError) as error:
        recurrence(rule="FREQ=DAILY", start=start, timezone=SHANGHAI)
    assert list(error.value.message_dict) == ["start"]


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ValidationError) as error:
        recurrence(rule="x", start="x", timezone="x")
    assert set(error.value.message_dict) == {"rrule", "start", "timezone"}


@pytest.mark.parametrize(
    ("repeat", "weekdays", "until", "day", "english", "chinese"),
    [
        ("once", [], None, date(2026, 3, 4), "Once, 4 Mar 2026 at 09:00", "仅一次，2026年3月4日 09:00"),
        ("daily", [], None, date(2026, 3, 4), "Every day at 09:00", "每天 09:00"),
        ("daily", [], date(2026, 3, 9), date(2026, 3, 4), "Every day at 09:00, until 9 Mar 2026",
         "每天 09:00，到 2026年3月9日 为止"),
        ("workdays", [], None, date(2026, 3, 4), "Monday to Friday at 09:00", "周一到周五 09:00"),
        ("weekly", ["MO", "TH"], None, date(2026, 3, 4), "Mon, Thu at 09:00", "周一、周四 09:00"),
        ("monthly", [], None, date(2026, 3, 4), "Every month on day 4 at 09:00", "每月 4 日 09:00"),
        ("monthly", [], None, date(2026, 3, 31), "Every month on day 31 at 09:00", "每月 31 日 09:00"),
    ],
)  # fmt: skip
def test_what_is_chosen_is_said_and_read_back(repeat, weekdays, until, day, english, chinese):
    schedule = schedule_from(
        repeat=repeat, day=day, clock=time(9), weekdays=weekdays, until=until, zone=SHANGHAI, rule=""
    )
    rule = schedule.checked()
    post = Post(
        at=schedule.at,
        rrule=rule.rule if rule else "",
        start_local=rule.start.isoformat() if rule else "",
        timezone=SHANGHAI,
    )
    with translation.override("en"):
        assert schedule_words(post) == english
    with translation.override("zh-hans"):
        assert schedule_words(post) == chinese
    chosen = choices_of(post)
    assert (chosen["repeat"], chosen["day"], chosen["clock"]) == (Repeat(repeat), day, time(9))
    assert chosen.get("weekdays", []) == weekdays
    assert chosen.get("until") == until


@pytest.mark.parametrize("rule", ["FREQ=HOURLY", "FREQ=DAILY;COUNT=3", "FREQ=WEEKLY;BYDAY=MO;UNTIL=20260401T000000Z"])
def test_a_rule_that_no_choice_makes_is_kept_as_it_is(rule):
    post = Post(rrule=rule, start_local="2026-03-01T09:00:00", timezone=SHANGHAI)

    chosen = choices_of(post)

    assert (chosen["repeat"], chosen["rule"]) == (Repeat.CUSTOM, rule)


def test_the_search_ends_though_the_start_lies_ahead():
    found = instants("FREQ=DAILY", "2150-03-01T09:00", SHANGHAI, "2026-03-01", 2)
    assert found == ["03-01 01:00", "03-02 01:00"]
