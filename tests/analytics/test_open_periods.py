"""A period that is not complete is set apart, in the chart, in its table and in what was asked: it would look like a
fall. Now is Monday noon, 2 March 2026."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from analytics.queries.periods import Interval, Range, WeekStart, complete, counted, millis
from tests.analytics.test_best_hour import at_noon, clock, did
from tests.analytics.test_pages import page
from tests.builders import make_group, make_member

assert at_noon
HOUR = 3_600_000


@pytest.fixture
def busy(cast):
    """One member wrote and ordered on each of twenty days."""
    group = make_group("Reading", branch=cast.hangzhou, now=clock(30, 9))
    ann = make_member("Ann")
    did([(ann, group, kind, clock(day, hour)) for day in range(20) for kind, hour in (("message", 9), ("ordered", 10))])
    return cast


def charts(html):
    return [json.loads(found) for found in re.findall(r'-data" type="application/json">(.+?)</script>', html)]


def open_labels(chart):
    return [label for label, is_open in zip(chart["labels"], chart["open"], strict=True) if is_open]


def test_a_period_is_complete_when_it_is_over_and_lies_wholly_in_the_range():
    start = millis(datetime(2026, 3, 2, tzinfo=UTC))
    periods = counted(start, 5, Interval.HOUR, WeekStart.MONDAY, ZoneInfo("UTC"))
    now = datetime(2026, 3, 2, 3, 59, tzinfo=UTC)
    assert complete(periods, now) == [True, True, True, False, False]
    assert complete(periods, datetime(2026, 3, 2, 4, tzinfo=UTC)) == [True, True, True, True, False]
    assert complete(periods, now, span=Range(start + 1, start + 5 * HOUR)) == [False, True, True, False, False]
    assert complete(periods, now, span=Range(start, start + 2 * HOUR - 1)) == [True, False, False, False, False]
    # Who began has an hour and a half to go on, and the range may end before that.
    assert complete(periods, now, span=Range(start, start + 5 * HOUR), wait=HOUR * 3 // 2) == [True, True, *[False] * 3]
    assert complete(periods, now, span=Range(start, start + 2 * HOUR), wait=HOUR) == [True, *[False] * 4]


@pytest.mark.django_db
def test_today_is_set_apart_until_it_is_over(busy):
    html = page(busy.lin, "/reports/activity/?preset=7d")
    (chart,) = charts(html)
    assert open_labels(chart) == ["03-02"]
    assert chart["note"] in html
    assert "2 Mar 2026 (not complete)" in html
    assert "1 Mar 2026 (not complete)" not in html
    assert "(today is not over)" in html

    html = page(busy.lin, "/reports/activity/?from=2026-02-20&to=2026-03-01")
    assert open_labels(charts(html)[0]) == []
    assert "not complete" not in html
    assert "today is not over" not in html
    assert charts(html)[0]["note"] == ""


@pytest.mark.django_db
@pytest.mark.parametrize("more", ["", "&by=branch"])
def test_a_week_that_the_range_begins_or_ends_in_is_set_apart_too(busy, more):
    (chart,) = charts(page(busy.lin, f"/reports/activity/?from=2026-02-11&to=2026-02-27&interval=week{more}"))
    assert chart["labels"] == ["02-09", "02-16", "02-23"]
    assert open_labels(chart) == ["02-09", "02-23"]


@pytest.mark.django_db
def test_a_lifecycle_has_whole_periods_so_only_the_one_that_runs_is_set_apart(busy):
    (chart,) = charts(page(busy.lin, "/reports/lifecycle/?from=2026-02-11&to=2026-03-02&interval=week"))
    assert chart["labels"] == ["02-09", "02-16", "02-23", "03-02"]
    assert open_labels(chart) == ["03-02"]


@pytest.mark.django_db
def test_who_entered_a_funnel_lately_still_has_time(busy):
    address = "/reports/funnel/?step=message&step=ordered&window=3&unit=day&entry=day"
    *_steps, course = charts(page(busy.lin, f"{address}&from=2026-02-20&to=2026-03-02"))
    assert open_labels(course) == ["02-27", "02-28", "03-01", "03-02"]
    # Nor does what happens after the range count.
    html = page(busy.lin, f"{address}&from=2026-02-10&to=2026-02-20")
    assert open_labels(charts(html)[-1]) == ["02-18", "02-19", "02-20"]
    assert "20 Feb 2026 (not complete)" in html
