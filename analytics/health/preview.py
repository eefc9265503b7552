"""What other thresholds would change, before anybody decides them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from analytics.health.days import ONE
from analytics.health.judging import judge
from analytics.health.models import GroupHealth
from analytics.health.policy import HealthPolicy
from analytics.health.services import CHUNK, courses_of, standing_of
from groups.models import Group, HealthStage

MOST = 2000


@dataclass(frozen=True)
class Preview:
    """Open groups by stage as the thresholds that stand find them and as others would; `moved` change their stage.

    Of `of` open groups `groups` were tried: all, or with very many of them every n-th.
    """

    rows: list[tuple[HealthStage, int, int]]
    moved: int
    groups: int
    of: int


def policy_preview(*, stands: HealthPolicy, asked: HealthPolicy, day: date) -> Preview:
    every = list(Group.objects.open().order_by("pk").values_list("pk", flat=True))
    numbers = every[:: 1 + len(every) // MOST]
    now, then = dict.fromkeys(HealthStage, 0), dict.fromkeys(HealthStage, 0)
    moved = 0
    for start in range(0, len(numbers), CHUNK):
        part = numbers[start : start + CHUNK]
        day_before = {row.group_id: row for row in GroupHealth.objects.filter(group__in=part, day=day - ONE)}
        for group, course in courses_of(groups=part, day=day, policy=stands, length=1).items():
            last, standing = len(course.members) - 1, standing_of(day_before.get(group))
            before, after = (HealthStage(judge(course, last, policy, standing).stage) for policy in (stands, asked))
            now[before] += 1
            then[after] += 1
            moved += before != after
    return Preview([(stage, now[stage], then[stage]) for stage in HealthStage], moved, len(numbers), len(every))
