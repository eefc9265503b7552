"""Carrying out single steps: a message goes to the outbox, a task to the staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from campaigns.content.models import Piece, PieceState
from campaigns.playbooks.drawing import piece_next
from campaigns.playbooks.models import (
    Late,
    PlaybookStep,
    StepKind,
    StepRun,
    StepState,
    StepTask,
    Why,
)
from campaigns.playbooks.texts import said_by_hand, said_to_group
from campaigns.posts.drawing import OF_PLAYBOOKS
from campaigns.posts.sources import content_of_piece
from delivery.models import Delivery, Missed
from delivery.services import Content, NewDelivery, deliveries_plan, message_create
from groups.channel import channel_kind
from groups.models import Group, StaffRole
from members.entry.models import EntryPlan
from members.models import Membership, StaffTask
from members.work.services import task_draft, tasks_ensure

# A task that shows later than this says so.
ON_TIME = timedelta(minutes=30)
# What the way in of a group asks of its staff already, where it onboards.
OF_ENTRY = (StepTask.BEFRIEND, StepTask.TELL)


def message_say(*, step_id: int, group_id: int, due_at: datetime, now: datetime) -> int:
    """Says a step to a group once, about all whose run has come to it at that time; returns how many steps of runs
    that settles. The message goes the way of posts; how late it may leave is the step's own choice."""
    with transaction.atomic():
        mine = StepRun.objects.due(now).filter(step_id=step_id, run__group_id=group_id, due_at=due_at)
        found = mine.select_for_update(of=("self",)).order_by("pk")
        rows = list(
            found.select_related("step__piece", "step__series", "run__group__destination", "run__membership__member")
        )
        if not rows:
            return 0
        step, group = rows[0].step, rows[0].run.group
        about = [row.run.membership for row in rows if row.run.membership]
        present = [membership for membership in about if membership.is_present]
        key = f"{OF_PLAYBOOKS}{step.pk}:{group.pk}:{due_at:%Y%m%dT%H%M}"
        why = _against(step, rows, about, present, key, now)
        delivery_id = None
        if not why:
            content = _content(step, group, present, due_at, now)
            if content is None:
                why = Why.NO_CONTENT
            else:
                delivery_id = _deliver(content, step, group, key, due_at)
        ids = [row.pk for row in rows]
        settled = StepRun.objects.filter(pk__in=ids, state=StepState.PLANNED)
        if why:
            return settled.update(state=StepState.SKIPPED, why=why, settled_at=now)
        return settled.update(state=StepState.DONE, settled_at=now, delivery_id=delivery_id)


def _against(
    step: PlaybookStep,
    rows: Sequence[StepRun],
    about: Sequence[Membership],
    present: Sequence[Membership],
    key: str,
    now: datetime,
) -> str:
    """Why it is not said, or nothing."""
    if about and not present:
        return Why.LEFT
    if not rows[0].run.group.may_be_posted_to:
        return Why.CLOSED
    if now > rows[0].deadline:
        return Why.TOO_LATE
    # Somebody whose run was begun later than the others': the group has heard it.
    return Why.SAID if Delivery.objects.filter(dedupe_key=key).exists() else ""


def _content(
    step: PlaybookStep, group: Group, about: Sequence[Membership], due_at: datetime, now: datetime
) -> Content | None:
    """What the step says in this group, with its variables filled in; nothing where the library has nothing for it."""
    if step.text:
        content = Content(title=step.title, text=step.text)
    else:
        piece = step.piece if step.piece_id else _drawn(step, due_at)
        if piece is None or piece.state != PieceState.READY:
            return None
        content = content_of_piece(piece, step.series)
    return replace(
        content,
        title=said_to_group(content.title, group, about, now)[:200],
        text=said_to_group(content.text, group, about, now),
        has_variables=False,
    )


