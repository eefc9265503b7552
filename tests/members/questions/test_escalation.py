"""The ladder: each step once, in service time, and none once somebody answered."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Role, User
from groups.models import GroupRole
from groups.roles.services import staff_role_grant
from members.models import EscalationStep, StaffTask
from members.questions.duty import on_duty
from members.questions.services import escalations_run
from members.questions.services.deciding import DutyDraft, duty_add, swap_set
from members.questions.tasks import escalate_questions
from tests.base import Cast
from tests.builders import NOW, make_group, make_member
from tests.members.questions.things import answer, ask, hours

pytestmark = pytest.mark.django_db


@pytest.fixture
def bo(cast: Cast) -> User:
    return User.objects.create_user("bo", role=Role.OPERATOR, branch=cast.hangzhou)


@pytest.fixture
def group(cast: Cast):
    hours(NOW)
    group = make_group("阅读打卡", branch=cast.hangzhou)
    staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.mei, role=GroupRole.OWNER)
    return group


def told() -> list[str]:
    tasks = StaffTask.objects.open().filter(kind="question_waits").order_by("pk")
    return [str(task.assignee or "everybody") for task in tasks]


def test_each_step_is_told_once_and_an_answer_ends_what_is_left(cast, bo, group, time_machine):
    duty_add(by=cast.mei, draft=DutyDraft(bo, range(7), 0, 1440), branch=cast.hangzhou)
    question = ask(make_member("子涵妈妈", [group]), group, NOW)
    found = []
    for seconds in (29, 30, 59, 60, 299, 300, 1000):
        time_machine.move_to(NOW + timedelta(seconds=seconds), tick=False)
        for _time in range(2):
            escalate_questions()
        found.append(told())
    assert found == [
        [],
        ["bo"],
        ["bo"],
        ["bo", "mei"],
        ["bo", "mei"],
        ["bo", "mei", "lin"],
        ["bo", "mei", "lin"],
    ]
    answer(question, bo, NOW + timedelta(seconds=1001))
    assert told() == []
    assert escalations_run(now=NOW + timedelta(days=1)) == 0


def test_an_answer_cancels_the_steps_that_are_still_to_come(cast, group):
    question = ask(make_member("子涵妈妈", [group]), group, NOW)
    answer(question, cast.mei, NOW + timedelta(seconds=10))
    assert escalations_run(now=NOW + timedelta(hours=1)) == 0
    assert set(EscalationStep.objects.values_list("state", flat=True)) == {"cancelled"}


def test_outside_of_service_hours_nobody_is_told(cast, group):
    noon = [[[0, 12 * 60]]] * 7  # NOW is noon
    hours(NOW, noon, version=1)
    ask(make_member("子涵妈妈", [group]), group, NOW)
    assert escalations_run(now=NOW + timedelta(hours=11)) == 0
    assert escalations_run(now=NOW + timedelta(hours=12, seconds=30)) == 1


def test_a_step_without_its_person_goes_up_the_ladder_and_in_the_end_to_everybody(cast, group):
    ask(make_member("子涵妈妈", [group]), group, NOW)
    escalations_run(now=NOW + timedelta(seconds=30))
    assert told() == ["mei"], "nobody is on duty: the owner is told"
    User.objects.filter(pk__in=[cast.mei.pk, cast.lin.pk]).update(is_active=False)
    escalations_run(now=NOW + timedelta(seconds=60))
    assert told() == ["mei", "everybody"]


def test_on_duty_are_the_windows_of_the_group_before_those_of_its_branch_with_swaps_by_day(cast, bo, group):
    from zoneinfo import ZoneInfo

    def now_on_duty(at=NOW):
        return [str(user) for user in on_duty(group=group, at=at, zone=ZoneInfo("Asia/Shanghai"))]

    assert now_on_duty() == []
    duty_add(by=cast.mei, draft=DutyDraft(cast.mei, [0], 720, 780), branch=cast.hangzhou)
    assert now_on_duty() == ["mei"]
    assert now_on_duty(NOW + timedelta(hours=1)) == [], "the end of a window is outside of it"
    assert now_on_duty(NOW + timedelta(days=1)) == []
    duty_add(by=cast.mei, draft=DutyDraft(bo, [0], 0, 1440), group=group)
    assert now_on_duty() == ["bo"]
    swap_set(by=cast.mei, day=NOW.date(), absent=bo, substitute=cast.mei)
    assert now_on_duty() == ["mei"]
    swap_set(by=cast.mei, day=NOW.date(), absent=bo, substitute=None)
    assert now_on_duty() == []
