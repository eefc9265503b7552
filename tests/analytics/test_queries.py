"""What a question means: time, conditions, limits. The numbers themselves are in test_conformance."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from analytics.queries.activity import ActivityQuery
from analytics.queries.fields import BadQuery
from analytics.queries.funnel import FunnelQuery
from analytics.queries.retention import RetentionQuery
from tests.analytics.worlds import World

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def activity(rows=(), groups=None, **asked):
    world = World(rows, groups)
    return ActivityQuery.read(asked, zone=SHANGHAI, now=NOW).compute(world, world, now=NOW).as_dict()


def funnel(rows=(), **asked):
    world = World(rows)
    return FunnelQuery.read(asked, zone=SHANGHAI, now=NOW).compute(world, world, now=NOW).as_dict()


def retention(rows=(), **asked):
    world = World(rows)
    return RetentionQuery.read(asked, zone=SHANGHAI, now=NOW).compute(world, world, now=NOW).as_dict()


def mistakes(query, asked):
    with pytest.raises(BadQuery) as caught:
        query.read(asked, zone=SHANGHAI, now=NOW)
    return {(error.pointer, error.code) for error in caught.value.errors}


def starts(metric="total", **asked):
    return [period[:16] for period in activity(metric=metric, **asked)["periods"]]


# Time


def test_plain_dates_are_days_of_the_zone_and_hold_both_ends_whole():
    answer = activity(metric="total", range={"from": "2026-03-01", "to": "2026-03-02"})
    assert answer["range"] == {"from": "2026-03-01T00:00:00+08:00", "to": "2026-03-02T23:59:59.999+08:00"}
    assert answer["timezone"] == "Asia/Shanghai"


def test_an_end_given_as_an_instant_is_included_to_the_millisecond():
    rows = [("m", "a", f"2026-03-01T10:00:00.00{n}+00:00", "", "") for n in (0, 1, 2)]
    assert activity(rows, metric="total", range={"from": "2026-03-01", "to": "2026-03-01T10:00:00.001Z"})["sum"] == 2


def test_a_range_without_an_end_runs_until_now():
    assert activity(metric="total", range={"from": "2026-03-02"})["range"]["to"] == "2026-03-02T12:00:00+08:00"


def test_a_day_on_which_the_clocks_change_is_one_day_of_23_or_25_hours():
    new_york = {"timezone": "America/New_York"}
    hours = activity(**new_york, metric="total", interval="hour", range={"from": "2026-03-08", "to": "2026-03-08"})
    assert len(hours["periods"]) == 23
    assert hours["periods"][1:4] == [
        "2026-03-08T01:00:00-05:00",
        "2026-03-08T03:00:00-04:00",
        "2026-03-08T04:00:00-04:00",
    ]
    hours = activity(**new_york, metric="total", interval="hour", range={"from": "2026-11-01", "to": "2026-11-01"})
    assert len(hours["periods"]) == 25
    assert [hour[11:] for hour in hours["periods"][1:3]] == ["01:00:00-04:00", "01:00:00-05:00"]
    days = activity(**new_york, metric="total", range={"from": "2026-03-07", "to": "2026-03-09"})
    assert days["periods"] == [
        "2026-03-07T00:00:00-05:00",
        "2026-03-08T00:00:00-05:00",
        "2026-03-09T00:00:00-04:00",
    ]


def test_hours_begin_at_full_hours_of_zones_that_are_half_an_hour_off():
    asked = {
        "timezone": "Asia/Kolkata",
        "interval": "hour",
        "range": {"from": "2026-03-01T10:30", "to": "2026-03-01T11:10"},
    }
    assert starts(**asked) == ["2026-03-01T10:00", "2026-03-01T11:00"]


def test_weeks_begin_on_monday_unless_sunday_is_asked_for():
    asked = {"interval": "week", "range": {"from": "2026-03-04", "to": "2026-03-08"}}
    assert starts(**asked) == ["2026-03-02T00:00"]
    assert starts(**asked, week_start="sunday") == ["2026-03-01T00:00", "2026-03-08T00:00"]


def test_months_are_as_long_as_they_are():
    asked = {"interval": "month", "range": {"from": "2024-01-31", "to": "2024-04-01"}}
    assert starts(**asked) == [f"2024-0{n}-01T00:00" for n in (1, 2, 3, 4)]


def test_cohorts_begin_with_the_whole_period_that_holds_the_start():
    answer = retention(range={"from": "2026-03-04"}, period="week", total_intervals=2)
    assert [period[:10] for period in answer["periods"]] == ["2026-03-02", "2026-03-09"]
    answer = retention(range={"from": "2025-12-20"}, period="month", total_intervals=3)
    assert [period[:7] for period in answer["periods"]] == ["2025-12", "2026-01", "2026-02"]


def test_without_a_number_of_intervals_cohorts_run_to_the_end_of_the_range():
    assert len(retention(range={"from": "2026-02-01", "to": "2026-02-05"})["matrix"]) == 5


def test_the_window_of_rolling_members_reaches_over_a_change_of_the_clocks():
    rows = [("m", "a", "2026-03-02T05:30:00+00:00", "", "")]  # half past midnight of 2 March in New York
    asked = {
        "metric": "rolling_unique",
        "timezone": "America/New_York",
        "range": {"from": "2026-03-07", "to": "2026-03-09"},
    }
    assert activity(rows, **asked)["data"] == [1, 1, 0]


# Conditions

ROWS = [
    ("m", "a", "2026-03-01T10:00:00+08:00", "qr", "g"),
    ("m", "b", "2026-03-01T11:00:00+08:00", "", "h"),
    ("n", "a", "2026-03-01T10:00:00+08:00", "ad", ""),
]
GROUPS = {"g": {"branch": "north", "motivation": "sales"}, "h": {"branch": "south", "motivation": ""}}
DAY = {"from": "2026-03-01", "to": "2026-03-01"}


@pytest.mark.parametrize(
    ("where", "want"),
    [
        ({}, 3),
        ({"channel": "qr"}, 1),
        ({"channel": ["qr", "ad"]}, 2),
        ({"channel": ""}, 1),
        ({"channel": ["", "qr"]}, 2),
        ({"channel": []}, 0),
        ({"group": "g", "channel": "qr"}, 1),
        ({"group": "g", "channel": "ad"}, 0),
        ({"branch": "north"}, 1),
        ({"branch": ""}, 1),
        ({"motivation": ""}, 2),
        ({"branch": "nowhere"}, 0),
    ],
)
def test_conditions_are_met_all_at_once_and_an_empty_value_means_none(where, want):
    assert activity(ROWS, GROUPS, metric="total", range=DAY, filter=where)["sum"] == want
    assert activity(ROWS, GROUPS, metric="total", range=DAY, event={"where": where})["sum"] == want


def test_an_empty_event_is_of_any_kind_and_an_unknown_kind_is_none():
    assert activity(ROWS, metric="total", range=DAY, event={})["sum"] == 3
    assert activity(ROWS, metric="total", range=DAY, event={"kind": "c"})["sum"] == 0
    assert funnel(ROWS, range=DAY, steps=[{}, {}])["counts"] == [2, 1]
    assert retention(ROWS, range=DAY, start_event={"kind": "c"}, total_intervals=1)["matrix"] == [[0]]


def test_a_breakdown_of_members_counts_them_in_every_row_they_are_in():
    answer = activity(ROWS, GROUPS, metric="unique", range=DAY, breakdown={"by": "branch"})
    assert answer["overall"] == 2
    assert {value: row["overall"] for value, row in answer["breakdown"].items()} == {"north": 1, "south": 1, "": 1}


def test_adding_up_over_time():
    rows = [("m", "a", f"2026-03-0{day}T10:00:00+08:00", "", "") for day in (1, 2, 3)]
    rows.append(("n", "a", "2026-03-02T10:00:00+08:00", "", ""))
    asked = {"range": {"from": "2026-03-01", "to": "2026-03-03"}, "cumulative": True}
    assert activity(rows, metric="total", **asked)["data"] == [1, 3, 4]
    assert activity(rows, metric="unique", **asked)["data"] == [1, 2, 2]
    assert activity(rows, metric="stickiness", **asked)["data"] == [2, 1, 1]


def test_events_of_another_channel_do_not_end_a_strict_run_when_they_are_filtered_out():
    rows = [
        ("m", "a", "2026-03-01T10:00:00+08:00", "qr", ""),
        ("m", "z", "2026-03-01T10:01:00+08:00", "ad", ""),
        ("m", "b", "2026-03-01T10:02:00+08:00", "qr", ""),
    ]
    asked = {"range": DAY, "order": "strict", "steps": [{"kind": "a"}, {"kind": "b"}]}
    assert funnel(rows, **asked)["counts"] == [1, 0]
    assert funnel(rows, **asked, filter={"channel": "qr"})["counts"] == [1, 1]


def test_conversions_may_fall_after_the_range_when_that_is_asked_for():
    rows = [
        ("m", "a", "2026-03-01T20:00:00+08:00", "", ""),
        ("m", "b", "2026-03-02T08:00:00+08:00", "", ""),
        ("n", "a", "2026-03-02T07:00:00+08:00", "", ""),
        ("n", "b", "2026-03-02T08:00:00+08:00", "", ""),
    ]
    asked = {"range": DAY, "window_seconds": 86_400, "steps": [{"kind": "a"}, {"kind": "b"}]}
    assert funnel(rows, **asked)["counts"] == [1, 0]
    assert funnel(rows, **asked, conversions_after_range=True)["counts"] == [1, 1]


@pytest.mark.parametrize(
    ("order", "want"), [("ordered", {"ad": 1}), ("strict", {"ad": 1}), ("unordered", {"ad": 1, "": 1})]
)
def test_a_breakdown_by_the_event_of_a_step_works_in_every_order(order, want):
    rows = [
        ("m", "a", "2026-03-01T10:00:00+08:00", "qr", ""),
        ("m", "b", "2026-03-01T10:01:00+08:00", "ad", ""),
        ("n", "b", "2026-03-01T10:00:00+08:00", "qr", ""),
        ("n", "a", "2026-03-01T10:01:00+08:00", "", ""),
    ]
    answer = funnel(
        rows,
        range=DAY,
        order=order,
        steps=[{"kind": "a"}, {"kind": "b"}],
        breakdown={"by": "channel", "attribution": "step", "step": 2},
    )
    assert {value: figures["counts"][1] for value, figures in answer["breakdown"].items()} == want


def test_the_members_of_each_step_are_listed_up_to_a_thousand():
    rows = [(f"m{n:04}", "a", "2026-03-01T10:00:00+08:00", "", "") for n in range(1_002)]
    answer = funnel(rows, range=DAY, steps=[{"kind": "a"}, {"kind": "b"}], include=["members"])
    assert answer["counts"] == [1_002, 0]
    assert [len(step) for step in answer["members"]] == [1_000, 0]


def test_the_members_behind_a_number_are_as_many_as_it_says():
    world = World(ROWS, GROUPS)

    def behind(query, asked, **pointer):
        found = query.read({"range": DAY, **asked}, zone=SHANGHAI, now=NOW).people(world, world, **pointer)
        return sorted(world.members(found.tolist()))

    steps = {"steps": [{"kind": "a"}, {"kind": "b"}], "series": {"interval": "day"}, "breakdown": {"by": "channel"}}
    assert behind(FunnelQuery, steps, step=1) == ["m", "n"]
    assert behind(FunnelQuery, steps, step=1, lost=True) == ["n"]
    assert behind(FunnelQuery, steps, step=1, value="ad") == ["n"]
    assert behind(FunnelQuery, steps, step=2, period=0) == ["m"]
    assert behind(RetentionQuery, {"total_intervals": 1}, cohort=0, after=0) == ["m", "n"]
    assert behind(ActivityQuery, {"metric": "stickiness"}, period=1) == ["m", "n"]
    assert behind(ActivityQuery, {"metric": "lifecycle"}, period=0, state="new") == ["m", "n"]
    assert behind(ActivityQuery, {"metric": "unique", "breakdown": {"by": "group"}}, period=0, value="h") == ["m"]
    assert behind(ActivityQuery, {"metric": "unique", "breakdown": {"by": "group"}}, period=0, value="?") == []


# Mistakes


@pytest.mark.parametrize(
    ("asked", "want"),
    [
        ({}, {("/range/from", "required"), ("/metric", "required")}),
        ([], {("", "invalid_type"), ("/range/from", "required"), ("/metric", "required")}),
        ({"range": "today"}, {("/range", "invalid_type"), ("/range/from", "required")}),
        ({"range": {"from": "2026-03-02", "to": "2026-03-01"}}, {("/range/to", "range_reversed")}),
        ({"range": {"from": "20260301"}}, {("/range/from", "invalid_date")}),
        ({"range": {"from": "2026-W01-1"}}, {("/range/from", "invalid_date")}),
        ({"range": {"from": "0001-01-01"}}, {("/range/from", "out_of_bounds")}),
        ({"range": {"from": "2026-03-01", "to": "9999-12-31"}}, {("/range/to", "out_of_bounds")}),
        ({"range": {"from": "2020-01-01"}, "interval": "hour"}, {("/range", "too_many_periods")}),
        ({"timezone": "../etc/passwd"}, {("/timezone", "unknown_timezone")}),
        ({"timezone": 8}, {("/timezone", "invalid_type")}),
        ({"metric": "love"}, {("/metric", "unknown_value")}),
        ({"window_days": 0}, {("/window_days", "out_of_bounds")}),
        ({"window_days": True}, {("/window_days", "invalid_type")}),
        ({"metric": "lifecycle", "breakdown": {"by": "channel"}}, {("/breakdown", "not_offered")}),
        ({"metric": "rolling_unique", "cumulative": True}, {("/cumulative", "not_offered")}),
        ({"event": {"kind": ""}}, {("/event/kind", "required")}),
        ({"event": {"where": {"channel": 3}}}, {("/event/where/channel", "invalid_type")}),
        ({"filter": {"kind": "a"}}, {("/filter/kind", "kind_in_filter")}),
        ({"filter": {"a/b~c": 1}}, {("/filter/a~1b~0c", "unknown_field")}),
    ],
)
def test_a_wrong_question_about_activity_says_what_is_wrong_and_where(asked, want):
    fine = {"metric": "total", "range": DAY}
    found = mistakes(ActivityQuery, {**fine, **asked} if asked and isinstance(asked, dict) else asked)
    assert found == want


@pytest.mark.parametrize(
    ("asked", "want"),
    [
        ({"steps": []}, {("/steps", "required")}),
        ({"steps": [{"kind": "a"}] * 21}, {("/steps", "too_many")}),
        ({"steps": [{"kind": 1}]}, {("/steps/0/kind", "invalid_type")}),
        ({"order": "random"}, {("/order", "unknown_value")}),
        ({"window_seconds": 1.5}, {("/window_seconds", "invalid_type")}),
        ({"exclusions": [{}]}, {("/exclusions/0/kind", "required")}),
        (
            {"exclusions": [{"kind": "x", "after_step": 2, "before_step": 2}]},
            {("/exclusions/0/before_step", "out_of_bounds")},
        ),
        ({"exclusions": [{"kind": "x", "before_step": 9}]}, {("/exclusions/0/before_step", "out_of_bounds")}),
        ({"breakdown": {"by": "age"}}, {("/breakdown/by", "unknown_value")}),
        ({"series": {"interval": "day", "from_step": 2, "to_step": 1}}, {("/series/to_step", "out_of_bounds")}),
        ({"include": ["everything"]}, {("/include", "unknown_value")}),
        ({"conversions_after_range": "yes"}, {("/conversions_after_range", "invalid_type")}),
    ],
)
def test_a_wrong_funnel_says_what_is_wrong_and_where(asked, want):
    fine = {"range": DAY, "steps": [{"kind": "a"}, {"kind": "b"}]}
    assert mistakes(FunnelQuery, {**fine, **asked}) == want


def test_a_wrong_question_about_retention_says_what_is_wrong_and_where():
    asked = {
        "range": DAY,
        "period": "year",
        "total_intervals": 401,
        "mode": "once",
        "measure": "ever",
        "min_occurrences": 0,
    }
    assert mistakes(RetentionQuery, asked) == {
        ("/period", "unknown_value"),
        ("/total_intervals", "out_of_bounds"),
        ("/mode", "unknown_value"),
        ("/measure", "unknown_value"),
        ("/min_occurrences", "out_of_bounds"),
    }
