"""Telling staff that a group has turned, once, and taking it back when the group recovers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import User
from analytics.health.models import GroupHealth
from analytics.health.policy import HealthPolicy
from analytics.health.reasons import reason_words
from groups.models import Group, HealthStage
from members.models import StaffTask
from members.work.kinds import DONE, Outcome, TaskKind, register
from members.work.services import task_draft, task_settle, tasks_cancel, tasks_ensure

TURNED, CARE = "group_turned", "group_care"
IGNORED, MERGED, CLOSED = "ignored", "merged", "closed"
ILL = (HealthStage.DECLINING, HealthStage.DEAD)
LATE = timedelta(days=7)  # a turn that is found later than that is no news any more
DUE = timedelta(days=1)


@dataclass(frozen=True)
class Turn:
    """A group that has turned: `code` is a stage, or a reason that began; `on` the day when that was so."""

    code: str
    on: date
    row: GroupHealth


def turn_between(before: GroupHealth, row: GroupHealth) -> list[Turn]:
    """What turned for the worse from one day to the next."""
    turns = []
    if row.stage != before.stage and row.stage in ILL:
        turns.append(Turn(row.stage, row.since, row))
    new = _codes(row) - _codes(before)
    turns += [Turn(code, row.day, row) for code in ("noisy", "below_floor") if code in new]
    return turns


def _codes(row: GroupHealth) -> set[str]:
    return {reason["code"] for reason in row.reasons}


def _still(code: str, row: GroupHealth) -> bool:
    return row.stage == code or code in _codes(row)


def warnings_raise(
    *, turns: Iterable[Turn], latest: Mapping[int, GroupHealth], now: datetime, policy: HealthPolicy
) -> None:
    """Makes a task for each turn that still holds, and cancels those whose group has recovered.

    One that somebody chose to ignore keeps its group quiet for `quiet_days`.
    """
    tasks = StaffTask.objects.filter(kind__in=(TURNED, CARE), group__in=list(latest)).order_by()
    ignored = tasks.filter(outcome=IGNORED, settled_at__gt=now - timedelta(days=policy.quiet_days))
    quiet = set(ignored.values_list("group_id", flat=True))
    waiting = set()
    over = []
    for task, group, code in tasks.open().values_list("pk", "group_id", "data__code"):
        if _still(code, latest[group]):
            waiting.add((group, code))
        else:
            over.append(task)
    if over:
        tasks_cancel(now=now, pk__in=over)
    raised = {
        (turn.row.group_id, turn.code): turn
        for turn in turns
        if turn.row.group_id not in quiet
        and (turn.row.group_id, turn.code) not in waiting
        and _still(turn.code, latest[turn.row.group_id])
        and latest[turn.row.group_id].day - turn.on <= LATE
    }
    groups = Group.objects.select_related("branch").in_bulk({group for group, _code in raised})
    tasks_ensure(
        [
            task_draft(
                kind=TURNED if code in ILL else CARE,
                key=f"{TURNED}:{group}:{code}:{turn.on}",
                due_at=now + DUE,
                now=now,
                group=groups[group],
                data={"code": code, "reasons": turn.row.reasons},
            )
            for (group, code), turn in raised.items()
        ]
    )


def warning_settle(*, by: User, now: datetime, group: Group, outcome: str) -> None:
    """Settles what is open about a group once something was done about it."""
    for task in StaffTask.objects.filter(kind=TURNED, group=group).open():
        task_settle(by=by, now=now, task=task, outcome=outcome)
    tasks_cancel(now=now, kind=CARE, group=group)


# What is said about a group: a sentence, and the reasons that belong to it.
_SENTENCES: dict[str, tuple[Promise, tuple[str, ...]]] = {
    HealthStage.DECLINING.value: (gettext_lazy("%(group)s is declining. %(reason)s"), ("fell", "leaving")),
    HealthStage.DEAD.value: (gettext_lazy("%(group)s has died. %(reason)s"), ("silent",)),
    "noisy": (gettext_lazy("%(group)s has become noisy. %(reason)s"), ("noisy",)),
    "below_floor": (gettext_lazy("%(group)s is left alone. %(reason)s"), ("below_floor",)),
}


def _sentence(task: StaffTask) -> str:
    text, codes = _SENTENCES[task.data["code"]]
    reasons = [reason for reason in task.data["reasons"] if reason["code"] in codes]
    return str(text) % {"group": task.group, "reason": reason_words(reasons[0]) if reasons else ""}


def _page(task: StaffTask) -> str:
    return reverse("analytics:group_health", args=[task.group_id])


def kind_register() -> None:
    ignored = Outcome(IGNORED, pgettext_lazy("task", "Leave it"), asks_note=True)
    register(
        TaskKind(
            slug=TURNED,
            label=pgettext_lazy("task", "A group has turned"),
            icon="activity",
            sentence=_sentence,
            outcomes=(
                Outcome("rescue", pgettext_lazy("task", "Rescue post planned")),
                Outcome(MERGED, pgettext_lazy("task", "Merged")),
                Outcome(CLOSED, pgettext_lazy("task", "Closed")),
                ignored,
            ),
            link=_page,
        )
    )
    register(
        TaskKind(
            slug=CARE,
            label=pgettext_lazy("task", "A group needs care"),
            icon="heart",
            sentence=_sentence,
            outcomes=(DONE, ignored),
            link=_page,
        )
    )
