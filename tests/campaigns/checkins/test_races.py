"""Two who reach for one day, one card or the last prize at the same instant. Only a database with real row locks can
tell; SQLite lets one write at a time anyway."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from campaigns.checkins.counting import CheckInRefused
from campaigns.checkins.dues import check_ins_tick
from campaigns.checkins.making_up import make_up
from campaigns.checkins.models import CheckIn, CheckInReward
from campaigns.checkins.programmes import ThresholdDraft
from campaigns.models import Award
from campaigns.prizes.services import prize_create
from delivery.models import Delivery
from members.points.services import points_of
from tests.base import make_cast
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
from tests.groups.test_rule_races import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="row locks need PostgreSQL"),
]
DAY = timedelta(days=1)
ROUNDS = 3
AFTER = NOW + DAY * 3


def failures(outcomes) -> list[object]:
    return [outcome for outcome in outcomes if isinstance(outcome, Exception)]


def test_however_a_day_is_told_at_once_it_counts_once():
    make_cast()
    group = make_group()
    programme = make_programme(group, now=NOW, thresholds=[ThresholdDraft("streak", 2, 10)])
    members = [make_member(groups=[group]) for _each in range(4)]
    for number in range(ROUNDS):
        at = NOW + DAY * number
        for member in members:
            outcomes = at_once(
                lambda member=member, at=at: press(programme, member, group, at),
                lambda member=member, at=at: press(programme, member, group, at),
                lambda member=member, at=at: say(member, group, "打卡", at),
                lambda member=member, at=at: tell(member, group, at, id=f"{member.pk} {at}", source="another"),
            )
            assert failures(outcomes) == []
    for member in members:
        assert CheckIn.objects.filter(member=member).count() == events_of(member) == ROUNDS
        assert (standing(programme, member), points_of(member)) == ((ROUNDS, ROUNDS, ROUNDS), 10)
    hold_true(programme, NOW + DAY * (ROUNDS - 1))


def test_many_members_at_once_do_not_wait_in_a_circle():
    make_cast()
    group, other = make_group(), make_group()
    programme = make_programme(group, other, now=NOW, thresholds=[ThresholdDraft("total", 1, 5)])
    members = [make_member(groups=[group, other]) for _each in range(8)]
    outcomes = at_once(
        *(lambda member=member: press(programme, member, group, NOW) for member in members),
        *(lambda member=member: say(member, other, "打卡", NOW) for member in reversed(members)),
    )
    assert failures(outcomes) == []
    assert [standing(programme, member) for member in members] == [(1, 1, 1)] * 8
    assert sum(events_of(member) for member in members) == CheckInReward.objects.count() == 8


def test_one_card_makes_one_day_up():
    make_cast()
    group = make_group()
    for _round in range(ROUNDS):
        member = make_member(groups=[group])
        programme = make_programme(group, now=NOW, free_cards=1)
        days = [FIRST + DAY, FIRST + DAY * 2]
        outcomes = at_once(
            *(
                lambda day=day, member=member, programme=programme: make_up(
                    now=AFTER, programme=programme, member=member, group=group, day=day
                )
                for day in days
            )
        )
        assert [type(outcome) for outcome in failures(outcomes)] == [CheckInRefused]
        assert CheckIn.objects.filter(programme=programme, member=member).count() == 1
        hold_true(programme, AFTER)


def test_the_last_prize_goes_to_one_and_the_other_is_owed_it():
    cast = make_cast()
    group = make_group()
    for number in range(ROUNDS):
        book = prize_create(by=cast.lin, now=NOW, title=f"签名绘本 {number}", stock=1)
        programme = make_programme(group, now=NOW, keyword="", thresholds=[ThresholdDraft("total", 1, 0, book)])
        members = [make_member(groups=[group]) for _each in range(3)]
        outcomes = at_once(
            *(lambda member=member, programme=programme: press(programme, member, group, NOW) for member in members)
        )
        assert failures(outcomes) == []
        assert Award.objects.filter(prize=book).count() == 1
        assert CheckInReward.objects.filter(prize=book, award=None).count() == 2


def test_two_rounds_of_what_is_due_remind_once():
    make_cast()
    group = make_group(destination=None)
    programme = make_programme(group, now=NOW, opens=clock(6), closes=clock(22), remind_at=clock(11))
    make_member(groups=[group])
    outcomes = at_once(lambda: check_ins_tick(now=NOW), lambda: check_ins_tick(now=NOW))
    assert failures(outcomes) == []
    assert Delivery.objects.filter(dedupe_key__startswith=f"check-in:{programme.pk}:").count() == 1
