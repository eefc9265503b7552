"""Every change of playbooks by people. What carries them out stands in engine.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import Branch, User
from campaigns.content.models import Piece, Series
from campaigns.playbooks.beginning import (
    Begin,
    deadline_of,
    due_of,
    opened_lately,
    runs_make,
    step_run_draft,
    without_own,
)
from campaigns.playbooks.content import PlaybookContent, StepContent, content_of, content_text
from campaigns.playbooks.ending import runs_halt, steps_cancel
from campaigns.playbooks.models import (
    Playbook,
    PlaybookOff,
    PlaybookRun,
    PlaybookState,
    PlaybookStep,
    PlaybookVersion,
    RunState,
    Starts,
    StepKind,
    StepRun,
    StepState,
    StepTask,
    Why,
)
from campaigns.playbooks.selectors import groups_of
from campaigns.posts.services import not_permitted
from groups.models import Group, GroupPlan, Permission
from groups.presets.selectors import preset_for
from members.models import Membership, StaffTask, TaskState

# What of a step decides when it is due.
TIMES = ("day", "at")
OF_STEP = (
    "day", "at", "kind", "task", "title", "text", "late", "late_minutes", "within_hours", "role", "piece_id",
    "series_id",
)  # fmt: skip


class StalePlaybook(Exception):
    """Somebody else saved the playbook since it was opened; `text` and `version` are how it stands now."""

    def __init__(self, text: str, version: int) -> None:
        super().__init__(version)
        self.text, self.version = text, version


@dataclass(frozen=True)
class Replanned:
    """What an edit does to the runs under way: steps planned anew, moved and called off, and how many runs that are.
    `passed` are new steps whose time is over already."""

    runs: int = 0
    added: int = 0
    moved: int = 0
    cancelled: int = 0
    passed: int = 0


@dataclass
class _Steps:
    """The rows of an edited playbook: those that stay or are new, and those that were taken out."""

    kept: list[PlaybookStep] = field(default_factory=list)
    new: list[PlaybookStep] = field(default_factory=list)
    moved: list[PlaybookStep] = field(default_factory=list)
    removed: list[PlaybookStep] = field(default_factory=list)


def playbook_create(
    *, by: User | None, now: datetime, content: PlaybookContent, branch: Branch | None, preset: str = ""
) -> Playbook:
    """A new playbook, as a draft. Raises ValidationError for groups or content that are not known in its branch."""
    with transaction.atomic():
        playbook = Playbook.objects.create(
            name=content.name,
            starts=content.starts,
            date=content.date,
            branch=branch,
            preset=preset,
            created_by=by,
            created_at=now,
            updated_at=now,
        )
        _write(playbook, content, by, now)
        audit_record(by=by, action="playbook.created", subject=playbook, after={"steps": len(content.steps)})
    return playbook


def playbook_save(
    *, by: User, now: datetime, playbook: Playbook, content: PlaybookContent, version: int | None = None
) -> Replanned:
    """Replaces what a playbook says, and plans anew what runs: steps that are done stay, planned ones move, new ones
    appear if their time is still ahead, and those taken out are called off.

    With `version` a change that somebody else made meanwhile is not overwritten: StalePlaybook. Raises ValidationError.
    """
    with transaction.atomic():
        current = Playbook.objects.select_for_update().get(pk=playbook.pk)
        if version is not None and version != current.version:
            raise StalePlaybook(content_text(content_of(current)), current.version)
        if not current.is_open:
            raise ValidationError(_("This playbook is retired and cannot be changed any more."), code="retired")
        if current.starts != content.starts and current.runs.running().exists():
            raise ValidationError(
                _("It has begun: what its days are counted from can only be changed in a copy."), code="begun"
            )
        before, after = changed_fields(current, {"name": content.name, "about": content.about, "date": content.date})
        done = _write(current, content, by, now)
        if current.state == PlaybookState.RUNNING:
            _check_may_post(by, current)
        audit_record(
            by=by,
            action="playbook.changed",
            subject=current,
            before={**before, "version": current.version - 1},
            after={**after, "version": current.version},
        )
    playbook.refresh_from_db()
    return done


def playbook_preview(*, playbook: Playbook, content: PlaybookContent, now: datetime) -> Replanned:
    """What playbook_save() would do to the runs under way. Changes nothing; raises ValidationError as it does."""
    steps = _sorted(playbook, content)
    return _replan(playbook, steps, now, write=False)


def _write(playbook: Playbook, content: PlaybookContent, by: User | None, now: datetime) -> Replanned:
    steps = _sorted(playbook, content)
    groups = _groups_named(playbook, content)
    playbook.name, playbook.about = content.name, content.about
    playbook.starts, playbook.date = content.starts, content.date
    playbook.motivations = list(content.motivations)
    playbook.version += 1
    playbook.updated_at = now
    playbook.save()
    playbook.groups.set(groups)
    for step in (*steps.kept, *steps.new):
        step.save()
    for step in steps.removed:
        step.removed_at = now
        step.save(update_fields=["removed_at"])
    PlaybookVersion.objects.create(
        playbook=playbook, number=playbook.version, text=content_text(content), saved_at=now, saved_by=by
    )
    return _replan(playbook, steps, now, write=True)


def _sorted(playbook: Playbook, content: PlaybookContent) -> _Steps:
    """The rows that the content asks for, not saved yet."""
    known = {step.key: step for step in PlaybookStep.objects.filter(playbook=playbook)}
    found = _Steps()
    pieces, series = _of_library(playbook, content)
    for position, wanted in enumerate(content.steps):
        step = known.pop(wanted.key, None) or PlaybookStep(playbook=playbook, key=wanted.key)
        is_new = step._state.adding or step.removed_at is not None
        values = _values(wanted, pieces, series)
        moved = not is_new and any(getattr(step, name) != values[name] for name in TIMES)
        for name, value in values.items():
            setattr(step, name, value)
        step.position, step.removed_at = position, None
        (found.new if is_new else found.kept).append(step)
        if moved:
            found.moved.append(step)
    found.removed = [step for step in known.values() if step.removed_at is None]
    return found


def _values(step: StepContent, pieces: dict[str, int], series: dict[str, int]) -> dict[str, Any]:
    values = {name: getattr(step, name) for name in OF_STEP if not name.endswith("_id")}
    return values | {"piece_id": pieces.get(step.piece), "series_id": series.get(step.series)}


def _of_library(playbook: Playbook, content: PlaybookContent) -> tuple[dict[str, int], dict[str, int]]:
    """The pieces and series that the content names, by their names. Raises ValidationError for unknown ones."""
    within = Q(branch=None) | Q(branch=playbook.branch) if playbook.branch_id else Q(branch=None)
    titles = {step.piece for step in content.steps if step.piece}
    names = {step.series for step in content.steps if step.series}
    ready = Piece.objects.filter(within, title__in=titles).ready().order_by("branch_id", "pk")
    lasting = Series.objects.filter(within, name__in=names, retired_at=None).order_by("branch_id", "pk")
    pieces = dict(ready.values_list("title", "pk")) if titles else {}
    series = dict(lasting.values_list("name", "pk")) if names else {}
    if missing := sorted((titles - pieces.keys()) | (names - series.keys())):
        raise ValidationError(
            _("The content library has no %(names)s that this playbook may use.") % {"names": _joined(missing)},
            code="unknown_content",
        )
    return pieces, series


def _groups_named(playbook: Playbook, content: PlaybookContent) -> list[Group]:
    groups = Group.objects.filter(external_id__in=content.groups)
    if playbook.branch_id is not None:
        groups = groups.filter(branch_id=playbook.branch_id)
    found = list(groups)
    if missing := sorted(set(content.groups) - {group.external_id for group in found}):
        raise ValidationError(
            _("There is no group with this id within reach: %(names)s.") % {"names": _joined(missing)},
            code="unknown_group",
        )
    return found


def _joined(names: list[str]) -> str:
    return ", ".join(f"“{name}”" for name in names[:5])


def _replan(playbook: Playbook, steps: _Steps, now: datetime, *, write: bool) -> Replanned:
    """Brings the runs under way in line with the steps; without `write` only counts what that would change."""
    runs = list(playbook.runs.running()) if playbook.pk else []
    if not runs:
        return Replanned()
    by_id = {run.pk: run for run in runs}
    planned = StepRun.objects.filter(run__in=by_id, state=StepState.PLANNED)
    moved = []
    anew = {step.pk: step for step in steps.moved}
    for row in planned.filter(step__in=anew):
        due_at = due_of(anew[row.step_id], by_id[row.run_id].starts_on)
        if due_at != row.due_at:
            row.due_at, row.deadline = due_at, deadline_of(anew[row.step_id], due_at)
            moved.append(row)
    gone = list(StepRun.objects.filter(run__in=by_id, step__in=steps.removed).open())
    drafts, passed, revived = [], 0, []
    back = {(row.run_id, row.step_id): row for row in _called_off(by_id, steps)}
    for run in runs:
        for step in steps.new:
            draft = step_run_draft(run, step, now)
            if draft.due_at <= now:
                passed += 1
            elif old := back.get((run.pk, step.pk)):
                old.due_at, old.deadline = draft.due_at, draft.deadline
                old.state, old.why, old.settled_at = StepState.PLANNED, "", None
                revived.append(old)
            else:
                drafts.append(draft)
    if write:
        for row in moved:
            # What was carried out meanwhile stays as it is.
            planned.filter(pk=row.pk).update(due_at=row.due_at, deadline=row.deadline)
        steps_cancel(gone, why=Why.REMOVED, now=now)
        StepRun.objects.bulk_create(drafts, ignore_conflicts=True, batch_size=500)
        StepRun.objects.bulk_update(revived, ["due_at", "deadline", "state", "why", "settled_at"], batch_size=500)
    return Replanned(len(runs), len(drafts) + len(revived), len(moved), len(gone), passed)


def _called_off(runs: Iterable[int], steps: _Steps) -> Iterable[StepRun]:
    """The steps of runs that an earlier edit had taken out and this one brings back."""
    back = [step.pk for step in steps.new if step.pk]
    return StepRun.objects.filter(run__in=runs, step__in=back, state=StepState.CANCELLED, why=Why.REMOVED, task_id=None)


def _check_may_post(by: User, playbook: Playbook) -> None:
    """Raises ValidationError when its messages would go to groups to which the person may not post."""
    if not playbook.steps.filter(removed_at=None, kind=StepKind.MESSAGE).exists():
        return
    permitted = Group.objects.permitted(by, Permission.POST)
    refused = list(groups_of(playbook).exclude(pk__in=permitted.values("pk")).values_list("name", flat=True)[:6])
    if refused:
        raise not_permitted(refused)


def playbook_run(*, by: User, now: datetime, playbook: Playbook) -> bool:
    """Lets a draft or a paused playbook run. What came due while it was paused follows: tasks late, messages by the
    choice of their step. False when it ran already. Raises ValidationError where the person may not post."""
    _check_may_post(by, playbook)
    return _move(
        by, now, playbook, (PlaybookState.DRAFT, PlaybookState.PAUSED), PlaybookState.RUNNING, running_since=now
    )


def playbook_pause(*, by: User, now: datetime, playbook: Playbook) -> bool:
    """Holds a playbook: nothing begins and nothing is carried out until it runs again. Tasks given stay."""
    return _move(by, now, playbook, (PlaybookState.RUNNING,), PlaybookState.PAUSED)


def playbook_retire(*, by: User, now: datetime, playbook: Playbook) -> int | None:
    """Ends a playbook for good, with its runs; returns how many ran, nothing when it was retired already."""
    with transaction.atomic():
        open_states = (PlaybookState.DRAFT, PlaybookState.RUNNING, PlaybookState.PAUSED)
        if not _move(by, now, playbook, open_states, PlaybookState.RETIRED):
            return None
        return runs_halt(playbook.runs.running(), why=Why.RETIRED, now=now)


def _move(
    by: User, now: datetime, playbook: Playbook, states: Iterable[str], state: PlaybookState, **values: Any
) -> bool:
    with transaction.atomic():
        current = Playbook.objects.select_for_update().get(pk=playbook.pk)
        if current.state not in states:
            return False
        before = current.state
        Playbook.objects.filter(pk=playbook.pk).update(state=state, updated_at=now, **values)
        audit_record(
            by=by, action=f"playbook.{state}", subject=playbook, before={"state": before}, after={"state": str(state)}
        )
    playbook.state = state
    return True


def step_skip(*, by: User, now: datetime, step_run: StepRun) -> bool:
    """Leaves out a planned step of one run. False when it is not planned any more. A step that is with the staff is
    settled by its task."""
    with transaction.atomic():
        planned = StepRun.objects.filter(pk=step_run.pk, state=StepState.PLANNED)
        if not planned.update(state=StepState.SKIPPED, why=Why.BY_PERSON, settled_at=now):
            return False
        audit_record(by=by, action="playbook.step_skipped", subject=step_run.run, after={"step": step_run.step.title})
    return True


def step_unskip(*, by: User, step_run: StepRun) -> bool:
    """Takes step_skip back."""
    with transaction.atomic():
        skipped = StepRun.objects.filter(
            pk=step_run.pk, state=StepState.SKIPPED, why=Why.BY_PERSON, task_id=None, run__state__in=_ALIVE
        )
        if not skipped.update(state=StepState.PLANNED, why="", settled_at=None):
            return False
        _revive(step_run.run_id)
        audit_record(by=by, action="playbook.step_planned", subject=step_run.run, after={"step": step_run.step.title})
    return True


_ALIVE = (RunState.RUNNING, RunState.FINISHED)


def _revive(run_id: int) -> None:
    """A run that was through has something open again."""
    PlaybookRun.objects.filter(pk=run_id, state=RunState.FINISHED).update(state=RunState.RUNNING, ended_at=None)


def run_stop(*, by: User, now: datetime, run: PlaybookRun) -> bool:
    """Ends one run with what is still open of it. False when it was over."""
    with transaction.atomic():
        if not runs_halt([run], why=Why.STOPPED, now=now, state=RunState.STOPPED):
            return False
        audit_record(by=by, action="playbook.run_stopped", subject=run)
    return True


def run_continue(*, by: User, run: PlaybookRun) -> bool:
    """Takes run_stop back: what it called off is planned again, and its tasks are open again."""
    with transaction.atomic():
        stopped = PlaybookRun.objects.filter(pk=run.pk, state=RunState.STOPPED)
        if not stopped.update(state=RunState.RUNNING, ended_at=None, why=""):
            return False
        back = StepRun.objects.filter(run=run, state=StepState.CANCELLED, why=Why.STOPPED)
        tasks = back.exclude(task_id=None).values("task_id")
        StaffTask.objects.filter(pk__in=tasks, state=TaskState.CANCELLED).update(state=TaskState.OPEN, settled_at=None)
        back.filter(task_id=None).update(state=StepState.PLANNED, why="", settled_at=None)
        back.exclude(task_id=None).update(state=StepState.WAITING, why="", settled_at=None)
        audit_record(by=by, action="playbook.run_continued", subject=run)
    return True


def run_begin(
    *,
    by: User,
    now: datetime,
    playbook: Playbook,
    group: Group,
    membership: Membership | None = None,
    starts_on: date | None = None,
) -> PlaybookRun:
    """Begins a run by hand, from today on or from `starts_on`. What lies before now is left out.

    Raises ValidationError when the playbook does not run, does not fit what it is begun for, runs there already, or
    would post where the person may not.
    """
    if playbook.state != PlaybookState.RUNNING:
        raise ValidationError(_("This playbook does not run. Let it run first."), code="not_running")
    if (playbook.starts == Starts.JOINING) != (membership is not None):
        raise ValidationError(_("This playbook is begun for members, or for groups, but not for this."), code="unfit")
    in_reach = playbook.branch_id is None or playbook.branch_id == group.branch_id
    if not in_reach or not group.may_be_posted_to or (membership and not membership.is_present):
        raise ValidationError(_("It cannot begin there: the group is closed, elsewhere, or they left."), code="unfit")
    if not Group.objects.filter(pk=group.pk).permitted(by, Permission.POST).exists():
        raise not_permitted([group.name])
    with transaction.atomic():
        current = Playbook.objects.select_for_update().get(pk=playbook.pk)
        runs = PlaybookRun.objects.filter(playbook=current, group=group, membership=membership)
        if runs.running().exists():
            raise ValidationError(_("It is under way there already."), code="running")
        subject = f"member:{membership.pk}" if membership else f"group:{group.pk}"
        begin = Begin(
            f"{subject}:hand{runs.count() + 1}" if current.starts in _BY_TIME else f"{subject}:{runs.count() + 1}",
            group,
            starts_on or timezone.localdate(now),
            now,
            membership,
        )
        made = runs_make(playbook=current, drafts=[begin], now=now)
        if not made:
            raise ValidationError(_("It is under way there already."), code="running")
        audit_record(by=by, action="playbook.run_started", subject=made[0], after={"playbook": playbook.name})
    return made[0]


_BY_TIME = (Starts.DATE, Starts.WEEKDAY)


def playbook_switch(*, by: User, now: datetime, playbook: Playbook, group: Group, on: bool) -> bool:
    """Switches a playbook off in one group, which ends what runs of it there, or on again. False when it was so."""
    with transaction.atomic():
        if on:
            changed = bool(PlaybookOff.objects.filter(playbook=playbook, group=group).delete()[0])
        else:
            # Under the lock of the playbook, so that no run begins beside it.
            Playbook.objects.select_for_update().get(pk=playbook.pk)
            _off, changed = PlaybookOff.objects.get_or_create(playbook=playbook, group=group)
            runs_halt(playbook.runs.running().filter(group=group), why=Why.OFF, now=now)
        if changed:
            action = "playbook.switched_on" if on else "playbook.switched_off"
            audit_record(by=by, action=action, subject=group, after={"playbook": playbook.name})
    return changed


def playbook_of_plan(*, by: User | None, now: datetime, motivation: str) -> Playbook:
    """The playbook of a motivation's preset; made from the preset as it stands, and running, where there is none yet.
    Raises ValidationError when somebody retired or paused it."""
    with transaction.atomic():
        found = Playbook.objects.filter(preset=motivation).first()
        if found is None:
            try:
                with transaction.atomic():
                    found = playbook_create(
                        by=by, now=now, content=_of_preset(motivation), branch=None, preset=motivation
                    )
            except IntegrityError:
                found = Playbook.objects.get(preset=motivation)  # somebody else was quicker
            else:
                Playbook.objects.filter(pk=found.pk).update(state=PlaybookState.RUNNING, running_since=now)
                found.refresh_from_db()
    return found


def _of_preset(motivation: str) -> PlaybookContent:
    """The plan of a preset as tasks of the staff: its texts say what to do, they are not said to members."""
    preset = preset_for(motivation)
    steps = []
    for number, step in enumerate(preset.days, start=1):
        benchmark = "标杆" in step.title
        steps.append(
            StepContent(
                key=f"day-{step.day}-{number}",
                day=step.day,
                at=time(9),
                kind=StepKind.TASK.value,
                task=(StepTask.BENCHMARK if benchmark else StepTask.DO).value,
                title=step.title,
                text=step.text,
                within_hours=36,
            )
        )
    return PlaybookContent(
        name=preset.name[:80],
        about=preset.summary[:500],
        starts=Starts.OPENING.value,
        motivations=(motivation,),
        steps=tuple(steps),
    )


def plans_take_over(*, now: datetime) -> int:
    """Makes the playbook of a preset for groups that opened lately with its plan and that no other playbook begins;
    returns how many were made."""
    lately = GroupPlan.objects.filter(group__in=without_own(opened_lately(now)).values("pk"))
    motivations = set(lately.values_list("motivation", flat=True))
    motivations -= set(Playbook.objects.exclude(preset="").values_list("preset", flat=True))
    for motivation in sorted(motivations):
        playbook_of_plan(by=None, now=now, motivation=motivation)
    return len(motivations)
