"""Groups with their figures over a range of days and as many days before, summed up in the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from django.db.models import OuterRef, QuerySet, Subquery, Sum

from analytics.columns import Ints
from analytics.health.days import ONE, Days
from analytics.health.models import DailyGroupStat, GroupHealth
from analytics.sources import numbers_of, with_ids
from groups.models import Group

FIGURES = ("active", "joined", "orders", "messages")
# So many groups of a file are held at once.
AT_ONCE = 20_000


@dataclass
class Ranked:
    """A group with its figures over the range and before it, and the stage it had when the range began.

    `active` is counted by day: one member on three days counts three. No model: there are thousands in a file.
    """

    pk: int
    name: str
    external_id: str
    branch: str
    stage: str
    stage_before: str | None
    now: dict[str, int]
    before: dict[str, int]

    def change(self, figure: str) -> int:
        return self.now[figure] - self.before[figure]


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

    def __getitem__(self, part: slice) -> list[Ranked]:
        order = self._order[part]
        judged = GroupHealth.objects.filter(group=OuterRef("pk"), day__lt=self.days.first).order_by("-day")
        rows = with_ids(Group.objects.order_by(), order.tolist()).annotate(before=Subquery(judged.values("stage")[:1]))
        fields = rows.values_list("pk", "name", "external_id", "branch__name", "stage", "before")
        named = {row[0]: row for row in fields}
        now, before = (_sums(order, days, FIGURES).tolist() for days in (self.days, _before(self.days)))
        found = []
        for number, *figures in zip(order.tolist(), now, before, strict=True):
            if number in named:
                _pk, name, external_id, branch, *stages = named[number]
                sums = (dict(zip(FIGURES, values, strict=True)) for values in figures)
                found.append(Ranked(number, name, external_id, branch or "", *stages, *sums))
        return found

    def iterator(self, chunk_size: int) -> Iterator[Ranked]:
        """Groups have few columns and their sums are read together: larger pieces than a list asks for are cheaper."""
        for start in range(0, len(self), max(chunk_size, AT_ONCE)):
            yield from self[start : start + max(chunk_size, AT_ONCE)]

    def rose(self, figure: str) -> int:
        """How many of the groups have more of it than before."""
        return int(np.count_nonzero((self._change if figure == self.figure else self._changes(figure)) > 0))

    @cached_property
    def _numbers(self) -> Ints:
        return numbers_of(self.groups.values_list("pk"))

    @cached_property
    def _order(self) -> Ints:
        if not self.figure:
            return self._numbers
        order = np.lexsort((self._numbers, self._change))
        return self._numbers[order[::-1] if self.descending else order]

    @cached_property
    def _change(self) -> Ints:
        return self._changes(self.figure)

    def _changes(self, figure: str) -> Ints:
        """Of each group in `_numbers`."""
        now, before = (_sums(self._numbers, days, [figure])[:, 0] for days in (self.days, _before(self.days)))
        return now - before


def _sums(numbers: Ints, days: Days, figures: Sequence[str]) -> Ints:
    """A row for each of these groups, with a column for each figure."""
    sums = np.zeros((len(numbers), len(figures)), np.int64)
    if not len(numbers):
        return sums
    place = np.argsort(numbers)
    known = numbers[place]
    # The groups are named one by one: a database then goes through the days of each in the order of its index.
    stats = with_ids(DailyGroupStat.objects.order_by(), known.tolist(), "group_id")
    rows = stats.filter(day__range=(days.first, days.last)).values("group_id")
    added = rows.annotate(**{f"sum_{name}": Sum(name) for name in figures})
    found = numbers_of(added.values_list("group_id", *(f"sum_{name}" for name in figures)))
    found = found.reshape(-1, 1 + len(figures))
    sums[place[np.searchsorted(known, found[:, 0])]] = found[:, 1:]
    return sums


def _before(days: Days) -> Days:
    return Days(days.first - len(days) * ONE, days.first - ONE)
