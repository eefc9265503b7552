"""Tasks that staff write down themselves, in their own words."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from django.db import transaction
from django.utils.translation import pgettext_lazy

from accounts.audit import audit_record
from accounts.models import User
from groups.models import Group
from members.work.kinds import DONE, TaskKind, register
from members.work.models import StaffTask
from members.work.services import task_draft

NOTE = "note"


def register_kind() -> None:
    register(
        TaskKind(
            slug=NOTE,
            label=pgettext_lazy("task", "Own words"),
            icon="pencil",
            sentence=lambda task: str(task.data.get("text", "")),
            outcomes=(DONE,),
        )
    )


def task_write(
    *, by: User, now: datetime, text: str, due_at: datetime, group: Group | None = None, assignee: User | None = None
) -> StaffTask:
    """A task in somebody's own words, for a group or for none."""
    draft = task_draft(
        kind=NOTE,
        key=f"{NOTE}:{uuid4().hex}",
        due_at=due_at,
        now=now,
        group=group,
        branch=by.branch,
        assignee=assignee,
        data={"text": text},
    )
    with transaction.atomic():
        draft.save()
        audit_record(
            by=by, action="task.written", subject=draft, after={"text": text, "due_at": due_at, "assignee": assignee}
        )
    return draft
