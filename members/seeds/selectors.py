"""The board, and how a change of the criteria would move members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Count, F, Q
from django.utils.functional import Promise

from members.models import Member
from members.seeds.criteria import CRITERIA, Explanation, SeedPolicy, explain, score_members, values_of
from members.seeds.models import SeedMove, SeedProfile, SeedStage, SeedUser
from members.seeds.querysets import SeedUserQuerySet
from members.seeds.services.pipeline import INVITE_TASK, MOVES
from members.work.models import StaffTask

PAGE = 20
RANKED = 50


@dataclass(frozen=True)
class Flow:
    """How many came into a stage and went on from it within the last 7 and 30 days."""

    in_7: int = 0
    in_30: int = 0
    out_7: int = 0
    out_30: int = 0


@dataclass(frozen=True)
class Card:
    """A seed user with what the board says of them. `ways` are the stages they can be moved to; `task` is the open
    invitation."""

    seed: SeedUser
    explanation: Explanation | None
    task: StaffTask | None
    ways: list[tuple[str, Promise]]

    @property
    def score(self) -> float | None:
        return self.seed.member.seed_profile.score if self.explanation else None


@dataclass(frozen=True)
class BoardColumn:
    stage: str
    label: Promise
    count: int
    flow: Flow
    cards: list[Card]
    more: bool


def column_cards(*, seeds: SeedUserQuerySet, stage: str, policy: SeedPolicy, page: int = 1) -> tuple[list[Card], bool]:
    """A page of the cards of one stage, and whether there are more. Two queries."""
    score = F("member__seed_profile__score").desc(nulls_last=True)
    order = [score, "pk"] if stage == SeedStage.CANDIDATE else ["-stage_since", "-pk"]
    start = (page - 1) * PAGE
    rows = list(seeds.filter(stage=stage).on_board().order_by(*order)[start : start + PAGE + 1])
    return cards_of(rows[:PAGE], policy), len(rows) > PAGE


def cards_of(seeds: Sequence[SeedUser], policy: SeedPolicy) -> list[Card]:
    """The cards of seed users that were read with on_board(). One query."""
    invited = [seed.pk for seed in seeds if seed.stage == SeedStage.INVITED]
    open_tasks = StaffTask.objects.open().filter(kind=INVITE_TASK, subject_id__in=invited) if invited else []
    tasks = {task.subject_id: task for task in open_tasks}
    return [
        Card(
            seed,
            explain(seed.member.seed_profile, policy) if hasattr(seed.member, "seed_profile") else None,
            tasks.get(seed.pk),
            [(way.value, way.label) for way in MOVES[seed.stage]],
        )
        for seed in seeds
    ]


def board_columns(*, seeds: SeedUserQuerySet, policy: SeedPolicy, now: datetime) -> list[BoardColumn]:
    """The board over `seeds`: a column for each stage. The number of queries does not depend on what is on it."""
    counts = dict(seeds.order_by().values_list("stage").annotate(number=Count("pk")))
    flows = flow_by_stage(seeds=seeds, now=now)
    columns = []
    for stage in SeedStage:
        cards, more = column_cards(seeds=seeds, stage=stage, policy=policy)
        columns.append(BoardColumn(stage.value, stage.label, counts.get(stage, 0), flows[stage], cards, more))
    return columns


def flow_by_stage(*, seeds: SeedUserQuerySet, now: datetime) -> dict[str, Flow]:
    moves = SeedMove.objects.filter(
        at__gt=now - timedelta(days=30), at__lte=now, seed__in=seeds.order_by().values("pk")
    )
    week = Count("pk", filter=Q(at__gt=now - timedelta(days=7)))
    numbers: dict[str, dict[str, int]] = {stage: dict.fromkeys(Flow.__dataclass_fields__, 0) for stage in SeedStage}
    rows = moves.order_by().values_list("from_stage", "to_stage").annotate(month=Count("pk"), week=week)
    for left, entered, month, last_week in rows:
        numbers[entered]["in_30"] += month
        numbers[entered]["in_7"] += last_week
        if left:
            numbers[left]["out_30"] += month
            numbers[left]["out_7"] += last_week
    return {stage: Flow(**values) for stage, values in numbers.items()}


@dataclass(frozen=True)
class Ranked:
    """A member's place under new criteria and now. `rank` is empty for one who would leave the best."""

    member: Member
    rank: int | None
    rank_before: int
    score: float
    score_before: float

    @property
    def places(self) -> int:
        """By how many places the member would rise."""
        return self.rank_before - (self.rank or RANKED + 1)


def ranking_preview(*, policy: SeedPolicy) -> list[Ranked]:
    """How the best 50 of the community would move under `policy`, by the figures of the last measurement; then those
    who would leave them. Two queries."""
    rows: list[tuple[Any, ...]] = list(
        SeedProfile.objects.order_by("member_id").values_list(
            "member_id", "score", *(criterion.key for criterion in CRITERIA)
        )
    )
    if not rows:
        return []
    members = np.array([row[0] for row in rows])
    before = np.array([row[1] for row in rows])
    after = score_members(values_of([row[2:] for row in rows]), policy).scores
    order, old_order = np.lexsort((members, -after)), np.lexsort((members, -before))
    old_rank = np.empty(len(rows), dtype=np.int64)
    old_rank[old_order] = np.arange(1, len(rows) + 1)
    best = order[:RANKED].tolist()
    leaving = [place for place in old_order[:RANKED].tolist() if place not in set(best)]
    people = Member.objects.in_bulk([int(members[place]) for place in [*best, *leaving]])
    ranks: list[tuple[int, int | None]] = [(place, number) for number, place in enumerate(best, start=1)]
    ranks += [(place, None) for place in leaving]
    return [
        Ranked(
            people[int(members[place])],
            rank,
            int(old_rank[place]),
            round(float(after[place]), 1),
            round(float(before[place]), 1),
        )
        for place, rank in ranks
    ]
