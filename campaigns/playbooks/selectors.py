"""What pages, engine and API read of playbooks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from campaigns.playbooks.models import (
    Playbook,
    PlaybookOff,
    PlaybookRun,
    PlaybookStep,
    RunState,
    Starts,
    StepRun,
    StepState,
    Why,
)
from groups.models import Group
from groups.querysets import GroupQuerySet


def groups_of(playbook: Playbook) -> GroupQuerySet:
    """The active groups in which a playbook begins runs."""
    groups = playbook_groups(playbook).postable()
    return groups.exclude(pk__in=PlaybookOff.objects.filter(playbook=playbook).values("group_id"))


def playbook_groups(playbook: Playbook) -> GroupQuerySet:
    """All groups that a playbook is for, also where it is switched off or the group is not open yet."""
    groups = Group.objects.all()
    if playbook.branch_id is not None:
        groups = groups.filter(branch_id=playbook.branch_id)
    listed = playbook.groups.all()
    if playbook.motivations or listed.exists():
        groups = groups.filter(Q(motivation__in=playbook.motivations) | Q(pk__in=listed.values("pk")))
    return groups


@dataclass(frozen=True)
class StepShown:
    """A step on the time line with what became of it over all runs. `here` counts the runs that are at it now, `late`
    those of them that should have done it; `elsewhere` those where the entry of the group sees to it. What had passed
    before a run began is not counted."""

    step: PlaybookStep
    when: str
    is_new_day: bool
    here: int
    late: int
    done: int
    skipped: int
    coming: int
    elsewhere: int

    @property
    def reached(self) -> int:
        """How many should have been done by now: an overdue one counts as not done."""
        return self.done + self.skipped + self.late


def day_words(starts: str, day: int) -> str:
    """ "Day 3", "2 days before", "Wednesday"."""
    if starts == Starts.WEEKDAY:
        return str(WEEKDAYS[day - 1])
    if day < 0:
        return ngettext("%(number)d day before", "%(number)d days before", -day) % {"number": -day}
    return _("Day %(number)d") % {"number": day}


def time_line(*, playbook: Playbook, user: User, now: datetime) -> list[StepShown]:
    """The steps with their figures, of the groups that the person sees. Three queries."""
    runs = PlaybookRun.objects.visible_to(user).filter(playbook=playbook)
    rows = StepRun.objects.filter(run__in=runs.values("pk")).order_by().values("step_id")
    late = Q(state__in=["planned", "waiting"], deadline__lt=now, run__state=RunState.RUNNING)
    counted = rows.annotate(
        done=Count("pk", filter=Q(state=StepState.DONE)),
        skipped=Count("pk", filter=Q(state=StepState.SKIPPED) & ~Q(why__in=[Why.ENTRY, Why.BEFORE])),
        elsewhere=Count("pk", filter=Q(state=StepState.SKIPPED, why=Why.ENTRY)),
        coming=Count("pk", filter=Q(state=StepState.PLANNED, run__state=RunState.RUNNING)),
        late=Count("pk", filter=late),
    )
    names = ("done", "skipped", "coming", "late", "elsewhere")
    figures = {step: dict(zip(names, counts, strict=True)) for step, *counts in counted.values_list("step_id", *names)}
    at_now: Any = runs.running().with_step().order_by()
    here = dict(at_now.values("at_step").annotate(n=Count("pk")).values_list("at_step", "n"))
    shown: list[StepShown] = []
    none = dict.fromkeys(names, 0)
    last = None
    for step in playbook.steps.filter(removed_at=None).select_related("piece", "series"):
        words = day_words(playbook.starts, step.day)
        counts = figures.get(step.pk, none)
        shown.append(StepShown(step, words, step.day != last, here.get(step.pk, 0), **counts))
        last = step.day
    return shown


@dataclass(frozen=True)
class OfGroup:
    """A playbook as it stands in one group. `run` is the one of the group itself, the newest; `members` counts those
    of members under way, `late` what is overdue of both."""

    playbook: Playbook
    is_off: bool
    run: PlaybookRun | None
    at_title: str
    members: int
    late: int


def of_group(*, group: Group, user: User, now: datetime) -> list[OfGroup]:
    """The playbooks that run, or ran, in a group. A constant number of queries."""
    playbooks = list(
        Playbook.objects.visible_to(user).exclude(state__in=["draft", "retired"]).prefetch_related("groups")
    )
    off = set(PlaybookOff.objects.filter(group=group).values_list("playbook_id", flat=True))
    runs = PlaybookRun.objects.filter(group=group)
    own: dict[int, PlaybookRun] = {}
    for run in runs.filter(membership=None).with_step().order_by("started_at", "pk"):
        own[run.playbook_id] = run
    members = dict(
        runs.running().exclude(membership=None).order_by().values_list("playbook_id").annotate(n=Count("pk"))
    )
    overdue = StepRun.objects.overdue(now).filter(run__in=runs.running().values("pk")).order_by()
    late = dict(overdue.values_list("run__playbook_id").annotate(n=Count("pk")))
    at = [run.at_step for run in own.values()]
    titles = dict(PlaybookStep.objects.filter(pk__in=[step for step in at if step]).values_list("pk", "title"))
    return [
        OfGroup(
            playbook,
            playbook.pk in off,
            run,
            titles.get(run.at_step or 0, "") if run else "",
            members.get(playbook.pk, 0),
            late.get(playbook.pk, 0),
        )
        for playbook in playbooks
        if _is_for(playbook, group) or own.get(playbook.pk) or members.get(playbook.pk)
        for run in [own.get(playbook.pk)]
    ]


def _is_for(playbook: Playbook, group: Group) -> bool:
    """The same as playbook_groups(), for one group, from what was read."""
    if playbook.branch_id is not None and playbook.branch_id != group.branch_id:
        return False
    listed = {found.pk for found in playbook.groups.all()}
    return not (playbook.motivations or listed) or group.motivation in playbook.motivations or group.pk in listed
