"""Every change of plans of Moments, and what they ask of the staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import Branch, User
from campaigns.content.models import Piece, PieceState, Series
from campaigns.moments.models import MomentsPlan, MomentsPost, MomentsSlot, MomentsState
from campaigns.playbooks.drawing import piece_next
from campaigns.posts.recurrence import localize
from members.models import StaffTask, TaskState
from members.work.services import task_draft, tasks_ensure

TASK = "moments"
# A task shows so long before its time, and is missed so long after it.
AHEAD = timedelta(hours=2)
LATE = timedelta(hours=1)
MOST_SLOTS = 12
# What is suggested for a day; the marked ones are the hours in which friends look and buy most.
SUGGESTED = (time(7, 30), time(9, 30), time(11, 30), time(14), time(16), time(18), time(19, 30), time(21))
BEST = frozenset({time(11, 30), time(18), time(21)})


class StaleMoments(Exception):
    """Somebody else saved the plan since it was opened; `version` is the one that stands now."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


@dataclass(frozen=True)
class SlotDraft:
    """A slot as somebody wrote it: one of text, piece and series."""

    at: time
    text: str = ""
    piece: Piece | None = None
    series: Series | None = None


def moments_save(
    *,
    by: User,
    now: datetime,
    plan: MomentsPlan | None,
    account: str,
    persona: str,
    user: User,
    is_active: bool,
    slots: Sequence[SlotDraft],
    branch: Branch | None = None,
    version: int | None = None,
) -> MomentsPlan:
    """Makes a plan (`plan` is None), or changes one with its slots. A slot at the same time is the same slot; the tasks
    of those taken out are called off. Raises StaleMoments, and ValidationError by field."""
    _check(account, user, slots, plan.branch if plan else branch)
    with transaction.atomic():
        if plan is None:
            current = MomentsPlan.objects.create(
                account=account, persona=persona, user=user, branch=branch, is_active=is_active, created_at=now
            )
            audit_record(by=by, action="moments.created", subject=current, after={"slots": len(slots)})
        else:
            current = MomentsPlan.objects.select_for_update().get(pk=plan.pk)
            if version is not None and version != current.version:
                raise StaleMoments(current.version)
            changes = {"account": account, "persona": persona, "user_id": user.pk, "is_active": is_active}
            before, after = changed_fields(current, changes)
            for name, value in after.items():
                setattr(current, name, value)
            current.version += 1
            current.save()
            audit_record(
                by=by, action="moments.changed", subject=current, before=before, after={**after, "slots": len(slots)}
            )
        known = {slot.at: slot for slot in current.slots.filter(removed_at=None)}
        for draft in slots:
            slot = known.pop(draft.at, None) or MomentsSlot(plan=current, at=draft.at)
            slot.text, slot.piece, slot.series = draft.text, draft.piece, draft.series
            slot.save()
        gone = [slot.pk for slot in known.values()]
        MomentsSlot.objects.filter(pk__in=gone).update(removed_at=now)
        waiting = MomentsPost.objects.filter(slot__plan=current, state=MomentsState.WAITING)
        called_off = waiting if not is_active else waiting.filter(slot__in=gone)
        _call_off(list(called_off), now)
    return current


def _check(account: str, user: User, slots: Sequence[SlotDraft], branch: Branch | None) -> None:
    errors: dict[str, str] = {}
    if not account.strip():
        errors["account"] = _("Write what the account is called.")
    if not user.may_write or (user.branch_id is not None and branch is not None and user.branch_id != branch.pk):
        errors["user"] = _("Choose somebody who works for this branch and may change something.")
    if not slots or len(slots) > MOST_SLOTS:
        errors["__all__"] = _("A day has 1 to %(most)d slots.") % {"most": MOST_SLOTS}
    if len({slot.at for slot in slots}) < len(slots):
        errors["__all__"] = _("Two slots have the same time.")
    if any(bool(slot.text) + bool(slot.piece) + bool(slot.series) != 1 for slot in slots):
        errors["__all__"] = _("Each slot has either a text, a piece of the library or a series.")
    if errors:
        raise ValidationError(errors)


