"""Groups with their figures over a range of days and as many days before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from django.db.models import OuterRef, QuerySet, Subquery

from analytics.columns import Ints
from analytics.health.days import ONE, Days
from analytics.health.models import GroupHealth
from analytics.health.sums import sums_of
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
        now, before = (sums_of(order, days, FIGURES).tolist() for days in (self.days, _before(self.days)))
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
        now, before = (sums_of(self._numbers, days, [figure])[:, 0] for days in (self.days, _before(self.days)))
        return now - before


def _before(days: Days) -> Days:
    return Days(days.first - len(days) * ONE, days.first - ONE)
