"""The tasks of activities: their words."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from campaigns.activities.services.asking import ATTENDANCE, REVIEW
from members.models import StaffTask
from members.work.kinds import Outcome, TaskKind, register


def _page(task: StaffTask, tab: str) -> str:
    return f"{reverse('campaigns:activity', args=[task.subject_id or 0])}?tab={tab}"


def register_kinds() -> None:
    register(
        TaskKind(
            slug=ATTENDANCE,
            label=gettext_lazy("Activity: attendance"),
            icon="ticket",
            sentence=lambda task: _("Take attendance of %(title)s") % {"title": task.data.get("text", "")},
            outcomes=(Outcome("done", pgettext_lazy("task", "Taken")),),
            link=lambda task: _page(task, "attendance"),
        )
    )
    register(
        TaskKind(
            slug=REVIEW,
            label=gettext_lazy("Activity: review"),
            icon="pencil",
            sentence=lambda task: (
                _("Write a review of %(title)s for its groups") % {"title": task.data.get("text", "")}
            ),
            outcomes=(Outcome("done", pgettext_lazy("task", "Written")),),
            link=lambda task: _page(task, "review"),
        )
    )
