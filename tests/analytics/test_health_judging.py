"""From the figures of a group to its stage."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from analytics.health.judging import Before, Course, judge
from analytics.health.models import Alarm
from analytics.health.policy import HealthPolicy

FIRST = date(2026, 1, 1)
POLICY = HealthPolicy()


def course(active, *, members=40, joined=(), left=(), messages=(), interactions=(), born=FIRST, owned=None):
    """A group with so many active members a day; the other figures are zero where they are not given."""
    length = len(active)

    def filled(values):
        return [0] * (length - len(values)) + list(values)

    come, gone = filled(joined), filled(left)
    present, course_of_members = members - sum(come) + sum(gone), []
    for plus, minus in zip(come, gone, strict=True):
        present += plus - minus
        course_of_members.append(present)
    return Course(
        first=FIRST,
        born=born,
        ceiling=150,
        owned_since=owned,
        figures={
            "active": list(active),
            "messages": filled(messages),
            "joined": come,
            "left": gone,
            "members": course_of_members,
            "interactions": filled(interactions),
        },
    )


def verdict(group, before=None, policy=POLICY):
    return judge(group, len(group.members) - 1, policy, before)


def codes(found):
    return [reason["code"] for reason in found.reasons]


def test_a_group_that_does_what_it_always_did_is_active():
    found = verdict(course([5] * 90))
    assert (found.stage, codes(found), found.alarm) == ("active", ["held"], Alarm.NONE)


def test_a_group_declines_when_it_falls_clearly_below_its_own_past():
    found = verdict(course([5] * 76 + [2] * 14))
    assert found.stage == "declining"
    assert found.reasons == [{"code": "fell", "active": 28, "usual": 70, "percent": 60}]
    assert found.alarm == Alarm.ACT


def test_it_is_measured_against_its_own_past_and_not_against_others():
    assert verdict(course([2] * 90)).stage == "active"


def test_one_wild_fortnight_does_not_change_what_is_usual():
    assert verdict(course([5] * 34 + [90] * 14 + [5] * 42)).stage == "active"


def test_a_fall_that_may_be_chance_is_said_but_is_no_decline():
    found = verdict(course([1] * 76 + [1, 0] * 7))
    assert (found.stage, codes(found)) == ("active", ["eased"])


def test_too_little_activity_is_compared_with_nothing():
    found = verdict(course(([1] + [0] * 2) * 30, members=6))
    assert (found.stage, codes(found)) == ("active", ["too_little"])


def test_the_rush_of_the_opening_is_not_what_is_usual():
    assert verdict(course([20] * 14 + [3] * 56)).stage == "active"


def test_a_decline_lasts_until_three_quarters_are_back():
    before = Before("declining", FIRST + timedelta(days=80), usual=70)
    assert verdict(course([5] * 76 + [3] * 14), before).stage == "declining"
    assert verdict(course([5] * 76 + [4] * 14), before).stage == "active"


def test_after_eight_weeks_the_lower_level_is_what_is_usual():
    before = Before("declining", FIRST + timedelta(days=89 - 56), usual=140)
    assert verdict(course([10] * 20 + [2] * 70), before).stage == "active"


def test_nobody_for_two_weeks_is_dead():
    found = verdict(course([5] * 76 + [0] * 14))
    assert (found.stage, codes(found)) == ("dead", ["silent"])


def test_a_handful_in_four_weeks_is_dead_as_well_and_lives_again_with_eight_in_two():
    assert verdict(course([5] * 62 + [0, 0, 0, 1] * 7)).stage == "dead"
    before = Before("dead", FIRST)
    assert verdict(course([0] * 76 + [1] * 7 + [0] * 7), before).stage == "dead"
    assert verdict(course([0] * 76 + [1] * 8 + [0] * 6), before).stage == "active"


def test_a_small_group_needs_as_many_as_it_has_members():
    assert verdict(course([0, 0, 0, 0, 1] * 18, members=5)).stage == "active"


def test_a_new_group_is_forming_and_so_is_one_with_hardly_anybody():
    assert codes(verdict(course([3] * 14))) == ["new"]
    assert codes(verdict(course([2] * 40, members=4))) == ["few_members"]


def test_a_group_grows_from_ten_percent_on_and_as_long_as_it_is_five():
    assert verdict(course([5] * 90, members=44, joined=[4])).stage == "growing"
    assert verdict(course([5] * 90, members=53, joined=[3])).stage == "active"
    assert verdict(course([5] * 90, members=53, joined=[3]), Before("growing", FIRST)).stage == "growing"


def test_growth_does_not_hide_a_decline():
    assert verdict(course([5] * 76 + [2] * 14, members=60, joined=[20])).stage == "declining"


def test_a_group_that_members_leave_declines():
    found = verdict(course([5] * 90, members=30, left=[6]))
    assert (found.stage, codes(found)) == ("declining", ["leaving"])


def test_three_days_over_the_ceiling_are_noise():
    assert "noisy" in codes(verdict(course([5] * 90, messages=[151, 151, 151])))
    assert "noisy" not in codes(verdict(course([5] * 90, messages=[400, 151, 150])))
    found = verdict(course([5] * 90, messages=[70] * 7, members=20))
    assert found.noise == 3.5


def test_three_days_below_the_floor_are_a_warning_where_work_of_staff_can_be_seen():
    assert "below_floor" in codes(verdict(course([5] * 90, interactions=[3, 2, 2, 2])))
    assert "below_floor" not in codes(verdict(course([5] * 90, interactions=[2, 3, 2])))
    assert "below_floor" not in codes(verdict(course([5] * 90)))
    assert "below_floor" in codes(verdict(course([5] * 90, owned=FIRST)))
    assert verdict(course([5] * 90, owned=FIRST)).alarm == Alarm.LOOK


@pytest.mark.parametrize("day", [20, 50, 89])
def test_nothing_later_is_looked_at(day):
    whole = course([5] * 60 + [1] * 30, joined=[1] * 30)
    part = course([5] * 60 + [1] * 30, joined=[1] * 30)
    for name in ("members", "messages", "interactions"):
        setattr(part, name, getattr(part, name)[: day + 1])
    part._sums = {name: sums[: day + 2] for name, sums in part._sums.items()}
    assert judge(whole, day, POLICY) == judge(part, day, POLICY)


def test_thresholds_are_the_administrators():
    group = course([5] * 76 + [4] * 14)
    assert verdict(group).stage == "active"
    assert verdict(course([50] * 76 + [40] * 14), policy=HealthPolicy(decline=15)).stage == "declining"
