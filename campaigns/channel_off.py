"""What a channel that its receiver switched off asks of those who run the group."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from delivery.reasons import reason
from groups.models import Group, Permission
from members.models import StaffTask
from members.work.kinds import TaskKind, register
from members.work.services import task_draft, tasks_cancel, tasks_ensure

CHANNEL_OFF = "channel_off"


def channels_switched_off(*, destination_ids: Collection[int], code: str, now: datetime) -> None:
    """A task for each group whose messages go nowhere now."""
    tasks_ensure(
        [
            task_draft(
                kind=CHANNEL_OFF,
                key=f"{CHANNEL_OFF}:{group.pk}:{now.isoformat()}",
                due_at=now,
                now=now,
                group=group,
                data={"code": code},
            )
            for group in Group.objects.open().filter(destination__in=destination_ids).select_related("branch")
        ]
    )


def channels_switched_on(*, destination_ids: Collection[int], now: datetime) -> None:
    tasks_cancel(now=now, kind=CHANNEL_OFF, group__destination__in=destination_ids)


def _sentence(task: StaffTask) -> str:
    return _("“%(group)s” gets no messages. %(why)s") % {
        "group": task.group,
        "why": reason(task.data.get("code", ""), ""),
    }


def register_kind() -> None:
    register(
        TaskKind(
            slug=CHANNEL_OFF,
            label=gettext_lazy("Set up a channel again"),
            icon="alert-circle",
            sentence=_sentence,
            link=lambda task: reverse("campaigns:group_channel", args=[task.group_id]),
            permission=Permission.POST,
        )
    )
