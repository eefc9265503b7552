"""How runs of playbooks end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from campaigns.playbooks.models import PlaybookRun, RunState, StepRun, StepState, Why
from groups.models import GroupState
from members.models import Membership, StaffTask, TaskState

BATCH = 200


def runs_end(*, now: datetime) -> int:
    """Ends runs whose member left, whose group was closed, or which were switched off; returns how many."""
    running = PlaybookRun.objects.running()
    left = Membership.objects.filter(left_at__isnull=False, last_seen_at__lte=F("left_at"))
    ended = runs_halt(running.filter(membership__in=left), why=Why.LEFT, now=now)
    closed = running.exclude(group__state=GroupState.ACTIVE)
    return ended + runs_halt(closed, why=Why.CLOSED, now=now)


def runs_halt(runs: Iterable[PlaybookRun], *, why: str, now: datetime, state: str = RunState.CANCELLED) -> int:
    """Ends running runs with what is still open of them; returns how many."""
    ids = [run.pk for run in runs]
    halted = 0
    for start in range(0, len(ids), BATCH):
        with transaction.atomic():
            part = ids[start : start + BATCH]
            halted += PlaybookRun.objects.running().filter(pk__in=part).update(state=state, why=why, ended_at=now)
            steps_cancel(StepRun.objects.filter(run__in=part), why=why, now=now)
    return halted


def steps_cancel(steps: Iterable[StepRun], *, why: str, now: datetime) -> int:
    """Calls off what is open of these, with the tasks that the staff have for it; returns how many."""
    ids = [step.pk for step in steps]
    cancelled = StepRun.objects.filter(pk__in=ids).open().update(state=StepState.CANCELLED, why=why, settled_at=now)
    if cancelled:
        called_off = StepRun.objects.filter(pk__in=ids, state=StepState.CANCELLED, task_id__isnull=False)
        tasks = StaffTask.objects.filter(pk__in=list(called_off.values_list("task_id", flat=True)))
        tasks.open().update(state=TaskState.CANCELLED, settled_at=now)
    return cancelled


def runs_finish(*, now: datetime) -> int:
    """Marks runs as through of which nothing is open."""
    still = StepRun.objects.open().filter(run=OuterRef("pk"))
    return PlaybookRun.objects.running().filter(~Exists(still)).update(state=RunState.FINISHED, ended_at=now)
