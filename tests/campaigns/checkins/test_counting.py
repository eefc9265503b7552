"""A day counts once, however it is told."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from activity.models import Event
from campaigns.checkins.counting import CheckInRefused, judging_undo, proofs_judge
from campaigns.checkins.making_up import cards_left, days_to_make_up, make_up
from campaigns.checkins.models import CheckIn, CheckInReward
from campaigns.checkins.programmes import ThresholdDraft
from campaigns.models import Award
from campaigns.prizes.services import prize_create, stock_add
from members.merging.services import members_merge, merge_undo
from members.points.services import account_of, issuer, points_of, points_transfer
from tests.builders import NOW, make_group, make_member
from tests.campaigns.checkins.things import (
    FIRST,
    clock,
    events_of,
    hold_true,
    make_programme,
    press,
    say,
    standing,
    tell,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def place(cast):
    group = make_group("阅读打卡", branch=cast.hangzhou)
    return group, make_member("子涵妈妈", [group])


def test_page_keyword_and_another_system_make_one_check_in_and_one_event(place):
    group, member = place
    programme = make_programme(group, now=NOW)
    press(programme, member, group, NOW)
    press(programme, member, group, NOW + timedelta(minutes=1))
    say(member, group, "打卡", NOW + timedelta(minutes=2))
    told = tell(member, group, NOW, id="a", properties=json.dumps({"programme": programme.pk}))
    assert (told.accepted, told.duplicates) == (0, 1)
    assert (CheckIn.objects.count(), events_of(member), standing(programme, member)) == (1, 1, (1, 1, 1))

    tomorrow = NOW + DAY
    say(member, group, "打卡", tomorrow)
    say(member, group, "打卡", tomorrow)
    press(programme, member, group, tomorrow)
    assert tell(member, group, tomorrow, id="b").duplicates == 1, "the only programme that is open is meant"
    assert (CheckIn.objects.count(), events_of(member), standing(programme, member)) == (2, 2, (2, 2, 2))

    third = NOW + DAY * 2
    assert tell(member, group, third, id="c").accepted == 1
    assert tell(member, group, third, id="d", source="another").duplicates == 1
    press(programme, member, group, third)
    say(member, group, "打卡第三天", third)
    assert (events_of(member), standing(programme, member)) == (3, (3, 3, 3))
    assert list(CheckIn.objects.order_by("day").values_list("source", flat=True)) == ["page", "keyword", "system"]
    assert Event.objects.filter(member_id=member.pk, kind__slug="message").count() == 3


@pytest.mark.parametrize(
    ("keyword", "text", "counts"),
    [
        ("打卡", " 打卡！今天读了三页", True),
        ("打卡", "今天打卡", False),
        ("打卡", "打 卡", False),
        ("ok", "ＯＫ 读完了", True),
        ("in", "indeed", False),
        ("in", "In: done", True),
        ("in", "in。", True),
    ],
)
def test_a_message_counts_when_it_begins_with_the_keyword(place, keyword, text, counts):
    group, member = place
    programme = make_programme(group, now=NOW, keyword=keyword)
    say(member, group, text, NOW)
    assert standing(programme, member)[0] == int(counts)


def test_a_late_message_counts_for_the_day_on_which_it_was_written(place):
    group, member = place
    programme = make_programme(group, now=NOW, opens=clock(6), closes=clock(22))
    for day in (0, 1, 3):
        press(programme, member, group, NOW + DAY * day)
    assert standing(programme, member) == (1, 2, 3)
    at_night = NOW + DAY * 2 + timedelta(hours=11)
    say(member, group, "打卡", at_night, now=NOW + DAY * 3)
    assert standing(programme, member) == (1, 2, 3), "outside of the hours it does not count"
    say(member, group, "打卡", NOW + DAY * 2, now=NOW + DAY * 3)
    assert standing(programme, member) == (4, 4, 4)
    hold_true(programme, NOW + DAY * 3)


def test_other_groups_closed_days_and_pages_that_are_no_way_do_not_count(place):
    group, member = place
    other = make_group()
    programme = make_programme(group, now=NOW, by_page=False, weekdays=frozenset({0}))
    with pytest.raises(CheckInRefused, match="打卡"):
        press(programme, member, group, NOW)
    say(make_member(groups=[other]), other, "打卡", NOW)
    say(member, group, "打卡", NOW + DAY)
    say(member, group, "打卡", NOW - DAY, now=NOW)
    say(member, group, "打卡", NOW + DAY * 7, now=NOW)
    assert CheckIn.objects.count() == 0
    say(member, group, "打卡", NOW + DAY * 7)
    assert standing(programme, member) == (1, 1, 1)


# Review


def test_a_proof_is_asked_for_reviewed_and_what_was_rejected_is_sent_again(cast, place):
    group, member = place
    programme = make_programme(group, now=NOW, proof="text", is_reviewed=True)
    with pytest.raises(CheckInRefused):
        press(programme, member, group, NOW)
    say(member, group, "打卡", NOW)
    assert not CheckIn.objects.exists(), "the keyword alone is no proof"
    row = press(programme, member, group, NOW, text="读了三页")
    assert (row.state, events_of(member), standing(programme, member)) == ("waiting", 0, (0, 0, 0))
    assert proofs_judge(by=cast.mei, now=NOW, rows=[row], approve=False, reason="哪三页？") == [row]
    assert press(programme, member, group, NOW + timedelta(hours=1), text="第 3 到 5 页").state == "waiting"
    row.refresh_from_db()
    proofs_judge(by=cast.mei, now=NOW + timedelta(hours=2), rows=[row], approve=True)
    assert (events_of(member), standing(programme, member)) == (1, (1, 1, 1))
    assert proofs_judge(by=cast.lin, now=NOW, rows=[row], approve=True) == [], "decided once"
    row.refresh_from_db()
    assert judging_undo(by=cast.mei, now=NOW, row=row)
    assert (events_of(member), standing(programme, member)) == (0, (0, 0, 0))
    hold_true(programme, NOW)


def test_a_rejection_takes_the_day_and_leaves_what_was_given(cast, place):
    group, member = place
    programme = make_programme(group, now=NOW, thresholds=[ThresholdDraft("streak", 2, 20)])
    rows = [press(programme, member, group, NOW + DAY * day) for day in (0, 1)]
    assert (points_of(member), standing(programme, member)) == (20, (2, 2, 2))
    proofs_judge(by=cast.mei, now=NOW + DAY, rows=rows[1:], approve=False, reason="照片是别人的")
    assert (points_of(member), standing(programme, member), events_of(member)) == (20, (1, 1, 1), 1)
    say(member, group, "打卡", NOW + DAY)
    assert standing(programme, member) == (1, 1, 1), "what staff rejected, a message does not bring back"
    for day in (2, 3):
        press(programme, member, group, NOW + DAY * day)
    assert points_of(member) == 20, "a threshold is rewarded once"


# Make-up cards


def test_missed_days_are_made_up_with_free_cards_and_then_for_points(place):
    group, member = place
    programme = make_programme(group, now=NOW, free_cards=1, card_price=30, card_days=3)
    press(programme, member, group, NOW)
    later = NOW + DAY * 4
    press(programme, member, group, later)
    assert days_to_make_up(programme=programme, member=member, group=group, now=later) == [
        FIRST + DAY * 3, FIRST + DAY * 2, FIRST + DAY,
    ]  # fmt: skip
    for _twice in range(2):
        make_up(now=later, programme=programme, member=member, group=group, day=FIRST + DAY * 3)
    assert (standing(programme, member), cards_left(programme=programme, member=member)) == ((2, 2, 3), 0)
    with pytest.raises(CheckInRefused, match="30 points, and you have 0"):
        make_up(now=later, programme=programme, member=member, group=group, day=FIRST + DAY * 2)
    points_transfer(key="gift", debit=issuer(), credit=account_of(member), amount=70, reason="gift", by=None, now=later)
    for day in (1, 2):
        make_up(now=later, programme=programme, member=member, group=group, day=FIRST + DAY * day)
    assert (points_of(member), standing(programme, member)) == (10, (5, 5, 5))
    assert events_of(member) == 2, "what was made up was not done on that day"
    for wrong in (FIRST, FIRST + DAY * 4, FIRST + DAY * 5, FIRST - DAY):
        with pytest.raises(CheckInRefused):
            make_up(now=later, programme=programme, member=member, group=group, day=wrong)


def test_a_card_is_given_back_when_the_day_turns_out_not_to_be_missed(place):
    group, member = place
    programme = make_programme(group, now=NOW, card_price=30)
    points_transfer(key="gift", debit=issuer(), credit=account_of(member), amount=30, reason="gift", by=None, now=NOW)
    make_up(now=NOW + DAY, programme=programme, member=member, group=group, day=FIRST)
    assert points_of(member) == 0
    say(member, group, "打卡", NOW, now=NOW + DAY)
    assert (points_of(member), standing(programme, member), events_of(member)) == (30, (1, 1, 1), 1)


# Rewards


def test_a_prize_that_ran_out_is_owed_and_follows(cast, place):
    group, member = place
    other = make_member(groups=[group])
    book = prize_create(by=cast.lin, now=NOW, title="签名绘本", stock=1)
    programme = make_programme(group, now=NOW, thresholds=[ThresholdDraft("total", 1, 5, book)])
    press(programme, member, group, NOW)
    press(programme, other, group, NOW)
    assert list(Award.objects.values_list("member_id", flat=True)) == [member.pk]
    owed = CheckInReward.objects.get(member=other)
    assert (owed.is_owed, points_of(other)) == (True, 5)
    from campaigns.checkins.dues import check_ins_tick

    assert check_ins_tick(now=NOW).awarded == 0
    stock_add(by=cast.lin, prize=book, number=5)
    assert [check_ins_tick(now=NOW).awarded for _twice in range(2)] == [1, 0]
    assert Award.objects.count() == 2


def test_merged_members_have_the_days_of_both_and_part_with_their_own(cast, place):
    group, member = place
    double = make_member("子涵妈妈 2", [group])
    programme = make_programme(group, now=NOW)
    press(programme, member, group, NOW)
    for day in (0, 1):
        press(programme, double, group, NOW + DAY * day)
    run = members_merge(by=cast.lin, now=NOW + DAY, winner=member, loser=double)
    assert (standing(programme, member), standing(programme, double)) == ((2, 2, 2), (0, 0, 0))
    merge_undo(by=cast.lin, now=NOW + DAY, run=run)
    assert (standing(programme, member), standing(programme, double)) == ((1, 1, 1), (2, 2, 2))
    hold_true(programme, NOW + DAY)


def test_days_are_local_days_of_the_programme(place):
    group, member = place
    programme = make_programme(group, now=NOW, timezone="America/New_York", first_day=date(2026, 3, 1))
    row = press(programme, member, group, NOW)  # Sunday evening there
    assert row.day == date(2026, 3, 1)
