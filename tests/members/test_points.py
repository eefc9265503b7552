"""Points are moved, never made up."""

from __future__ import annotations

import re
import threading

import pytest
from django.db import connection, connections

from accounts.models import AuditEntry
from members.points.models import Account, Transfer
from members.points.selectors import held_by_purpose, ledger_check, moved_since
from members.points.services import NotEnoughPoints, account_of, issuer, points_of, points_transfer, purpose
from tests.builders import NOW, make_member

pytestmark = pytest.mark.django_db


def give(member, amount, key="gift"):
    return points_transfer(
        key=key, debit=issuer(), credit=account_of(member), amount=amount, reason="Gift", by=None, now=NOW
    )


def test_what_an_account_holds_is_the_sum_of_its_transfers():
    anna, ben = make_member(), make_member()
    give(anna, 30)
    points_transfer(
        key="x", debit=account_of(anna), credit=account_of(ben), amount=12, reason="Thanks", by=None, now=NOW
    )
    assert (points_of(anna), points_of(ben), issuer().balance) == (18, 12, -30)


def test_a_member_without_an_account_holds_nothing():
    assert points_of(make_member()) == 0


def test_the_same_key_moves_points_once():
    anna = make_member()
    assert give(anna, 5) == give(anna, 5)
    assert points_of(anna) == 5
    assert AuditEntry.objects.filter(action="points.transferred").count() == 1


def test_a_key_stands_for_one_movement():
    anna = make_member()
    give(anna, 5)
    with pytest.raises(ValueError, match="another transfer"):
        give(anna, 6)


def test_nobody_spends_what_they_do_not_hold():
    anna, ben = make_member(), make_member()
    give(anna, 5)
    with pytest.raises(NotEnoughPoints) as refused:
        points_transfer(
            key="x", debit=account_of(anna), credit=account_of(ben), amount=6, reason="Thanks", by=None, now=NOW
        )
    assert refused.value.balance == 5
    assert points_of(ben) == 0


@pytest.mark.parametrize("amount", [0, -1])
def test_a_transfer_moves_at_least_one_point(amount):
    with pytest.raises(ValueError, match="at least one point"):
        give(make_member(), amount)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_two_who_spend_the_last_points_at_once_spend_them_once():
    anna, ben = make_member(), make_member()
    give(anna, 10)
    mine, theirs = account_of(anna), account_of(ben)
    barrier = threading.Barrier(4)
    refused = []

    def spend(number):
        barrier.wait()
        try:
            points_transfer(key=f"x{number}", debit=mine, credit=theirs, amount=10, reason="", by=None, now=NOW)
        except NotEnoughPoints:
            refused.append(number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=spend, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (points_of(anna), points_of(ben), len(refused)) == (0, 10, 3)
    assert Transfer.objects.filter(debit=mine).count() == 1


def test_a_balance_reads_its_part_of_two_indexes_and_no_row():
    """So that it is quick for a member with thousands of entries."""
    anna = make_member()
    for number in range(5):
        give(anna, 1, key=f"gift {number}")
    asked = Account.objects.with_balance().filter(member=anna)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
    plan = asked.explain()
    for index in ("members_transfer_in", "members_transfer_out"):
        assert re.search(rf"(COVERING INDEX|Index Only Scan using) {index}", plan), plan


def test_the_books_are_added_up_by_purpose_and_a_hole_is_seen(client, cast):
    anna = make_member()
    give(anna, 30, key="hand:1")
    points_transfer(
        key="award:1", debit=account_of(anna), credit=purpose("prizes"), amount=12, reason="书", by=None, now=NOW
    )
    assert {str(row.label): row.points for row in held_by_purpose()} == {
        "Members": 18,
        "Spent on prizes": 12,
        "Given out in all": -30,
    }
    assert [(str(row.label), row.points) for row in moved_since(NOW)] == [
        ("Given or taken by the team", 30),
        ("Prize taken for points", 12),
    ]
    client.force_login(cast.lin)
    assert client.get("/settings/points/").context["check"].is_right
    Transfer.objects.filter(key="hand:1").delete()
    check = ledger_check()
    assert (check.total, check.overdrawn, check.is_right) == (0, 1, False)
    assert "The books are wrong" in client.get("/settings/points/").content.decode()
