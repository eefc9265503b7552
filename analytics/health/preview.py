"""What other thresholds would change, before anybody decides them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from analytics.health.judging import judge
from analytics.health.policy import HealthPolicy
from analytics.health.services import CHUNK, courses_of
from groups.models import Group, HealthStage


@dataclass(frozen=True)
class Preview:
    """Open groups by stage as the thresholds that stand find them and as others would; `moved` change their stage.

    Both are what the last day says by itself, without the day before: it is the thresholds that are compared.
    """

    rows: list[tuple[HealthStage, int, int]]
    moved: int
    groups: int


def policy_preview(*, stands: HealthPolicy, asked: HealthPolicy, day: date) -> Preview:
    numbers = list(Group.objects.open().order_by("pk").values_list("pk", flat=True))
    now, then = dict.fromkeys(HealthStage, 0), dict.fromkeys(HealthStage, 0)
    moved = 0
    for start in range(0, len(numbers), CHUNK):
        for course in courses_of(numbers[start : start + CHUNK], day, stands, length=1).values():
            last = len(course.members) - 1
            before, after = (HealthStage(judge(course, last, policy).stage) for policy in (stands, asked))
            now[before] += 1
            then[after] += 1
            moved += before != after
    return Preview([(stage, now[stage], then[stage]) for stage in HealthStage], moved, len(numbers))
