"""Roles in groups, tasks of staff and the audit trail through the API."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import AuditEntry, Role, User
from groups.roles.models import Permission, StaffRole
from groups.roles.permissions import OPERATOR
from groups.roles.services import role_permission_set, staff_role_grant
from groups.services import group_archive
from members.models import MemberRole, StaffTask, TaskState
from members.work import kinds
from members.work.kinds import Outcome, TaskKind
from members.work.notes import task_write
from members.work.services import task_ensure
from tests.api.base import Caller, assert_problem
from tests.builders import NOW, make_group, make_member


@pytest.fixture
def group(cast):
    return make_group("杭州·阅读", branch=cast.hangzhou, external_id="g1")


# Roles


def test_roles_of_staff_and_members_are_given_and_listed(cast, group):
    member = make_member(groups=[group])
    mei = Caller(cast.mei)
    address = f"/groups/{group.pk}/roles/"
    staff = mei.post(address, {"role": "owner", "user": "mei"})
    assert staff.status_code == 201
    leader = mei.post(address, {"role": "leader", "member": member.external_id})
    assert leader.json()["id"] == MemberRole.objects.get().pk
    rows = mei.get(address).json()
    assert rows["next"] is None
    assert [(row["role"], row["user"], row["member"]) for row in rows["results"]] == [
        ("owner", "mei", None),
        ("leader", None, member.external_id),
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"role": "leader"}, ""),
        ({"role": "leader", "user": "mei", "member": "x"}, ""),
        ({"role": "king", "user": "mei"}, "/role"),
        ({"role": "owner", "user": "nobody"}, "/user"),
        ({"role": "leader", "user": "mei"}, "/role"),
        ({"role": "owner", "user": "out"}, "/user"),
        ({"role": "leader", "member": "nobody"}, "/member"),
    ],
)
def test_what_cannot_be_given_says_why(cast, group, body, pointer):
    problem = assert_problem(Caller(cast.mei).post(f"/groups/{group.pk}/roles/", body), 400, "invalid")
    assert problem["errors"][0]["pointer"] == pointer
    assert not StaffRole.objects.exists()


def test_the_matrix_and_the_owner_decide_through_the_api_too(cast, group):
    member = make_member(groups=[group])
    staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.lin, role="owner")
    role_permission_set(by=cast.lin, role=OPERATOR, permission=Permission.REVIEW, allowed=False)
    mei = Caller(cast.mei)
    address = f"/groups/{group.pk}/roles/"
    assert_problem(mei.post(address, {"role": "administrator", "user": "mei"}), 403, "not_permitted")
    assert_problem(mei.post(address, {"role": "leader", "member": member.external_id}), 403, "not_permitted")
    assert_problem(Caller(cast.out).get(address), 404, "not_found")


# Tasks


def test_tasks_are_listed_by_state_kind_and_group_and_settled_once(cast, group):
    task = task_write(by=cast.mei, now=NOW, text="换群公告", due_at=NOW + timedelta(days=1), group=group)
    task_write(by=cast.lin, now=NOW, text="总部的", due_at=NOW)
    mei = Caller(cast.mei)
    row = mei.get("/tasks/", group="g1", kind="note").json()["results"][0]
    assert (row["text"], row["outcomes"], row["state"]) == ("换群公告", ["done"], "open")
    assert len(mei.get("/tasks/").json()["results"]) == 1
    assert len(Caller(cast.lin).get("/tasks/").json()["results"]) == 2
    settled = mei.post(f"/tasks/{task.pk}/settle/", {"outcome": "done", "note": "换好了"}, Idempotency_Key="k")
    assert settled.json()["note"] == "换好了"
    again = mei.post(f"/tasks/{task.pk}/settle/", {"outcome": "done", "note": "换好了"}, Idempotency_Key="k")
    assert again.json() == settled.json()
    assert_problem(mei.post(f"/tasks/{task.pk}/settle/", {}), 409, "task_settled")
    assert [row["id"] for row in mei.get("/tasks/", state="done").json()["results"]] == [task.pk]
    assert mei.get("/tasks/", state="nonsense").json()["results"] == []


def test_an_outcome_must_fit_and_may_want_a_note(cast, group, monkeypatch):
    monkeypatch.setattr(kinds, "_KINDS", dict(kinds._KINDS))
    kinds.register(
        TaskKind("test-call", "Call", "phone", lambda task: "x", outcomes=(Outcome("refused", "No", asks_note=True),))
    )
    task = task_ensure(kind="test-call", key="a", due_at=NOW, now=NOW, group=group)
    mei = Caller(cast.mei)
    address = f"/tasks/{task.pk}/settle/"
    assert assert_problem(mei.post(address, {}), 400, "invalid")["errors"][0]["code"] == "unknown_outcome"
    problem = assert_problem(mei.post(address, {"outcome": "refused"}), 400, "invalid")
    assert problem["errors"][0]["pointer"] == "/note"
    assert mei.post(address, {"outcome": "skip"}).json()["state"] == TaskState.SKIPPED
    assert StaffTask.objects.get().settled_by == cast.mei


# Audit


def test_administrators_read_the_trail_and_nobody_else(cast, group):
    group_archive(by=cast.mei, group=group)
    lin = Caller(cast.lin)
    rows = lin.get("/audit/", subject=f"groups.group:{group.pk}").json()["results"]
    assert [row["action"] for row in rows] == ["group.created", "group.archived"]
    assert rows[1]["actor"] == "mei"
    assert lin.get("/audit/", action="group.archived", since="2100-01-01T00:00:00+08:00").json()["results"] == []
    assert_problem(lin.get("/audit/", since="yesterday"), 400, "invalid")
    for person in (cast.mei, cast.ana):
        assert Caller(person).get("/audit/").status_code == 403


def test_an_administrator_of_a_branch_reads_what_is_the_branchs(cast, group):
    make_group(branch=cast.chengdu)
    User.objects.filter(pk=cast.mei.pk).update(role=Role.ADMIN)
    cast.mei.refresh_from_db()
    rows = Caller(cast.mei).get("/audit/").json()["results"]
    assert [row["subject"] for row in rows] == [f"groups.group:{group.pk}"]
    assert AuditEntry.objects.count() == 2
