"""The kinds of tasks. Each part of the product registers its own when it starts, as

register(
    TaskKind(
        slug="befriend",
        label=_("Add as a friend"),
        icon="users",
        sentence=lambda task: _("Add %(member)s as a friend") % {"member": task.member},
        outcomes=(Outcome("done", _("Added")), Outcome("refused", _("Refused"))),
        settled=member_befriended,
    )
)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from accounts.models import User
from members.work.models import StaffTask

Text = str | Promise


@dataclass(frozen=True)
class Outcome:
    """A way in which a task ends. With `asks_note` the person is asked for a sentence."""

    slug: str
    label: Text
    asks_note: bool = False


DONE = Outcome("done", pgettext_lazy("task", "Done"))


@dataclass(frozen=True)
class TaskKind:
    """What the product knows of a kind of task.

    `sentence` says what is to be done, in the reader's language, from `task` with its group and member loaded. `link`
    is the address where it can be judged. `permission` is what one must be allowed in the task's group to settle it.
    `settled` and `reopened` run in the transaction that settles the task or
    takes that back; `settled` also runs for "skipped", see task.state. What can be taken back has both or neither.
    """

    slug: str
    label: Text
    icon: str
    sentence: Callable[[StaffTask], Text]
    outcomes: tuple[Outcome, ...] = (DONE,)
    link: Callable[[StaffTask], str] | None = None
    settled: Callable[[StaffTask, User, datetime], None] | None = None
    reopened: Callable[[StaffTask, User, datetime], None] | None = None
    permission: str = ""

    @property
    def can_reopen(self) -> bool:
        return (self.settled is None) == (self.reopened is None)


_KINDS: dict[str, TaskKind] = {}


def register(kind: TaskKind) -> None:
    _KINDS[kind.slug] = kind


def kind_of(task: StaffTask) -> TaskKind:
    return _KINDS[task.kind]


def all_kinds() -> list[TaskKind]:
    return list(_KINDS.values())
