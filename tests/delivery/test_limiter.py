"""Never more than so many calls within the window, whoever calls and whatever Valkey forgets."""

from __future__ import annotations

import multiprocessing
import random
import time
from typing import Any

import pytest
from django.conf import settings as django_settings

from community_ops.health import broker
from delivery.limiter import Call, Limiter, Rate

pytestmark = pytest.mark.services
RATE = Rate(most=20, seconds=0.6)
HELD = 0.3
CALLERS, CALLS_EACH = 4, 40


@pytest.fixture(autouse=True)
def _empty(valkey):
    with broker() as client:
        client.flushall()


def test_the_window_is_never_exceeded_though_valkey_forgets_everything_again_and_again(tmp_path):
    """Several processes call as quickly as they may, each noting a call before it asks for its place, as the outbox
    does; meanwhile Valkey is emptied at random."""
    context = multiprocessing.get_context("fork")
    # Place, when it was noted, and when the call began and ended; zeros until then.
    notes = context.Array("d", [0.0] * (CALLERS * CALLS_EACH * 3))
    callers = [
        context.Process(target=_caller, args=(django_settings.REDIS_URL, notes, number)) for number in range(CALLERS)
    ]
    for caller in callers:
        caller.start()
    dice = random.Random(1)
    with broker() as client:
        while any(caller.is_alive() for caller in callers):
            time.sleep(dice.uniform(0.05, 0.4))
            client.flushall()
    for caller in callers:
        caller.join(timeout=30)

    arrived = sorted(notes[index + 2] for index in range(0, len(notes), 3))
    assert all(arrived)
    for first, last in zip(arrived, arrived[RATE.most :], strict=False):
        assert last - first > RATE.seconds


def _caller(url: str, notes: Any, number: int) -> None:
    django_settings.REDIS_URL = url
    limiter, dice = Limiter(RATE, held=HELD), random.Random(number)
    for call in range(CALLS_EACH):
        index = (number * CALLS_EACH + call) * 3
        while True:
            notes[index] = time.monotonic()
            wait = limiter.take("robot", [f"{index}"], lambda: _known(notes))
            if not wait:
                break
            notes[index] = 0.0
            time.sleep(min(wait, RATE.seconds) * dice.uniform(0.5, 1))
        time.sleep(dice.uniform(0, 0.01))
        notes[index + 2] = time.monotonic()  # here it reaches the receiver
        time.sleep(dice.uniform(0, 0.01))
        notes[index + 1] = time.monotonic()
        limiter.end("robot", [f"{index}"])


def _known(notes: Any) -> list[Call]:
    now, found = time.monotonic(), []
    for index in range(0, len(notes), 3):
        noted, ended = notes[index], notes[index + 1]
        if noted and not ended:
            found.append(Call(f"{index}", -HELD))
        elif noted and ended > now - RATE.seconds:
            found.append(Call(f"{index}", now - ended))
    return found


def test_a_robot_nobody_knows_of_takes_twenty_at_once():
    limiter = Limiter(Rate(20, 60))
    waits = [limiter.take("new", [f"{number}"], list) for number in range(22)]
    assert waits[:20] == [0.0] * 20
    assert all(59 < wait <= 60 for wait in waits[20:])


def test_a_long_queue_is_told_later_windows():
    limiter = Limiter(Rate(2, 60))
    waits = [limiter.take("long", [f"{number}"], list) for number in range(8)]
    assert waits[:2] == [0.0, 0.0]
    assert [round(wait / 60) for wait in waits[2:]] == [1, 1, 2, 2, 3, 3]


def test_two_places_are_given_together_or_not_at_all():
    limiter = Limiter(Rate(3, 60))
    assert limiter.take("pair", ["a:0", "a:1"], list) == 0
    assert limiter.take("pair", ["b:0", "b:1"], list) > 0
    assert limiter.take("pair", ["c:0"], list) == 0


def test_robots_do_not_count_each_other():
    limiter = Limiter(Rate(1, 60))
    assert limiter.take("one", ["a"], list) == 0
    assert limiter.take("two", ["a"], list) == 0
    limiter.shut("three")
    assert limiter.take("three", ["a"], list) > 0


def test_the_window_counts_from_the_end_of_a_call():
    limiter = Limiter(Rate(1, 0.3), held=5)
    assert limiter.take("slow", ["a"], list) == 0
    time.sleep(0.4)  # longer than the window, and still under way
    assert limiter.take("slow", ["b"], list) > 0
    limiter.end("slow", ["a"])
    time.sleep(0.35)
    assert limiter.take("slow", ["b"], list) == 0