def _drawn(step: PlaybookStep, due_at: datetime) -> Piece | None:
    """The next piece of the step's series; all groups in which it is due at one time get the same."""
    assert step.series_id is not None
    others = Delivery.objects.filter(dedupe_key__startswith=f"{OF_PLAYBOOKS}{step.pk}:", due_at=due_at)
    same = others.exclude(message__piece_id=None).values_list("message__piece_id", flat=True).first()
    if same is not None:
        return Piece.objects.filter(pk=same).first()
    return piece_next(series_id=step.series_id, at=due_at)


def _deliver(content: Content, step: PlaybookStep, group: Group, key: str, due_at: datetime) -> int:
    row = NewDelivery(
        dedupe_key=key,
        kind=channel_kind(group),
        destination_id=group.destination_id,
        group_id=group.pk,
        group_ref=group.external_id,
        due_at=due_at,
        missed=Missed.LATE if step.late == Late.LATE else Missed.SKIP,
        late_until=due_at + timedelta(minutes=step.late_minutes if step.late == Late.LATE else 5),
    )
    deliveries_plan(message=message_create(content=content), rows=[row])
    return Delivery.objects.get(kind=row.kind, dedupe_key=key).pk


def tasks_give(*, now: datetime, most: int) -> int:
    """Gives the staff the next tasks that are due; returns how many steps that settles or hands over."""
    with transaction.atomic():
        due = StepRun.objects.due(now).exclude(step__kind=StepKind.MESSAGE)
        found = due.select_for_update(of=("self",), skip_locked=True).order_by("due_at", "pk")
        rows = list(
            found.select_related("step", "run__playbook", "run__group__branch", "run__membership__member")[:most]
        )
        if not rows:
            return 0
        groups = {row.run.group_id for row in rows}
        onboarding = set(EntryPlan.objects.filter(group__in=groups, onboards=True).values_list("group_id", flat=True))
        staff = _staff(groups)
        left, entry, drafts = [], [], {}
        for row in rows:
            membership = row.run.membership
            if membership is not None and not membership.is_present:
                left.append(row.pk)
            elif row.step.task in OF_ENTRY and row.run.group_id in onboarding:
                entry.append(row.pk)
            else:
                assignee = staff.get((row.run.group_id, row.step.role)) if row.step.role else None
                drafts[row.pk] = _draft(row, membership, assignee, now)
        planned = StepRun.objects.filter(state=StepState.PLANNED)
        planned.filter(pk__in=left).update(state=StepState.CANCELLED, why=Why.LEFT, settled_at=now)
        planned.filter(pk__in=entry).update(state=StepState.SKIPPED, why=Why.ENTRY, settled_at=now)
        tasks_ensure(list(drafts.values()))
        made = StaffTask.objects.filter(key__in=[draft.key for draft in drafts.values()])
        tasks = {task.subject_id: task.pk for task in made}
        for row in rows:
            if row.pk in drafts:
                row.state, row.task_id = StepState.WAITING, tasks[row.pk]
        StepRun.objects.bulk_update([row for row in rows if row.pk in drafts], ["state", "task_id"], batch_size=500)
    return len(rows)


def _staff(groups: set[int]) -> dict[tuple[int, str], User]:
    """Who has which role in these groups; of several administrators the first."""
    roles = StaffRole.objects.filter(group__in=groups, user__is_active=True).select_related("user").order_by("-pk")
    return {(role.group_id, role.role): role.user for role in roles}


def task_kind(step: PlaybookStep) -> str:
    """The kind of staff task that a step becomes."""
    return f"playbook_{step.task or 'personal'}"


def _draft(row: StepRun, membership: Membership | None, assignee: User | None, now: datetime) -> StaffTask:
    step, group = row.step, row.run.group
    data = {
        "text": said_by_hand(step.title, group, membership, now),
        "words": said_by_hand(step.text, group, membership, now),
        "playbook": row.run.playbook.name,
    }
    if now - row.due_at > ON_TIME:
        data["late_since"] = timezone.localtime(row.due_at).isoformat(timespec="minutes")
    return task_draft(
        kind=task_kind(step),
        key=f"playbook:{row.pk}",
        due_at=row.deadline,
        now=now,
        group=group,
        member=membership.member if membership else None,
        assignee=assignee,
        subject_id=row.pk,
        data=data,
    )
