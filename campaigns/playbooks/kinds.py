"""The tasks of playbooks: their words, and what follows when they are settled."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import User
from activity.models import BuiltInKind
from campaigns.playbooks.models import PlaybookRun, RunState, StepRun, StepState, StepTask, Why
from community_ops.templatetags.ui import words_for
from groups.models import Permission
from members.entry.kinds import FRIENDS, UNREACHABLE
from members.ingestion import Deed, events_by_hand, events_take_back
from members.models import StaffTask, TaskState
from members.work.kinds import DONE, Outcome, TaskKind, register

SENT = Outcome("sent", pgettext_lazy("task", "Sent"))
TOLD = Outcome("told", pgettext_lazy("task", "Told"))


def register_kinds() -> None:
    _register(
        StepTask.BEFRIEND,
        gettext_lazy("Playbook: add as a friend"),
        "user-plus",
        (Outcome(FRIENDS, pgettext_lazy("task", "Friends")), UNREACHABLE),
    )
    _register(StepTask.TELL, gettext_lazy("Playbook: tell the three things"), "message-circle", (TOLD, UNREACHABLE))
    _register(
        StepTask.BENCHMARK,
        gettext_lazy("Playbook: benchmark member"),
        "target",
        (Outcome("set", pgettext_lazy("task", "Set up"), asks_note=True),),
    )
    _register(StepTask.HELLO, gettext_lazy("Playbook: say hello"), "speakerphone")
    _register(StepTask.POST, gettext_lazy("Playbook: post by hand"), "send", (SENT,), permission=Permission.POST)
    _register(StepTask.DO, gettext_lazy("Playbook: to do"), "checklist")
    _register("personal", gettext_lazy("Playbook: message to a member"), "message", (SENT, UNREACHABLE))


def _register(
    slug: str, label: object, icon: str, outcomes: tuple[Outcome, ...] = (DONE,), permission: str = ""
) -> None:
    register(
        TaskKind(
            slug=f"playbook_{slug}",
            label=label,  # type: ignore[arg-type]
            icon=icon,
            sentence=_sentence,
            outcomes=outcomes,
            link=_link,
            settled=_settled,
            reopened=_reopened,
            permission=permission,
        )
    )


def _sentence(task: StaffTask) -> str:
    text = str(task.data.get("text", ""))
    if task.member and task.member.name not in text:
        text = _("%(what)s: %(member)s") % {"what": text, "member": task.member}
    since = parse_datetime(task.data.get("late_since", ""))
    if since is None:
        return text
    when = words_for(timezone.localtime(since), timezone.localtime(), with_clock=True)
    return _("%(what)s (came late: planned for %(when)s)") % {"what": text, "when": when}


def _link(task: StaffTask) -> str:
    if task.member_id:
        return reverse("members:detail", args=[task.member_id])
    return reverse("groups:detail", args=[task.group_id])


def _deed_ref(task: StaffTask) -> str:
    return f"task-{task.pk}"


def _settled(task: StaffTask, by: User, now: datetime) -> None:
    waiting = StepRun.objects.filter(pk=task.subject_id or 0, state=StepState.WAITING)
    if task.state == TaskState.DONE:
        waiting.update(state=StepState.DONE, settled_at=now)
    else:
        waiting.update(state=StepState.SKIPPED, why=Why.BY_PERSON, settled_at=now)
    if task.outcome == FRIENDS and task.member:
        deed = Deed(_deed_ref(task), task.member, task.group, BuiltInKind.FRIENDED, now)
        events_by_hand(deeds=[deed], now=now)


def _reopened(task: StaffTask, by: User, now: datetime) -> None:
    settled = StepRun.objects.filter(pk=task.subject_id or 0, task_id=task.pk)
    settled.filter(state__in=[StepState.DONE, StepState.SKIPPED]).update(
        state=StepState.WAITING, why="", settled_at=None
    )
    runs = PlaybookRun.objects.filter(steps__in=settled.values("pk"), state=RunState.FINISHED)
    runs.update(state=RunState.RUNNING, ended_at=None)
    events_take_back(refs=[_deed_ref(task)], now=now)
