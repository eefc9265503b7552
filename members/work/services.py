"""Every change of a staff task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts.audit import audit_record
from accounts.models import Branch, User
from groups.models import Group
from members.models import Member
from members.work.kinds import kind_of
from members.work.models import StaffTask, TaskState
from members.work.selectors import task_may_settle


def task_draft(
    *,
    kind: str,
    key: str,
    due_at: datetime,
    now: datetime,
    group: Group | None = None,
    member: Member | None = None,
    branch: Branch | None = None,
    assignee: User | None = None,
    subject_id: int | None = None,
    data: dict[str, Any] | None = None,
) -> StaffTask:
    """A task that is not saved yet, for tasks_ensure(). It belongs to the group's branch, else to `branch`."""
    return StaffTask(
        kind=kind,
        key=key,
        due_at=due_at,
        created_at=now,
        group=group,
        member=member,
        branch=group.branch if group else branch,
        assignee=assignee,
        subject_id=subject_id,
        data=data or {},
    )


def tasks_ensure(drafts: list[StaffTask]) -> None:
    """Makes the tasks whose key is new; the others stay as they are, also when they are settled."""
    StaffTask.objects.bulk_create(drafts, ignore_conflicts=True, batch_size=500)


def task_ensure(*, kind: str, key: str, due_at: datetime, now: datetime, **about: Any) -> StaffTask:
    """Makes a task, or finds the one that has its key. See task_draft for `about`."""
    tasks_ensure([task_draft(kind=kind, key=key, due_at=due_at, now=now, **about)])
    return StaffTask.objects.get(key=key)


def task_settle(
    *, by: User, now: datetime, task: StaffTask, outcome: str = "done", note: str = "", state: str = TaskState.DONE
) -> bool:
    """Ends an open task and does what its kind says. False when somebody else was quicker.

    `state` is done or skipped. Raises ValueError for an outcome that the kind does not know, PermissionDenied for
    somebody who may not do in the group what the task asks.
    """
    kind = kind_of(task)
    if not task_may_settle(by, task):
        raise PermissionDenied
    if state == TaskState.DONE and outcome not in {choice.slug for choice in kind.outcomes}:
        raise ValueError(f"{task.kind} has no outcome {outcome}")
    values = {
        "state": state,
        "outcome": outcome if state == TaskState.DONE else "",
        "note": note,
        "settled_at": now,
        "settled_by": by,
    }
    with transaction.atomic():
        if not StaffTask.objects.filter(pk=task.pk).open().update(**values):
            return False
        for name, value in values.items():
            setattr(task, name, value)
        if kind.settled:
            kind.settled(task, by, now)
        about = {"kind": task.kind, "state": state, "outcome": task.outcome, "note": note}
        audit_record(
            by=by, action="task.settled", subject=task, after={name: value for name, value in about.items() if value}
        )
    return True


def task_reopen(*, by: User, now: datetime, task: StaffTask) -> bool:
    """Takes task_settle back. False when the task is open, or when what followed cannot be taken back, or not by this
    person."""
    kind = kind_of(task)
    if not (kind.can_reopen and task_may_settle(by, task)):
        return False
    settled = [TaskState.DONE, TaskState.SKIPPED]
    with transaction.atomic():
        current = StaffTask.objects.select_for_update().filter(pk=task.pk, state__in=settled).first()
        if current is None:
            return False
        if kind.reopened:
            kind.reopened(current, by, now)
        before = {"kind": current.kind, "state": current.state, "outcome": current.outcome}
        after = {"kind": current.kind, "state": TaskState.OPEN}
        current.state, current.outcome, current.settled_at, current.settled_by = TaskState.OPEN, "", None, None
        current.save(update_fields=["state", "outcome", "settled_at", "settled_by"])
        audit_record(by=by, action="task.reopened", subject=current, before=before, after=after)
    return True


def tasks_reopen(*, by: User, now: datetime, tasks: Iterable[StaffTask]) -> int:
    """Takes several settlements back; returns how many could be."""
    with transaction.atomic():
        return sum(task_reopen(by=by, now=now, task=task) for task in tasks)


@dataclass(frozen=True)
class SettledMany:
    """`settled` are the tasks that were ended; `left` counts those that want a decision of their own."""

    settled: list[StaffTask]
    left: int


def tasks_settle(
    *, by: User, now: datetime, tasks: Iterable[StaffTask], outcome: str = "done", note: str = "", skip: bool = False
) -> SettledMany:
    """Ends several tasks alike. Left open is what has no such outcome, wants a sentence that is not given, is not this
    person's to settle, or was settled by somebody else meanwhile."""
    settled, left = [], 0
    with transaction.atomic():
        for task in tasks:
            choice = next((choice for choice in kind_of(task).outcomes if choice.slug == outcome), None)
            fits = skip or (choice is not None and (note or not choice.asks_note))
            fits = fits and task_may_settle(by, task)
            state = TaskState.SKIPPED if skip else TaskState.DONE
            if fits and task_settle(by=by, now=now, task=task, outcome=outcome, note=note, state=state):
                settled.append(task)
            else:
                left += 1
    return SettledMany(settled, left)


def tasks_cancel(*, now: datetime, **about: Any) -> int:
    """Cancels the open tasks that match (`kind=`, `member=`, `subject_id=`, ...) because their reason is gone."""
    return StaffTask.objects.filter(**about).open().update(state=TaskState.CANCELLED, settled_at=now)


def task_assign(*, by: User, task: StaffTask, assignee: User | None) -> None:
    """Gives an open task to somebody, or back to everybody."""
    before = task.assignee
    with transaction.atomic():
        if StaffTask.objects.filter(pk=task.pk).open().update(assignee=assignee):
            task.assignee = assignee
            audit_record(
                by=by,
                action="task.assigned",
                subject=task,
                before={"kind": task.kind, "assignee": before},
                after={"kind": task.kind, "assignee": assignee},
            )
