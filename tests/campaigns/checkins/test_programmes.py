"""Programmes are changed, paused and stopped, and nobody loses what they had."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from campaigns.checkins.counting import CheckInRefused
from campaigns.checkins.dues import check_ins_tick
from campaigns.checkins.making_up import make_up
from campaigns.checkins.models import CheckIn, CheckInDay, CheckInProgramme, CheckInReward, CheckInStanding
from campaigns.checkins.programmes import (
    ProgrammeDraft,
    StaleProgramme,
    ThresholdDraft,
    programme_pause,
    programme_resume,
    programme_save,
    programme_stop,
)
from campaigns.checkins.selectors import board_of
from delivery.models import Delivery
from members.privacy.services import member_erase
from tests.base import make_cast
from tests.builders import NOW, make_group, make_member
from tests.campaigns.checkins.things import FIRST, ZONE, clock, hold_true, make_programme, press, say, standing

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def draft_of(programme: CheckInProgramme, **changes) -> ProgrammeDraft:
    programme = CheckInProgramme.objects.get(pk=programme.pk)
    terms = programme.calendar.terms[-1]
    same = (
        "name", "text", "first_day", "last_day", "timezone", "by_page", "keyword", "proof", "is_reviewed",
        "free_cards", "card_price", "card_days", "goal", "goal_value", "remind_at",
    )  # fmt: skip
    draft = ProgrammeDraft(
        **{name: getattr(programme, name) for name in same},
        groups=[place.group for place in programme.places.filter(until_day=None).select_related("group")],
        weekdays=terms.weekdays,
        opens=terms.opens,
        closes=terms.closes,
        thresholds=[
            ThresholdDraft(row.reach, row.count, row.points, row.prize)
            for row in programme.thresholds.filter(removed_at=None)
        ],
    )
    return replace(draft, **changes)


def save(by, programme, now, **changes):
    return programme_save(by=by, now=now, programme=programme, draft=draft_of(programme, **changes))


@pytest.fixture
def place(cast):
    group = make_group("阅读打卡", branch=cast.hangzhou)
    return group, make_member("子涵妈妈", [group])


def test_new_hours_hold_from_tomorrow_and_leave_what_was_earned(cast, place):
    group, member = place
    programme = make_programme(group, now=NOW)
    for day in range(3):
        press(programme, member, group, NOW + DAY * day)
    today = NOW + DAY * 2
    save(cast.mei, programme, today, weekdays=frozenset({4, 5}), opens=clock(6), closes=clock(8))
    assert standing(programme, member) == (3, 3, 3)
    thursday, friday = today + DAY, today + DAY * 2
    with pytest.raises(CheckInRefused):
        press(programme, member, group, thursday)
    press(programme, member, group, friday - timedelta(hours=5))
    assert standing(programme, member) == (4, 4, 4), "Thursday is no day of it any more"
    with pytest.raises(ValidationError) as refused:
        save(cast.mei, programme, friday, from_day=FIRST + DAY * 4, opens=clock(9))
    assert "from_day" in refused.value.message_dict
    for field, value in (("first_day", FIRST + DAY), ("timezone", "Europe/Berlin"), ("last_day", FIRST)):
        with pytest.raises(ValidationError) as refused:
            save(cast.mei, programme, friday, **{field: value})
        assert field in refused.value.message_dict


def test_two_editors_are_told(cast, place):
    programme = make_programme(place[0], now=NOW)
    draft = draft_of(programme)
    programme_save(by=cast.mei, now=NOW, programme=programme, draft=replace(draft, name="甲"), version=1)
    with pytest.raises(StaleProgramme):
        programme_save(by=cast.lin, now=NOW, programme=programme, draft=replace(draft, name="乙"), version=1)


def test_no_streak_breaks_in_a_pause_or_after_a_stop(cast, place):
    group, member = place
    programme = make_programme(group, now=NOW)
    press(programme, member, group, NOW)
    assert programme_pause(by=cast.mei, now=NOW + DAY, programme=programme)
    assert not programme_pause(by=cast.mei, now=NOW + DAY, programme=programme)
    with pytest.raises(CheckInRefused):
        press(programme, member, group, NOW + DAY)
    say(member, group, "打卡", NOW + DAY)
    check_ins_tick(now=NOW + DAY * 4)
    assert standing(programme, member) == (1, 1, 1)
    programme_resume(by=cast.mei, now=NOW + DAY * 4, programme=programme)
    press(programme, member, group, NOW + DAY * 4)
    assert standing(programme, member) == (2, 2, 2)
    programme_stop(by=cast.mei, now=NOW + DAY * 4, programme=programme)
    check_ins_tick(now=NOW + DAY * 40)
    assert standing(programme, member) == (2, 2, 2)
    hold_true(programme, NOW + DAY * 40)


def test_a_programme_that_was_over_goes_on_without_breaking_streaks(cast, place):
    group, member = place
    programme = make_programme(group, now=NOW, last_day=FIRST + DAY)
    for day in (0, 1):
        press(programme, member, group, NOW + DAY * day)
    check_ins_tick(now=NOW + DAY * 5)
    save(cast.mei, programme, NOW + DAY * 5, last_day=FIRST + DAY * 20)
    press(programme, member, group, NOW + DAY * 5)
    assert standing(programme, member) == (3, 3, 3)


def test_a_threshold_with_other_points_is_the_same_one_and_a_new_one_is_met_at_the_next_check_in(cast, place):
    group, member = place
    programme = make_programme(group, now=NOW, thresholds=[ThresholdDraft("streak", 1, 5)])
    press(programme, member, group, NOW)
    save(cast.mei, programme, NOW, thresholds=[ThresholdDraft("streak", 1, 50), ThresholdDraft("total", 1, 7)])
    assert CheckInReward.objects.count() == 1
    press(programme, member, group, NOW + DAY)
    assert sorted(CheckInReward.objects.values_list("points", flat=True)) == [5, 7]
    save(cast.mei, programme, NOW + DAY, thresholds=[])
    assert CheckInReward.objects.count() == 2, "what was given stays"


def test_staff_start_programmes_only_where_they_may_post(cast, place):
    theirs = make_group(branch=cast.chengdu)
    with pytest.raises(ValidationError) as refused:
        make_programme(place[0], theirs, now=NOW, by=cast.mei)
    assert "groups" in refused.value.message_dict


# What is due


def test_days_are_closed_and_groups_reminded_once_without_naming_anybody(cast, place):
    group, member = place
    lazy = make_member("浩然爸爸", [group])
    programme = make_programme(group, now=NOW, opens=clock(6), closes=clock(22), remind_at=clock(20))
    press(programme, member, group, NOW)
    assert check_ins_tick(now=NOW).planned == 1
    at_eight = datetime(2026, 3, 2, 20, tzinfo=ZoneInfo(ZONE))
    assert [check_ins_tick(now=at_eight).reminded for _twice in range(2)] == [1, 0]
    message = Delivery.objects.get(dedupe_key__startswith="check-in:").message
    assert "2 人中已有 1 人打卡" in message.title
    assert lazy.name not in message.title + message.text
    press(programme, lazy, group, at_eight)
    at_ten = datetime(2026, 3, 2, 22, tzinfo=ZoneInfo(ZONE))
    assert [check_ins_tick(now=at_ten).closed for _twice in range(2)] == [1, 0]
    day = CheckInDay.objects.get()
    assert (day.present, day.counted) == (2, 2)
    third = make_member("晚到的", [group])
    say(third, group, "打卡", NOW, now=at_ten)
    day.refresh_from_db()
    assert (day.present, day.counted) == (3, 3), "what comes late still counts"


def test_a_group_in_which_everybody_has_checked_in_is_left_alone(place):
    group, member = place
    programme = make_programme(group, now=NOW, remind_at=clock(12))
    press(programme, member, group, NOW)
    check_ins_tick(now=NOW)
    assert not Delivery.objects.exists()


def test_streaks_end_with_the_hours(place):
    group, member = place
    programme = make_programme(group, now=NOW)
    press(programme, member, group, NOW)
    midnight = datetime(2026, 3, 4, tzinfo=ZoneInfo(ZONE))
    assert check_ins_tick(now=midnight - timedelta(seconds=1)).ended == 0
    assert [check_ins_tick(now=midnight).ended for _twice in range(2)] == [1, 0]
    assert standing(programme, member) == (0, 1, 1)


# The board


def test_equals_share_a_rank_whoever_was_earlier_that_day(place):
    group, member = place
    others = [make_member(name, [group]) for name in ("乙", "丙", "丁")]
    programme = make_programme(group, now=NOW)
    for person in (member, *others[:2]):
        for day in (0, 1):
            press(programme, person, group, NOW + DAY * day + timedelta(minutes=person.pk % 7))
    press(programme, others[2], group, NOW + DAY)
    board = board_of(programme, group, others[2], NOW + DAY)
    assert [place.rank for place in board] == [1, 1, 1, 4]
    assert board[-1].is_me


def test_an_erased_member_leaves_the_board_and_their_texts_and_pictures_go(cast, place, tmp_path, settings):
    from django.core.files.storage import default_storage

    from tests.campaigns.checkins.test_pages import jpeg

    group, member = place
    programme = make_programme(group, now=NOW, proof="either")
    row = press(programme, member, group, NOW, text="读了三页", picture=jpeg())
    name = row.picture.name
    assert default_storage.exists(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("campaigns.checkins.counting.transaction.on_commit", lambda act: act())
        member_erase(by=cast.lin, now=NOW, member=member)
    row.refresh_from_db()
    assert (row.text, row.picture.name or "", row.state) == ("", "", "counted")
    assert not default_storage.exists(name)
    assert board_of(programme, group, None, NOW) == []


# Whatever happens in whatever order

quarters = st.integers(0, 95).map(lambda number: time(number // 4, number % 4 * 15))
steps = st.lists(
    st.tuples(
        st.sampled_from(["press", "press", "press", "say", "late", "card", "hours", "pause", "resume", "tick"]),
        st.integers(1, 30),
        st.integers(0, 72),
        quarters,
        quarters,
    ),
    min_size=5,
    max_size=20,
)


class AnyOrder(TestCase):
    """What is kept is always what the check-ins say, and never becomes less by an edit, a pause or a late message."""

    @settings(max_examples=14, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
    @given(zone=st.sampled_from([ZONE, "America/New_York", "Africa/Cairo"]), acts=steps)
    def test_what_is_kept_is_what_the_check_ins_say(self, zone, acts) -> None:
        cast = make_cast()
        group = make_group(branch=cast.hangzhou)
        member = make_member(groups=[group])
        now = datetime(2026, 3, 5, 12, tzinfo=ZoneInfo(zone))  # New York changes its clock three days later
        programme = make_programme(
            group, now=now, timezone=zone, first_day=date(2026, 3, 5), free_cards=3, card_days=5,
            thresholds=[ThresholdDraft("streak", 3, 5), ThresholdDraft("total", 4, 5)],
        )  # fmt: skip
        before = (0, 0)
        for act, hours, back, opens, closes in acts:
            now += timedelta(hours=hours)
            fresh = CheckInProgramme.objects.get(pk=programme.pk)
            try:
                if act == "press":
                    press(fresh, member, group, now)
                elif act in ("say", "late"):
                    at = now - timedelta(hours=back if act == "late" else 0)
                    say(member, group, "打卡", at, now=now, id=f"{now} {at}")
                elif act == "card":
                    make_up(
                        now=now, programme=fresh, member=member, group=group, day=(now - timedelta(hours=back)).date()
                    )
                elif act == "hours":
                    save(cast.mei, fresh, now, opens=opens, closes=closes, weekdays=frozenset({back % 7, hours % 7, 0}))
                elif act == "pause":
                    programme_pause(by=cast.mei, now=now, programme=fresh)
                elif act == "resume":
                    programme_resume(by=cast.mei, now=now, programme=fresh)
            except CheckInRefused:
                pass
            check_ins_tick(now=now)
            hold_true(programme, now)
            row = CheckInStanding.objects.filter(programme=programme).first()
            reached = (row.longest, row.total) if row else (0, 0)
            assert reached[0] >= before[0]
            assert reached[1] >= before[1]
            before = reached
        days = CheckIn.objects.filter(programme=programme)
        assert days.count() == before[1]
        given_for = {reward.threshold.reach: reward for reward in CheckInReward.objects.select_related("threshold")}
        assert ("streak" in given_for) == (before[0] >= 3)
        assert ("total" in given_for) == (before[1] >= 4)
