"""The task that a step of the ladder makes."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from groups.models import Permission
from members.models import StaffTask
from members.questions.services.escalation import ESCALATION
from members.work.kinds import Outcome, TaskKind, register


def _sentence(task: StaffTask) -> str:
    return _("%(member)s waits for an answer") % {"member": task.member}


def register_kinds() -> None:
    register(
        TaskKind(
            slug=ESCALATION,
            label=gettext_lazy("Question without an answer"),
            icon="help-circle",
            sentence=_sentence,
            outcomes=(Outcome("done", pgettext_lazy("task", "Seen to")),),
            link=lambda task: reverse("members:question", args=[task.subject_id]),
            permission=Permission.ANSWER,
        )
    )
