"""The tasks of entry and of the first days: their words, and what follows when they are settled."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from accounts.models import User
from activity.models import BuiltInKind
from groups.models import Permission
from members.entry.models import Application, Newcomer
from members.entry.services.applications import INVITE
from members.entry.services.newcomers import REMIND, TASK
from members.ingestion import Deed, events_by_hand, events_take_back
from members.models import StaffTask
from members.work.kinds import Outcome, TaskKind, register

FRIENDS = "friends"
TOLD = "told"
JOINED = "joined"
UNREACHABLE = Outcome("unreachable", pgettext_lazy("task", "Not reached"), asks_note=True)


def register_kinds() -> None:
    register(
        TaskKind(
            slug=INVITE,
            label=gettext_lazy("Invite into the group"),
            icon="user-plus",
            sentence=_invite_sentence,
            outcomes=(Outcome(JOINED, pgettext_lazy("task", "Is in the group")), UNREACHABLE),
            link=lambda task: reverse("members:application", args=[task.subject_id]),
            settled=_invite_settled,
            reopened=_invite_reopened,
            permission=Permission.INVITE,
        )
    )
    register(
        TaskKind(
            slug=TASK,
            label=gettext_lazy("Meet a newcomer"),
            icon="message-circle",
            sentence=lambda task: (
                _("Add %(member)s as a friend and tell them the three things") % {"member": task.member}
            ),
            outcomes=(
                Outcome(FRIENDS, pgettext_lazy("task", "Friends, and told")),
                Outcome(TOLD, pgettext_lazy("task", "Told in the group only")),
                UNREACHABLE,
            ),
            link=lambda task: reverse("members:detail", args=[task.member_id]),
            settled=_newcomer_settled,
            reopened=_newcomer_reopened,
        )
    )
    register(
        TaskKind(
            slug=REMIND,
            label=gettext_lazy("Ask for introductions"),
            icon="speakerphone",
            sentence=_remind_sentence,
            link=lambda task: reverse("members:group_entry", args=[task.group_id]),
        )
    )


def _invite_sentence(task: StaffTask) -> str:
    contact = task.data.get("contact")
    if contact:
        return _("Invite %(member)s (WeChat id %(contact)s) into %(group)s") % {
            "member": task.member,
            "contact": contact,
            "group": task.group,
        }
    return _("Invite %(member)s into %(group)s") % {"member": task.member, "group": task.group}


def _remind_sentence(task: StaffTask) -> str:
    number = int(task.data.get("number", 1))
    return ngettext(
        "Ask a newcomer of %(group)s to introduce themselves",
        "Ask %(number)d newcomers of %(group)s to introduce themselves",
        number,
    ) % {"number": number, "group": task.group}


def _deed(task: StaffTask, kind: str, now: datetime, channel: str = "") -> Deed:
    assert task.member is not None
    return Deed(f"task-{task.pk}", task.member, task.group, kind, now, channel)


def _invite_settled(task: StaffTask, by: User, now: datetime) -> None:
    if task.outcome == JOINED:
        channel = Application.objects.filter(pk=task.subject_id or 0).values_list("channel", flat=True).first()
        events_by_hand(deeds=[_deed(task, BuiltInKind.JOINED, now, channel or "")], now=now)


def _invite_reopened(task: StaffTask, by: User, now: datetime) -> None:
    events_take_back(refs=[f"task-{task.pk}"], now=now)


def _newcomer_settled(task: StaffTask, by: User, now: datetime) -> None:
    if task.outcome in (FRIENDS, TOLD):
        Newcomer.objects.filter(pk=task.subject_id or 0).update(told_at=now)
    if task.outcome == FRIENDS:
        events_by_hand(deeds=[_deed(task, BuiltInKind.FRIENDED, now)], now=now)


def _newcomer_reopened(task: StaffTask, by: User, now: datetime) -> None:
    Newcomer.objects.filter(pk=task.subject_id or 0).update(told_at=None)
    events_take_back(refs=[f"task-{task.pk}"], now=now)
