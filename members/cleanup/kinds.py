"""The task of a clean-up: its words, and what follows when it is settled."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import User
from groups.models import Permission
from members.cleanup.models import CleanupItem, ItemState
from members.cleanup.services import TASK, cleanup_item_reopen, cleanup_item_settle
from members.models import StaffTask
from members.work.kinds import Outcome, TaskKind, register

REMOVED = "removed"


def register_kinds() -> None:
    register(
        TaskKind(
            slug=TASK,
            label=gettext_lazy("Remove from the group"),
            icon="user-minus",
            sentence=_sentence,
            outcomes=(
                Outcome(REMOVED, pgettext_lazy("task", "Is out of the group")),
                Outcome("kept", pgettext_lazy("task", "Stays"), asks_note=True),
            ),
            link=lambda task: reverse("members:detail", args=[task.member_id]),
            settled=_settled,
            reopened=_reopened,
            permission=Permission.REVIEW,
        )
    )


def _sentence(task: StaffTask) -> str:
    return _("Remove %(member)s from %(group)s in WeChat: %(reason)s") % {
        "member": task.member,
        "group": task.group,
        "reason": task.data.get("reason", ""),
    }


def _item(task: StaffTask) -> CleanupItem:
    return CleanupItem.objects.get(pk=task.subject_id or 0)


def _settled(task: StaffTask, by: User, now: datetime) -> None:
    state = ItemState.REMOVED if task.outcome == REMOVED else ItemState.KEPT
    cleanup_item_settle(by=by, now=now, item=_item(task), state=state, note=task.note)


def _reopened(task: StaffTask, by: User, now: datetime) -> None:
    cleanup_item_reopen(by=by, now=now, item=_item(task))