def _call_off(posts: Sequence[MomentsPost], now: datetime) -> None:
    tasks = StaffTask.objects.filter(pk__in=[post.task_id for post in posts if post.task_id]).open()
    tasks.update(state=TaskState.CANCELLED, settled_at=now)
    MomentsPost.objects.filter(pk__in=[post.pk for post in posts], state=MomentsState.WAITING).update(
        state=MomentsState.SKIPPED, settled_at=now
    )


def moments_due(*, slot: MomentsSlot, day: date) -> datetime:
    return localize(datetime.combine(day, slot.at), timezone.get_default_timezone())


def moments_tick(*, now: datetime) -> int:
    """Gives the tasks whose slot comes near and marks those as missed whose hour is over; returns how many were given.
    Safe to run twice, and two at once."""
    given = 0
    days = {timezone.localdate(now), timezone.localdate(now + AHEAD)}
    slots = list(MomentsSlot.objects.filter(removed_at=None, plan__is_active=True, plan__user__is_active=True))
    made = set(MomentsPost.objects.filter(day__in=days).values_list("slot_id", "day"))
    for day in sorted(days):
        for slot in slots:
            due_at = moments_due(slot=slot, day=day)
            if due_at - AHEAD <= now <= due_at + LATE and (slot.pk, day) not in made:
                given += _give(slot.pk, day, due_at, now)
    _miss(now)
    return given


def _give(slot_id: int, day: date, due_at: datetime, now: datetime) -> bool:
    with transaction.atomic():
        slot = (
            MomentsSlot.objects.select_for_update(of=("self",))
            .select_related("piece", "series", "plan__user", "plan__branch")
            .get(pk=slot_id)
        )
        if slot.removed_at or MomentsPost.objects.filter(slot=slot, day=day).exists():
            return False
        piece = slot.piece
        if slot.series_id is not None:
            piece = piece_next(series_id=slot.series_id, at=due_at)
        usable = bool(slot.text) or (piece is not None and piece.state == PieceState.READY)
        text = slot.text or (f"{piece.text}\n{piece.link}".strip() if piece else "")
        post = MomentsPost.objects.create(slot=slot, day=day, due_at=due_at, text=text, piece=piece)
        if not usable:
            MomentsPost.objects.filter(pk=post.pk).update(state=MomentsState.EMPTY, settled_at=now)
            return False
        plan, key = slot.plan, f"{TASK}:{post.pk}"
        task = task_draft(
            kind=TASK,
            key=key,
            due_at=due_at,
            now=now,
            branch=plan.branch,
            assignee=plan.user,
            subject_id=post.pk,
            data={
                "text": plan.account,
                "words": text,
                "plan": plan.pk,
                "picture": piece.picture.token if piece and piece.picture else "",
            },
        )
        tasks_ensure([task])
        MomentsPost.objects.filter(pk=post.pk).update(task_id=StaffTask.objects.get(key=key).pk)
    return True


def _miss(now: datetime) -> None:
    """A Moment an hour late is none: it is missed, and its task goes."""
    late = MomentsPost.objects.filter(state=MomentsState.WAITING, due_at__lt=now - LATE)
    tasks = [task for task in late.values_list("task_id", flat=True) if task is not None]
    if not tasks:
        return
    with transaction.atomic():
        # The task first, as whoever settles it does: of both, one wins.
        over = StaffTask.objects.filter(pk__in=tasks).open()
        over.update(state=TaskState.CANCELLED, settled_at=now)
        gone = StaffTask.objects.filter(pk__in=tasks, state=TaskState.CANCELLED).values("pk")
        late.filter(task_id__in=gone).update(state=MomentsState.MISSED, settled_at=now)
