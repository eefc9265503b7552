"""The tasks that violations lead to, where WeChat offers no call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from accounts.models import User
from activity.models import BuiltInKind
from groups.models import Action, Permission
from members.conduct.acknowledgements import UNREAD
from members.conduct.services import INVITE_BACK, TASK_KINDS, UNMUTE
from members.ingestion.by_hand import Deed, events_by_hand, events_take_back
from members.models import StaffTask, TaskState
from members.work.kinds import DONE, Outcome, TaskKind, register

REFUSED = Outcome("refused", pgettext_lazy("task", "Not done"), asks_note=True)


def _sentence(words: str | Promise) -> Callable[[StaffTask], str]:
    def sentence(task: StaffTask) -> str:
        return str(words) % {"member": task.member, "rule": task.data.get("rule", "")}

    return sentence


def _unread_sentence(task: StaffTask) -> str:
    number = task.data.get("number", 0)
    words = ngettext(
        "%(number)d member of %(group)s has not read the rules: send them their link",
        "%(number)d members of %(group)s have not read the rules: send them their link",
        number,
    )
    return words % {"number": number, "group": task.group}


def _link(task: StaffTask) -> str:
    return reverse("members:violation", args=[task.subject_id])


def _ref(task: StaffTask) -> str:
    return f"conduct:{task.pk}:{task.settled_at}"


def member_removed(task: StaffTask, by: User, now: datetime) -> None:
    """The membership ends with the task, by an event as any other departure."""
    if task.state == TaskState.DONE and task.outcome == DONE.slug and task.member and task.group:
        properties = {"reason": "removed", "violation": task.subject_id}
        deed = Deed(_ref(task), task.member, task.group, BuiltInKind.LEFT, now, properties=properties)
        events_by_hand(deeds=[deed], now=now)


def member_not_removed(task: StaffTask, by: User, now: datetime) -> None:
    """Takes member_removed back: nobody left."""
    events_take_back(refs=[_ref(task)], now=now)


def register_kinds() -> None:
    words = {
        Action.REMIND: (gettext_lazy("Remind of a rule"), "message", gettext_lazy("Remind %(member)s: %(rule)s")),
        Action.WARN: (gettext_lazy("Warn"), "alert-triangle", gettext_lazy("Warn %(member)s: %(rule)s")),
        Action.MUTE: (gettext_lazy("Mute"), "message-2", gettext_lazy("Mute %(member)s for: %(rule)s")),
    }
    for action, (label, icon, sentence) in words.items():
        register(
            TaskKind(
                slug=TASK_KINDS[action],
                label=label,
                icon=icon,
                sentence=_sentence(sentence),
                outcomes=(DONE, REFUSED),
                link=_link,
                permission=Permission.MODERATE,
            )
        )
    register(
        TaskKind(
            slug=TASK_KINDS[Action.REMOVE],
            label=gettext_lazy("Remove from the group"),
            icon="user-minus",
            sentence=_sentence(gettext_lazy("Remove %(member)s from the group for: %(rule)s")),
            outcomes=(DONE, REFUSED),
            link=_link,
            permission=Permission.MODERATE,
            settled=member_removed,
            reopened=member_not_removed,
        )
    )
    register(
        TaskKind(
            slug=INVITE_BACK,
            label=gettext_lazy("Invite back"),
            icon="user-plus",
            sentence=_sentence(gettext_lazy("Invite %(member)s back: the removal was overturned")),
            outcomes=(DONE, REFUSED),
            link=_link,
            permission=Permission.MODERATE,
        )
    )
    register(
        TaskKind(
            slug=UNMUTE,
            label=gettext_lazy("Lift the mute"),
            icon="message",
            sentence=_sentence(gettext_lazy("Let %(member)s write again: the mute was overturned")),
            outcomes=(DONE, REFUSED),
            link=_link,
            permission=Permission.MODERATE,
        )
    )
    register(
        TaskKind(
            slug=UNREAD,
            label=gettext_lazy("Remind of unread rules"),
            icon="checklist",
            sentence=_unread_sentence,
            link=lambda task: reverse("members:group_rules", args=[task.subject_id]),
        )
    )
