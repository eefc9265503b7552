"""What operators ask of headquarters: to erase somebody."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from members.models import Member, StaffTask
from members.work.kinds import DONE, Outcome, TaskKind, register
from members.work.services import task_ensure

ERASE = "erase_member"
# Well within the thirty days that GB/T 35273-2020, 8.7 allows.
ANSWER_WITHIN = timedelta(days=15)


def erasure_request(*, by: User, now: datetime, member: Member) -> StaffTask:
    """Asks headquarters to erase somebody, once."""
    return task_ensure(
        kind=ERASE, key=f"erase:{member.pk}", due_at=now + ANSWER_WITHIN, now=now, member=member, data={"by": str(by)}
    )


def register_task_kind() -> None:
    register(
        TaskKind(
            slug=ERASE,
            label=gettext_lazy("Erase a member"),
            icon="trash",
            sentence=lambda task: _("Erase %(member)s: the person asked for it") % {"member": task.member},
            outcomes=(DONE, Outcome("refused", gettext_lazy("Refused"), asks_note=True)),
            link=lambda task: reverse("members:privacy", args=[task.member_id]),
        )
    )
