"""Roles, duties and tasks when several people act at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, connections

from accounts.models import AuditEntry, Role, User
from groups.models import Duty, DutyCheck, Group
from groups.roles.duties import DutyDraft, StaleDuties, duties_save, duties_version, duty_tick
from groups.roles.models import GroupRole, RolePermission, StaffRole
from groups.roles.services import role_permission_set, staff_role_grant
from members.models import MemberRole, Membership, StaffTask
from members.roles.services import member_role_grant
from members.work.notes import task_write
from members.work.services import task_settle
from tests.builders import NOW, make_group, make_member

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]
MANY = 4


def at_once(deed):
    """Runs `deed(number)` in MANY threads at the same instant; gives what each returned or raised."""
    barrier = threading.Barrier(MANY)
    answers: list[Any] = [None] * MANY

    def run(number):
        barrier.wait()
        try:
            answers[number] = deed(number)
        except Exception as error:
            answers[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[number]) for number in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.fixture
def people():
    return [User.objects.create_user(f"staff{number}", role=Role.OPERATOR) for number in range(MANY)]


def test_a_group_has_one_owner_however_many_are_named_at_once(people):
    group = make_group()
    answers = at_once(
        lambda number: staff_role_grant(
            by=people[0], now=NOW, group=Group.objects.get(pk=group.pk), user=people[number], role=GroupRole.OWNER
        )
    )
    assert all(isinstance(answer, StaffRole) for answer in answers), answers
    owner = StaffRole.objects.get(group=group)
    named = AuditEntry.objects.filter(action="group.staff_named").order_by("pk")
    assert named.count() == MANY
    assert named.last().after["user"] == str(owner.user)


def test_a_role_given_at_once_is_given_once(people):
    membership = Membership.objects.get(member=make_member(groups=[make_group()]))
    answers = at_once(
        lambda number: member_role_grant(by=people[number], now=NOW, membership=membership, role=GroupRole.LEADER)
    )
    assert {answer.pk for answer in answers} == {MemberRole.objects.get().pk}
    assert AuditEntry.objects.filter(action="member.role_given").count() == 1


def test_one_of_many_who_change_a_permission_does(people):
    changed = at_once(
        lambda number: role_permission_set(by=people[number], role="leader", permission="post", allowed=True)
    )
    assert sorted(changed) == [False, False, False, True]
    assert RolePermission.objects.get().allowed


def test_a_duty_is_ticked_once_in_each_group(people):
    duties_save(by=people[0], now=NOW, role="owner", drafts=[DutyDraft("迎新", "daily")])
    duty, groups = Duty.objects.get(), [make_group() for _number in range(3)]
    answers = at_once(lambda number: duty_tick(by=people[number], now=NOW, duty=duty, groups=groups))
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert DutyCheck.objects.count() == 3


@pytest.mark.parametrize("before", [[], [DutyDraft("迎新", "daily")]])
def test_of_many_who_edit_the_duties_of_a_role_one_wins_and_the_others_are_told(people, before):
    duties_save(by=people[0], now=NOW, role="owner", drafts=before)
    version = duties_version(Duty.objects.all())
    answers = at_once(
        lambda number: duties_save(
            by=people[number], now=NOW, role="owner", drafts=[DutyDraft(f"第 {number}", "daily")], version=version
        )
    )
    assert sum(isinstance(answer, StaleDuties) for answer in answers) == MANY - 1
    assert Duty.objects.in_force().count() == 1


def test_a_task_is_settled_once(people):
    task = task_write(by=people[0], now=NOW, text="x", due_at=NOW)
    answers = at_once(lambda number: task_settle(by=people[number], now=NOW, task=StaffTask.objects.get(pk=task.pk)))
    assert sorted(answers) == [False, False, False, True]
    assert AuditEntry.objects.filter(action="task.settled").count() == 1
