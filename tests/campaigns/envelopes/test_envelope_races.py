"""However many claim at once: exact to the point, nobody twice, nothing left while somebody still asks."""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections, transaction

from campaigns.envelopes.models import EnvelopeRound, EnvelopeShare
from campaigns.envelopes.services import (
    Refusal,
    Refused,
    month_available,
    months_end,
    round_end,
    round_open,
    share_claim,
)
from members.models import Member
from members.points.selectors import ledger_check
from tests.builders import NOW, make_group
from tests.campaigns.envelopes.things import (
    HOUR,
    check_books,
    make_budget,
    make_envelope,
    make_members,
    make_open_round,
)
from tests.races import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]
THREADS, PROCESSES = 64, 3


def claim(row, member):
    try:
        return share_claim(round_id=row.pk, member=member, now=NOW)
    except Refused as error:
        return error.why


def test_64_at_once_each_press_twice_and_the_shares_go_to_100_of_120():
    group = make_group()
    row = make_open_round(group, amount=1000, shares=100)
    members = make_members(group, 120)
    presses = members * 2
    random.Random(1).shuffle(presses)
    outcomes: list = []
    lock = threading.Lock()

    def press(_number):
        while True:
            with lock:
                if not presses:
                    return
                member = presses.pop()
            outcome = claim(row, member)
            with lock:
                outcomes.append((member.pk, outcome))

    assert at_once(press, THREADS) == [None] * THREADS
    got = {number: outcome for number, outcome in outcomes if isinstance(outcome, EnvelopeShare)}
    assert {outcome for _number, outcome in outcomes if not isinstance(outcome, EnvelopeShare)} == {Refusal.ALL_GONE}
    assert len(got) == len({share.pk for share in got.values()}) == 100
    check_books(row)
    assert not EnvelopeShare.objects.free().exists()
    assert row.account.balance == 0


def _claim_all(round_id: int, numbers: list[int], gate) -> None:
    """In a process of its own, with connections of its own."""
    gate.wait()

    def run(own: list[int]) -> None:
        for member in Member.objects.filter(pk__in=own):
            with suppress(Refused):
                share_claim(round_id=round_id, member=member, now=NOW)
        connections.close_all()

    threads = [threading.Thread(target=run, args=[numbers[part::4]]) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os._exit(0)


def test_several_processes_share_one_envelope_without_a_point_too_many():
    group = make_group()
    row = make_open_round(group, amount=700, shares=60)
    numbers = [member.pk for member in make_members(group, 70)]
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    gate = fork.Barrier(PROCESSES)
    # Each process asks for everybody, in another order: whoever is asked for twice at once gets one share.
    started = [
        fork.Process(target=_claim_all, args=(row.pk, numbers[place::] + numbers[:place:], gate))
        for place in range(0, 60, 20)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * PROCESSES
    check_books(row)
    assert row.shares.exclude(member=None).count() == 60


def test_what_is_claimed_in_the_moment_of_the_end_is_paid_and_the_rest_refunded():
    group = make_group()
    row = make_open_round(group, amount=500, shares=40)
    members = make_members(group, 24)

    def act(number):
        if number >= 24:
            return round_end(round_id=row.pk, now=NOW + HOUR, stopped=number % 2 == 0)
        return claim(row, members[number])

    outcomes = at_once(act, 28)
    assert sum(outcome is not None for outcome in outcomes[24:]) == 1, "of four who end it one does"
    assert all(isinstance(outcome, EnvelopeShare) or outcome in Refusal.values for outcome in outcomes[:24])
    check_books(row)
    assert row.account.balance == 0
    assert not EnvelopeShare.objects.free().exists()


def test_a_round_is_opened_once_by_however_many():
    row = make_envelope([make_group()]).rounds.get()
    assert sum(at_once(lambda _number: round_open(round_id=row.pk, now=NOW), 8)) == 1
    check_books(row)
    assert row.shares.count() == 10


def test_those_who_plan_at_once_stay_within_the_budget():
    group, budget = make_group(), make_budget(250)
    times = [NOW + HOUR, NOW + timedelta(days=31)]

    def plan(_number):
        return make_envelope([group], budget=budget, times=times)

    outcomes = at_once(plan, 8)
    assert sum(isinstance(outcome, ValidationError) for outcome in outcomes) == 6
    assert month_available(budget=budget, month=NOW.date().replace(day=1)) == 50
    assert ledger_check().is_right


def test_what_is_left_of_a_month_goes_back_once_however_many_see_to_it():
    make_envelope([make_group()])
    late = NOW + timedelta(days=40)
    round_end(round_id=EnvelopeRound.objects.get().pk, now=NOW, stopped=True)
    assert sum(at_once(lambda _number: months_end(now=late), 6)) == 1
    assert ledger_check().is_right


@contextmanager
def held_open(act, *, undone: bool = False):
    """Does `act` in a transaction of another thread that stays open until the block is left."""
    done, leave = threading.Event(), threading.Event()

    def run() -> None:
        with suppress(_Undone), transaction.atomic():
            act()
            done.set()
            leave.wait(30)
            if undone:
                raise _Undone
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    assert done.wait(30)
    yield
    leave.set()
    thread.join()


class _Undone(Exception):
    pass


def _waiting_for_a_lock(act):
    """Starts `act` in a thread and comes back once the database has it wait for somebody; its answer comes later."""
    answers: list = []

    def run() -> None:
        answers.append(act())
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                break

    def answer():
        thread.join()
        return answers[0]

    return answer


def test_nobody_is_told_that_all_are_gone_while_the_last_share_may_come_back():
    group = make_group()
    row, (first, second) = make_open_round(group, amount=10, shares=1), make_members(group, 2)
    with held_open(lambda: claim(row, first), undone=True):
        answer = _waiting_for_a_lock(lambda: claim(row, second))
    assert isinstance(answer(), EnvelopeShare)
    check_books(row)


def test_the_end_waits_for_a_claim_under_way_and_refunds_the_others():
    group = make_group()
    row, member = make_open_round(group, amount=100, shares=4, split="equal"), make_members(group, 1)[0]
    with held_open(lambda: claim(row, member)):
        answer = _waiting_for_a_lock(lambda: round_end(round_id=row.pk, now=NOW + HOUR))
    assert answer() == 75
    check_books(row)
