"""How runs of playbooks begin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from campaigns.playbooks.models import (
    Late,
    Playbook,
    PlaybookRun,
    PlaybookState,
    PlaybookStep,
    Starts,
    StepKind,
    StepRun,
    StepState,
    Why,
)
from campaigns.playbooks.selectors import groups_of
from campaigns.posts.recurrence import localize
from groups.models import Group
from groups.querysets import GroupQuerySet
from members.entry.services.newcomers import FRESH, is_another_joining, joined_lately
from members.models import Membership

# A week is planned on the day before it begins.
AHEAD = timedelta(days=1)


@dataclass(frozen=True)
class Begin:
    """A run to be begun. `key` is its identity."""

    key: str
    group: Group
    starts_on: date
    started_at: datetime
    membership: Membership | None = None


def runs_begin(*, now: datetime) -> int:
    """Begins what is to begin by now in every playbook that runs; returns how many runs."""
    begun = 0
    for playbook in Playbook.objects.running().order_by("pk"):
        drafts = {
            Starts.JOINING: _joinings,
            Starts.OPENING: _openings,
            Starts.DATE: _dates,
            Starts.WEEKDAY: _weeks,
        }[Starts(playbook.starts)](playbook, now)
        begun += len(runs_make(playbook=playbook, drafts=drafts, now=now))
    return begun


def _joinings(playbook: Playbook, now: datetime) -> list[Begin]:
    groups = {group.pk: group for group in groups_of(playbook)}
    fresh = joined_lately(group_ids=groups.keys(), now=now)
    last: dict[int, tuple[int, datetime | None]] = defaultdict(lambda: (0, None))
    known = PlaybookRun.objects.filter(playbook=playbook, membership__in=[membership for membership, _at in fresh])
    for run in known.order_by("pk"):
        assert run.membership_id is not None
        last[run.membership_id] = (last[run.membership_id][0] + 1, run.started_at)
    drafts = []
    for membership, at in fresh:
        number, before = last[membership.pk]
        if is_another_joining(membership=membership, before=before, at=at):
            key = f"member:{membership.pk}:{number + 1}"
            drafts.append(Begin(key, groups[membership.group_id], timezone.localdate(at), at, membership))
    return drafts


def opened_lately(now: datetime) -> GroupQuerySet:
    """Groups that opened in the last hours. One that was known before opens on the day that its plan counts as the
    first."""
    lately = Q(opened_at__gt=now - FRESH) | Q(plan__starts_on__gte=timezone.localdate(now - FRESH))
    return Group.objects.postable().filter(lately)


def without_own(groups: GroupQuerySet) -> GroupQuerySet:
    """Those that no playbook of somebody's own begins when they open: it goes before the plan that everybody has."""
    for playbook in Playbook.objects.running().filter(starts=Starts.OPENING, preset=""):
        groups = groups.exclude(pk__in=groups_of(playbook).values("pk"))
    return groups


def _openings(playbook: Playbook, now: datetime) -> list[Begin]:
    groups = groups_of(playbook).filter(pk__in=opened_lately(now).values("pk"))
    groups = groups.exclude(playbook_runs__in=PlaybookRun.objects.filter(playbook=playbook))
    if playbook.preset:
        groups = without_own(groups)
    return [Begin(f"group:{group.pk}:1", group, timezone.localdate(now), now) for group in groups]


def _dates(playbook: Playbook, now: datetime) -> list[Begin]:
    assert playbook.date is not None
    steps = playbook.steps.filter(removed_at=None)
    if not any(due_of(step, playbook.date) > now for step in steps):
        return []
    key = f"{playbook.date:%Y%m%d}"
    return [Begin(f"group:{group.pk}:{key}", group, playbook.date, now) for group in groups_of(playbook)]


def _weeks(playbook: Playbook, now: datetime) -> list[Begin]:
    mondays = set()
    for at in (now, now + AHEAD):
        day = timezone.localdate(at)
        mondays.add(day - timedelta(days=day.isoweekday() - 1))
    return [
        Begin(f"group:{group.pk}:{monday:%Y%m%d}", group, monday, now)
        for group in groups_of(playbook)
        for monday in sorted(mondays)
    ]


def runs_make(*, playbook: Playbook, drafts: Sequence[Begin], now: datetime) -> list[PlaybookRun]:
    """Makes the runs whose key is new, with all their steps; nothing when the playbook does not run any more."""
    if not drafts:
        return []
    keys = [draft.key for draft in drafts]
    # Looking first keeps the usual tick, which finds nothing new, from asking for the write lock.
    known = set(PlaybookRun.objects.filter(playbook=playbook).filter(key__in=keys).values_list("key", flat=True))
    if all(draft.key in known for draft in drafts):
        return []
    with transaction.atomic():
        locked = Playbook.objects.select_for_update().get(pk=playbook.pk)
        if locked.state != PlaybookState.RUNNING:
            return []
        known = set(PlaybookRun.objects.filter(playbook=playbook).filter(key__in=keys).values_list("key", flat=True))
        new = [draft for draft in drafts if draft.key not in known]
        runs = PlaybookRun.objects.bulk_create(
            [
                PlaybookRun(
                    playbook=locked,
                    key=draft.key,
                    group=draft.group,
                    membership=draft.membership,
                    started_at=draft.started_at,
                    starts_on=draft.starts_on,
                )
                for draft in new
            ],
            batch_size=500,
        )
        steps = list(locked.steps.filter(removed_at=None))
        StepRun.objects.bulk_create([step_run_draft(run, step, now) for run in runs for step in steps], batch_size=500)
    return runs


def due_of(step: PlaybookStep, starts_on: date) -> datetime:
    """When the step is due in a run that starts on this local day."""
    return localize(datetime.combine(starts_on + step.offset, step.at), timezone.get_default_timezone())


def deadline_of(step: PlaybookStep, due_at: datetime) -> datetime:
    if step.kind == StepKind.MESSAGE:
        return due_at + message_grace(step)
    return due_at + timedelta(hours=step.within_hours)


def message_grace(step: PlaybookStep) -> timedelta:
    """How late a message may still go out; a tick of the engine is no lateness."""
    return timedelta(minutes=step.late_minutes if step.late == Late.LATE else 5)


def step_run_draft(run: PlaybookRun, step: PlaybookStep, now: datetime) -> StepRun:
    """A step of a run that begins. What lies before its beginning is left out, but tasks of the first day come at
    once: whoever joins at noon is befriended in the afternoon."""
    due_at = due_of(step, run.starts_on)
    if due_at < run.started_at:
        same_day = timezone.localdate(due_at) == timezone.localdate(run.started_at)
        if step.kind == StepKind.MESSAGE or not same_day:
            return StepRun(
                run=run,
                step=step,
                due_at=due_at,
                deadline=deadline_of(step, due_at),
                state=StepState.SKIPPED,
                why=Why.BEFORE,
                settled_at=now,
            )
        due_at = run.started_at
    return StepRun(run=run, step=step, due_at=due_at, deadline=deadline_of(step, due_at))
