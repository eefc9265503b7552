"""The tasks that classes give to people."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from groups.services import group_archive, group_restore
from members.classes.misfits import MOVE
from members.classes.promotion import GRADUATED
from members.models import StaffTask
from members.work.kinds import Outcome, TaskKind, register


def _move_sentence(task: StaffTask) -> str:
    names = {"member": task.member, "group": task.group, "to": task.data.get("to", "")}
    if task.data.get("already"):
        return _("%(member)s is in “%(to)s” already: ask them to leave “%(group)s”") % names
    return _("Invite %(member)s from “%(group)s” to “%(to)s”") % names


def _closed(task: StaffTask, by: User, now: datetime) -> None:
    if task.group and task.outcome == "archived":
        group_archive(by=by, group=task.group)


def _opened(task: StaffTask, by: User, now: datetime) -> None:
    if task.group and task.outcome == "archived":
        group_restore(by=by, group=task.group)


def register_kinds() -> None:
    register(
        TaskKind(
            slug=MOVE,
            label=gettext_lazy("Move to a fitting group"),
            icon="arrow-right",
            sentence=_move_sentence,
            outcomes=(
                Outcome("moved", gettext_lazy("Moved")),
                Outcome("stays", gettext_lazy("Wants to stay"), asks_note=True),
            ),
            link=lambda task: reverse("members:detail", args=[task.member_id]),
        )
    )
    register(
        TaskKind(
            slug=GRADUATED,
            label=gettext_lazy("Decide on a group that left school"),
            icon="archive",
            sentence=lambda task: (
                _("“%(group)s” has no grade above it: archive it, or give it another purpose") % {"group": task.group}
            ),
            outcomes=(
                Outcome("archived", gettext_lazy("Archive it")),
                Outcome("kept", gettext_lazy("Keep it"), asks_note=True),
            ),
            link=lambda task: reverse("groups:detail", args=[task.group_id]),
            settled=_closed,
            reopened=_opened,
        )
    )
