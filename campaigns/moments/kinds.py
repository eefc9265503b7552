"""The task to post something to the Moments of an account."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import User
from campaigns.moments.models import MomentsPost, MomentsState
from campaigns.moments.services import TASK
from members.models import StaffTask, TaskState
from members.work.kinds import Outcome, TaskKind, register


def register_kinds() -> None:
    register(
        TaskKind(
            slug=TASK,
            label=gettext_lazy("Post to Moments"),
            icon="photo",
            sentence=lambda task: _("Post this to the Moments of %(account)s") % {"account": task.data.get("text", "")},
            outcomes=(Outcome("posted", pgettext_lazy("task", "Posted")),),
            link=lambda task: reverse("campaigns:moments_plan", args=[task.data.get("plan", 0)]),
            settled=_settled,
            reopened=_reopened,
        )
    )


def _settled(task: StaffTask, by: User, now: datetime) -> None:
    state = MomentsState.POSTED if task.state == TaskState.DONE else MomentsState.SKIPPED
    MomentsPost.objects.filter(pk=task.subject_id or 0, state=MomentsState.WAITING).update(state=state, settled_at=now)


def _reopened(task: StaffTask, by: User, now: datetime) -> None:
    settled = MomentsPost.objects.filter(pk=task.subject_id or 0)
    settled.filter(state__in=[MomentsState.POSTED, MomentsState.SKIPPED]).update(
        state=MomentsState.WAITING, settled_at=None
    )
