"""Groups with their figures over a range of days and as many days before, summed up in the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from django.db.models import F, FilteredRelation, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from analytics.columns import Ints
from analytics.health.days import ONE, Days
from analytics.health.models import DailyGroupStat, GroupHealth
from analytics.sources import numbers_of, with_ids
from groups.models import Group

FIGURES = ("active", "joined", "orders", "messages")


def groups_ranked(groups: QuerySet[Group], days: Days) -> QuerySet[Any]:
    """Each group with `<figure>_now`, `<figure>_before` and `<figure>_change`, and the stage it had before.

    `active` is counted by day: one member on three days counts three.
    """
    before = _before(days)
    here = Q(daily_stats__day__gte=before.first, daily_stats__day__lte=days.last)
    rows: QuerySet[Any] = groups.annotate(days=FilteredRelation("daily_stats", condition=here))
    for name in FIGURES:
        rows = rows.annotate(
            **{
                f"{name}_now": Coalesce(Sum(f"days__{name}", filter=Q(days__day__gte=days.first)), 0),
                f"{name}_before": Coalesce(Sum(f"days__{name}", filter=Q(days__day__lt=days.first)), 0),
            }
        )
    judged = GroupHealth.objects.filter(group=OuterRef("pk"), day__lt=days.first).order_by("-day")
    ranked: QuerySet[Any] = rows.annotate(
        stage_before=Subquery(judged.values("stage")[:1]),
        **{f"{name}_change": F(f"{name}_now") - F(f"{name}_before") for name in FIGURES},
    )
    return ranked


@dataclass(frozen=True)
class Ranking:
    """The groups of a queryset in the order of the change of a figure, or without one in the order that they have; as
    much of a queryset as a list asks for.

    The order needs one figure of all groups, a page all figures of a few: all figures of all groups would be read and
    sorted for nothing.
    """

    groups: QuerySet[Group]
    days: Days
    figure: str = ""
    descending: bool = False

    def __len__(self) -> int:
        return len(self._order)

    def count(self) -> int:
        return len(self)

    def __getitem__(self, part: slice) -> list[Any]:
        """The rows of `groups_ranked`."""
        numbers = self._order[part].tolist()
        rows = groups_ranked(with_ids(Group.objects.select_related("branch"), numbers), self.days)
        found = {row.pk: row for row in rows.order_by()}
        return [found[number] for number in numbers if number in found]

    def iterator(self, chunk_size: int) -> Iterator[Any]:
        for start in range(0, len(self), chunk_size):
            yield from self[start : start + chunk_size]

    def rose(self, figure: str) -> int:
        """How many of the groups have more of it than before."""
        return int(np.count_nonzero(self._changes(figure) > 0))

    @cached_property
    def _numbers(self) -> Ints:
        return np.fromiter(self.groups.values_list("pk", flat=True), np.int64)

    @cached_property
    def _order(self) -> Ints:
        if not self.figure:
            return self._numbers
        order = np.lexsort((self._numbers, self._changes(self.figure)))
        return self._numbers[order[::-1] if self.descending else order]

    def _changes(self, figure: str) -> Ints:
        """Of each group in `_numbers`."""
        changes = np.zeros(len(self._numbers), np.int64)
        if not len(changes):
            return changes
        place = np.argsort(self._numbers)
        known = self._numbers[place]
        for days, sign in ((self.days, 1), (_before(self.days), -1)):
            stats = DailyGroupStat.objects.filter(day__range=(days.first, days.last)).order_by()
            stats = with_ids(stats, known.tolist(), "group_id")
            rows = stats.values("group_id").annotate(n=Sum(figure)).values_list("group_id", "n")
            group, total = numbers_of(rows).reshape(-1, 2).T
            changes[place[np.searchsorted(known, group)]] += sign * total
        return changes


def _before(days: Days) -> Days:
    return Days(days.first - len(days) * ONE, days.first - ONE)
