"""Tasks with their words, for pages and API."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet

from accounts.models import User
from groups.roles.permissions import Rights, may, rights_in
from members.work.kinds import Outcome, TaskKind, Text, all_kinds, kind_of
from members.work.models import StaffTask, TaskState


@dataclass(frozen=True)
class TaskItem:
    """A task as people read it. `address` is where it can be judged, if its kind knows; empty otherwise. `up_to` are
    those whose affair it is, where the reader's role in the group does not let them settle it; else None."""

    task: StaffTask
    kind: TaskKind
    sentence: Text
    address: str
    is_late: bool
    up_to: list[User] | None = None

    @property
    def is_open(self) -> bool:
        return self.task.state == TaskState.OPEN

    @property
    def outcome(self) -> Text:
        """How it ended, in words."""
        found = next((choice.label for choice in self.kind.outcomes if choice.slug == self.task.outcome), "")
        return found or self.task.get_state_display()

    @property
    def quick(self) -> tuple[Outcome, ...]:
        """The outcomes that one press is enough for."""
        return tuple(choice for choice in self.kind.outcomes if not choice.asks_note)

    @property
    def asks(self) -> tuple[Outcome, ...]:
        """The outcomes that want a sentence."""
        return tuple(choice for choice in self.kind.outcomes if choice.asks_note)


def with_names(tasks: QuerySet[StaffTask]) -> QuerySet[StaffTask]:
    """Read with everything that the words of a task name."""
    return tasks.select_related("group", "member", "branch", "assignee", "settled_by")


def task_items(tasks: Iterable[StaffTask], now: datetime, rights: Rights | None = None) -> list[TaskItem]:
    """With `rights` in the groups of these tasks the items know what the reader may settle."""
    return [task_item(task, now, rights) for task in tasks]


def task_rights(tasks: Iterable[StaffTask], user: User) -> Rights:
    """What a person may do in the groups of these tasks. At most two queries."""
    return rights_in(user, {task.group_id for task in tasks if task.group_id})


def kinds_counted(tasks: QuerySet[StaffTask]) -> list[tuple[TaskKind, int]]:
    """How many tasks there are of each kind, most first. One query."""
    found = dict(tasks.order_by().values_list("kind").annotate(n=Count("pk")))
    counted = [(kind, found[kind.slug]) for kind in all_kinds() if kind.slug in found]
    return sorted(counted, key=lambda pair: -pair[1])


def task_may_settle(user: User, task: StaffTask) -> bool:
    """Whether the person may do in the task's group what it asks for."""
    permission = kind_of(task).permission
    return not permission or task.group is None or may(user, permission, task.group)


def task_item(task: StaffTask, now: datetime, rights: Rights | None = None) -> TaskItem:
    kind = kind_of(task)
    address = kind.link(task) if kind.link else ""
    is_late = task.state == TaskState.OPEN and task.due_at < now
    up_to = None
    if rights and kind.permission and task.group_id and not rights.may(kind.permission, task.group_id):
        up_to = rights.who(kind.permission, task.group_id)
    return TaskItem(task, kind, kind.sentence(task), address, is_late, up_to)
