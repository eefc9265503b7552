"""Playbooks when several engines and people act at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import time
from typing import Any

import pytest
from django.db import connection, connections

from accounts.models import Role, User
from campaigns.models import Playbook, PlaybookRun, StepRun
from campaigns.moments.services import SlotDraft, moments_save, moments_tick
from campaigns.playbooks.content import content_parse
from campaigns.playbooks.ending import runs_end
from campaigns.playbooks.engine import playbooks_tick
from campaigns.playbooks.services import playbook_of_plan, playbook_save, run_stop
from delivery.models import Delivery
from groups.models import Group
from members.models import StaffTask
from tests.builders import NOW, make_group
from tests.campaigns.playbook_things import DAY, HOUR, JOINING, happen, make_playbook

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]
EVENING = NOW + 8 * HOUR
WITHOUT_EVENING = "\n".join(line for line in JOINING.splitlines() if "key: evening" not in line)


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """Runs the deeds in threads at the same instant; gives what each returned or raised."""
    barrier = threading.Barrier(len(deeds))
    answers: list[Any] = [None] * len(deeds)

    def run(number: int) -> None:
        barrier.wait()
        try:
            answers[number] = deeds[number]()
        except Exception as error:
            answers[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[number]) for number in range(len(deeds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    return answers


@pytest.fixture
def mei() -> User:
    return User.objects.create_user("mei", role=Role.OPERATOR)


@pytest.fixture
def group() -> Group:
    return make_group("阅读群", now=NOW - 30 * DAY)


def engine(now: Any) -> Callable[[], Any]:
    return lambda: playbooks_tick(now=now)


def test_of_several_engines_each_run_message_and_task_is_made_once(mei, group):
    make_playbook(JOINING, mei, NOW)
    for number in range(10):
        happen(f"成员{number}", group, NOW)
    at_once(*[engine(NOW + HOUR)] * 4)
    assert PlaybookRun.objects.count() == 10
    assert StaffTask.objects.count() == 10
    at_once(*[engine(EVENING)] * 4)
    assert Delivery.objects.count() == 1
    assert StepRun.objects.filter(step__key="evening", state="done").count() == 10


def test_an_edit_while_the_engine_runs_leaves_every_run_with_the_steps_that_hold(mei, group):
    playbook = make_playbook(JOINING, mei, NOW)
    for number in range(10):
        happen(f"成员{number}", group, NOW)

    def edit() -> None:
        playbook_save(
            by=mei,
            now=NOW + HOUR,
            playbook=Playbook.objects.get(pk=playbook.pk),
            content=content_parse(WITHOUT_EVENING),
        )

    at_once(engine(NOW + HOUR), edit, engine(NOW + HOUR))
    planned = StepRun.objects.filter(state="planned")
    assert planned.filter(step__key="evening").count() == 0
    assert planned.filter(step__key="asked").count() == 10


def test_what_is_called_off_while_it_is_due_is_either_done_or_not_done_at_all(mei, group):
    make_playbook(JOINING, mei, NOW)
    happen("甲", group, NOW)
    playbooks_tick(now=NOW)
    third_day = NOW + 3 * DAY
    run = PlaybookRun.objects.get()
    at_once(engine(third_day), lambda: run_stop(by=mei, now=third_day, run=run), engine(third_day))
    runs_end(now=third_day)
    assert not StaffTask.objects.open().exists()
    assert not StepRun.objects.open().exists()


def test_who_leaves_while_a_task_is_due_leaves_no_task_behind(mei, group):
    make_playbook(JOINING, mei, NOW)
    happen("甲", group, NOW)
    playbooks_tick(now=NOW)
    third_day = NOW + 3 * DAY
    at_once(engine(third_day), lambda: happen("甲", group, third_day, "left"), engine(third_day))
    playbooks_tick(now=third_day + HOUR)
    assert PlaybookRun.objects.get().why == "left"
    assert not StaffTask.objects.open().exists()


def test_the_playbook_of_a_preset_is_made_once(mei):
    make = lambda: playbook_of_plan(by=None, now=NOW, motivation="growth").pk  # noqa: E731
    assert len(set(at_once(*[make] * 4))) == 1


def test_a_slot_of_moments_is_asked_for_once(mei):
    slots = [SlotDraft(time(13), "一")]
    moments_save(by=mei, now=NOW, plan=None, account="小美", persona="", user=mei, is_active=True, slots=slots)
    at_once(*[lambda: moments_tick(now=NOW)] * 4)
    assert StaffTask.objects.count() == 1
