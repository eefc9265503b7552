"""Prizes are awarded once for each reason, and never more than there are."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from accounts.models import AuditEntry
from campaigns.prizes.models import Award, AwardState, Prize
from campaigns.prizes.services import (
    NotOffered,
    OutOfStock,
    StalePrize,
    award_address_set,
    award_cancel,
    award_receive,
    award_unsend,
    awards_mark_sent,
    prize_award,
    prize_buy,
    prize_create,
    prize_update,
    stock_add,
    stock_set,
)
from members.points.services import NotEnoughPoints, account_of, issuer, points_of, points_transfer, purpose
from members.privacy.services import member_erase
from tests.builders import NOW, make_group, make_member
from tests.races import at_once

pytestmark = pytest.mark.django_db
WHERE: dict[str, Any] = {"recipient": "王子涵妈妈", "phone": "13900001111", "address": "杭州市西湖区文三路 1 号"}


def make_prize(**fields) -> Prize:
    return prize_create(by=None, now=NOW, **{"title": "签名本", "stock": 2, **fields})


def award(prize, member, key="21 days", group=None) -> Award:
    return prize_award(prize=prize, member=member, group=group, key=key, reason="21 days in a row", now=NOW)


def rich(points: int):
    member = make_member()
    if points:
        points_transfer(
            key=f"gift {member.pk}",
            debit=issuer(),
            credit=account_of(member),
            amount=points,
            reason="Gift",
            by=None,
            now=NOW,
        )
    return member


def left(prize: Prize) -> int | None:
    prize.refresh_from_db()
    return prize.left


def test_a_prize_is_awarded_once_for_each_key_until_the_stock_is_gone():
    prize, member = make_prize(stock=1), make_member()
    first = award(prize, member)
    assert award(prize, member) == first
    assert (left(prize), first.state) == (0, AwardState.TO_SEND)
    with pytest.raises(OutOfStock):
        award(prize, member, key="42 days")
    assert AuditEntry.objects.filter(action="award.made").count() == 1


def test_a_prize_without_a_stock_never_runs_out():
    prize = make_prize(stock=None)
    assert [award(prize, make_member(), key=str(number)).pk for number in range(3)]
    assert left(prize) is None


def test_a_key_stands_for_one_award():
    prize = make_prize()
    award(prize, make_member())
    with pytest.raises(ValueError, match="another award"):
        award(prize, make_member())
    assert left(prize) == 1


def test_a_closed_prize_is_still_given_to_those_it_was_promised_to():
    assert award(make_prize(is_open=False), make_member())


def test_the_stock_is_counted_anew_added_to_and_taken_from(cast):
    prize = make_prize(stock=5)
    award(prize, make_member())
    assert stock_set(by=cast.lin, prize=prize, left=10, reason="counted").left == 10
    assert stock_add(by=cast.lin, prize=prize, number=-9).left == 1
    with pytest.raises(OutOfStock):
        stock_add(by=cast.lin, prize=prize, number=-2)
    assert stock_set(by=cast.lin, prize=prize, left=None).left is None
    changes = AuditEntry.objects.filter(action="prize.stock_changed").order_by("pk")
    assert [(entry.before["left"], entry.after["left"]) for entry in changes] == [(4, 10), (10, 1), (1, None)]


def test_of_two_who_change_a_prize_the_second_is_told(cast):
    prize = make_prize()
    prize_update(by=cast.lin, prize=prize, changes={"title": "绘本"}, version=1)
    with pytest.raises(StalePrize):
        prize_update(by=cast.mei, prize=prize, changes={"title": "课"}, version=1)
    assert str(Prize.objects.get()) == "绘本"


def test_an_award_goes_its_way_and_no_other(cast):
    prize = make_prize(needs_address=True)
    row = award(prize, make_member())
    assert row.state == AwardState.ADDRESS_MISSING
    assert not awards_mark_sent(by=cast.mei, now=NOW, awards=[row])
    assert not award_receive(now=NOW, award=row)
    assert award_address_set(now=NOW, award=row, **WHERE)
    assert awards_mark_sent(by=cast.mei, now=NOW, awards=[row], tracking="SF1") == 1
    assert awards_mark_sent(by=cast.mei, now=NOW, awards=[row], tracking="SF2") == 0
    assert not award_address_set(now=NOW, award=row, **{**WHERE, "phone": "1"})
    assert not award_cancel(by=cast.mei, now=NOW, award=row, reason="")
    assert award_unsend(by=cast.mei, award=row)
    assert awards_mark_sent(by=cast.mei, now=NOW, awards=[row], tracking="SF2") == 1
    assert award_receive(now=NOW, award=row)
    row.refresh_from_db()
    assert (row.state, row.tracking, row.phone) == (AwardState.RECEIVED, "SF2", "13900001111")
    assert left(prize) == 1


def test_an_address_is_sealed_in_the_database_and_in_no_audit_entry(cast):
    row = award(make_prize(needs_address=True), make_member())
    award_address_set(now=NOW, award=row, **WHERE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT recipient, phone, address FROM campaigns_award")
        kept = "".join(cursor.fetchone())
    entries = "".join(str((entry.before, entry.after)) for entry in AuditEntry.objects.all())
    for value in WHERE.values():
        assert value not in kept + entries
    row.refresh_from_db()
    assert row.address == WHERE["address"]


def test_a_cancelled_award_returns_the_piece_and_the_points_once(cast):
    member, prize = rich(30), make_prize(points_price=30, needs_address=True)
    row = prize_buy(prize=prize, member=member, group=None, key="buy", price=30, reason="Bought", now=NOW)
    award_address_set(now=NOW, award=row, **WHERE)
    assert (points_of(member), left(prize), purpose("prizes").balance) == (0, 1, 30)
    assert award_cancel(by=cast.mei, now=NOW, award=row, reason="damaged")
    assert not award_cancel(by=cast.mei, now=NOW, award=row, reason="damaged")
    assert (points_of(member), left(prize), purpose("prizes").balance) == (30, 2, 0)
    row.refresh_from_db()
    assert (row.state, row.address) == (AwardState.CANCELLED, "")


@pytest.mark.parametrize(
    ("fields", "price", "points", "refusal"),
    [
        ({"points_price": 30}, 30, 29, NotEnoughPoints),
        ({"points_price": 40}, 30, 99, NotOffered),
        ({"points_price": None}, 30, 99, NotOffered),
        ({"points_price": 30, "is_open": False}, 30, 99, NotOffered),
        ({"points_price": 30, "stock": 0}, 30, 99, OutOfStock),
    ],
)
def test_what_cannot_be_bought_takes_neither_piece_nor_points(fields, price, points, refusal):
    prize, member = make_prize(**fields), rich(points)
    before = prize.left
    with pytest.raises(refusal):
        prize_buy(prize=prize, member=member, group=None, key="buy", price=price, reason="Bought", now=NOW)
    assert (left(prize), points_of(member), Award.objects.count()) == (before, points, 0)


def test_buying_twice_with_one_key_is_buying_once():
    prize, member = make_prize(points_price=10), rich(30)
    bought = [
        prize_buy(prize=prize, member=member, group=None, key="buy", price=10, reason="Bought", now=NOW)
        for _time in range(2)
    ]
    assert bought[0] == bought[1]
    assert points_of(member) == 20


def test_erasing_a_person_empties_the_address(cast):
    member = make_member(groups=[make_group(branch=cast.hangzhou)])
    row = award(make_prize(needs_address=True), member)
    award_address_set(now=NOW, award=row, **WHERE)
    member_erase(by=cast.lin, now=NOW, member=member)
    row.refresh_from_db()
    assert (row.recipient, row.phone, row.address) == ("", "", "")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_the_last_pieces_of_a_prize_go_to_as_many_as_there_are():
    prize, members = make_prize(stock=5), [make_member() for _number in range(12)]
    outcomes = at_once(lambda number: award(prize, members[number // 2], key=f"m{number // 2}"), 24)
    got = [outcome for outcome in outcomes if isinstance(outcome, Award)]
    assert {type(outcome) for outcome in outcomes} == {Award, OutOfStock}
    assert (left(prize), len({row.pk for row in got}), Award.objects.count()) == (0, 5, 5)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_the_last_points_buy_one_piece_however_often_the_button_is_pressed():
    prize, member = make_prize(stock=9, points_price=10), rich(25)

    def buy(number):
        return prize_buy(prize=prize, member=member, group=None, key=f"b{number}", price=10, reason="Bought", now=NOW)

    outcomes = at_once(buy, 12)
    assert sum(isinstance(outcome, Award) for outcome in outcomes) == 2
    assert sum(isinstance(outcome, NotEnoughPoints) for outcome in outcomes) == 10
    assert (points_of(member), left(prize), purpose("prizes").balance) == (5, 7, 20)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_of_many_who_cancel_or_send_at_once_one_does_it(cast):
    prize, member = make_prize(stock=3, points_price=10), rich(10)
    row = prize_buy(prize=prize, member=member, group=None, key="b", price=10, reason="Bought", now=NOW)

    def act(number):
        if number % 2:
            return award_cancel(by=cast.mei, now=NOW, award=row, reason="")
        return bool(awards_mark_sent(by=cast.mei, now=NOW, awards=[row]))

    assert sum(at_once(act, 12)) == 1
    row.refresh_from_db()
    back = row.state == AwardState.CANCELLED
    assert (points_of(member), left(prize)) == ((10, 3) if back else (0, 2))
