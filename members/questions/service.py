"""Which service hours, target and ladder hold in a group."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from accounts.models import Branch
from groups.models import Group
from members.questions.hours import Hours, deadline, served_seconds
from members.questions.models import DEFAULT, ClosedDay, ServiceHours

PERCENT = "percent"


@dataclass(frozen=True)
class LadderStep:
    """Who is told after how many seconds of service."""

    after: float
    to: str


@dataclass(frozen=True)
class Service:
    """`key` says whose settings these are: those of the group, of its branch or of all."""

    key: str
    hours: Hours
    target: int
    ladder: tuple[LadderStep, ...]

    @property
    def zone(self) -> tzinfo:
        return self.hours.zone

    def due_at(self, asked_at: datetime) -> datetime | None:
        return deadline(asked_at, self.target, self.hours)

    def elapsed(self, asked_at: datetime, until: datetime) -> float:
        return served_seconds(asked_at, until, self.hours)


def key_of(group: Group | None = None, branch: Branch | None = None) -> str:
    if group is not None:
        return f"group:{group.pk}"
    return f"branch:{branch.pk}" if branch is not None else DEFAULT


def usual() -> ServiceHours:
    """What holds for all while nobody has decided anything."""
    return ServiceHours(key=DEFAULT, timezone=settings.TIME_ZONE, version=0)


def services_for(groups: Iterable[Group]) -> dict[int, Service]:
    """By the group's number. Two queries, however many groups there are."""
    wanted = {group.pk: group.branch_id for group in groups}
    branches = {branch for branch in wanted.values() if branch is not None}
    rows = {
        row.key: row
        for row in ServiceHours.objects.filter(Q(key=DEFAULT) | Q(branch__in=branches) | Q(group__in=wanted))
    }
    closed: dict[int | None, set[Any]] = {}
    for day, owner in ClosedDay.objects.filter(Q(branch=None) | Q(branch__in=branches)).values_list("day", "branch_id"):
        closed.setdefault(owner, set()).add(day)
    found = {}
    for group_id, branch_id in wanted.items():
        row = rows.get(f"group:{group_id}") or rows.get(f"branch:{branch_id}") or rows.get(DEFAULT) or usual()
        days = closed.get(None, set()) | closed.get(branch_id, set())
        found[group_id] = _service(row, frozenset(days))
    return found


def service_for(group: Group) -> Service:
    return services_for([group])[group.pk]


def _service(row: ServiceHours, closed: frozenset[Any]) -> Service:
    windows = tuple(tuple((start, end) for start, end in day) for day in row.windows)
    steps = tuple(
        LadderStep(row.target_seconds * step["after"] / 100 if step["unit"] == PERCENT else step["after"], step["to"])
        for step in row.ladder
    )
    return Service(row.key, Hours(ZoneInfo(row.timezone), windows, closed), row.target_seconds, steps)
