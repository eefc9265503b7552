"""What staff are asked to do for an activity: to take attendance, and to write about it afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from accounts.models import Branch, User
from campaigns.activities.models import Activity
from groups.models import Group
from members.models import StaffTask, TaskState
from members.work.services import task_draft, tasks_cancel, tasks_ensure

ATTENDANCE, REVIEW = "activity_attendance", "activity_review"
# A review that comes later than this is read by nobody.
REVIEW_WITHIN = timedelta(days=2)


def tasks_ask(*, activities: Iterable[Activity], kind: str, now: datetime) -> None:
    """Asks for something about these activities, once about each. Their groups have to be loaded."""
    drafts = []
    for activity in activities:
        groups = list(activity.groups.all())
        drafts.append(
            task_draft(
                kind=kind,
                key=_key(kind, activity),
                due_at=_due(kind, activity),
                now=now,
                group=groups[0] if len(groups) == 1 else None,
                branch=_branch(groups),
                assignee=activity.organiser,
                subject_id=activity.pk,
                data={"text": activity.title},
            )
        )
    tasks_ensure(drafts)


def _key(kind: str, activity: Activity) -> str:
    return f"{kind}:{activity.pk}"


def _due(kind: str, activity: Activity) -> datetime:
    assert activity.ends_at
    return activity.ends_at if kind == ATTENDANCE else activity.ends_at + REVIEW_WITHIN


def _branch(groups: list[Group]) -> Branch | None:
    """The branch whose staff see the task; headquarters where several branches are invited."""
    branches = {group.branch_id for group in groups}
    return groups[0].branch if len(branches) == 1 else None


def tasks_move(*, activity: Activity) -> None:
    """Gives what was asked the deadline that follows from the times as they are now."""
    StaffTask.objects.filter(key=_key(ATTENDANCE, activity)).open().update(due_at=_due(ATTENDANCE, activity))


def tasks_call_off(*, activity: Activity, now: datetime) -> None:
    tasks_cancel(now=now, kind=ATTENDANCE, subject_id=activity.pk)


def attendance_taken(*, activity: Activity, by: User | None, now: datetime) -> None:
    """Settles the task to take attendance once that is closed."""
    StaffTask.objects.filter(key=_key(ATTENDANCE, activity)).open().update(
        state=TaskState.DONE, outcome="done", settled_at=now, settled_by=by
    )
