"""Who is still there: the members of each cohort who had not left yet.

A member's cohort is the period of the first joining of any group that the question is about, and they are gone when
they have left the last of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce

from analytics.columns import Flags, Ints, codes_of, marked
from analytics.forms import RetentionForm
from analytics.kernels_groups import newcomers
from analytics.ledger.columns import Places
from analytics.ledger.reading import Ledger, undisturbed
from analytics.queries.periods import Periods
from analytics.sources import GROUP_FIELDS, numbers_of, with_ids
from groups.models import Group

Matrix = list[list[int]]


@dataclass(frozen=True)
class Cohort:
    """Members with the row of the breakdown that they stand in, and the periods in which they came and went; one who is
    still there went in the period after the last."""

    member: Ints
    row: Ints
    came: Ints
    went: Ints


@dataclass(frozen=True)
class Stayed:
    """Members of `form`'s groups by the periods in which they came and went."""

    form: RetentionForm
    periods: Periods

    def matrix(self) -> Matrix:
        """Row i is the cohort of period i: its size, then who was still there at the end of 1, 2, ... periods later."""
        return self._triangle(self._everybody, 0)

    def by_value(self, most: int) -> tuple[dict[str, Matrix], int]:
        """The same for the values of the breakdown with the most members, and how many others have any; who is in
        groups of two branches counts in both."""
        field = Coalesce(GROUP_FIELDS[self.form.cleaned_data["by"]], Value(""))
        found: list[tuple[int, str]] = list(self._groups.values_list("pk", field))
        labels = sorted({value for _pk, value in found})
        row_of = {label: row for row, label in enumerate(labels)}
        groups = np.array([pk for pk, _value in found], np.int64)
        everybody = self._counted(groups, np.array([row_of[value] for _pk, value in found], np.int64), len(labels))
        sizes = np.bincount(everybody.row, minlength=len(labels))
        # The labels are sorted: of two that are as large the first comes first.
        largest = [row for row in np.argsort(-sizes, kind="stable").tolist() if sizes[row]]
        shown = {labels[row]: self._triangle(everybody, row) for row in largest[:most]}
        return shown, len(largest) - len(shown)

    def people(self, cohort: int, after: int) -> Ints:
        everybody = self._everybody
        chosen = everybody.came == cohort
        if after:
            chosen &= everybody.went > cohort + after
        return np.sort(everybody.member[chosen])

    @cached_property
    def _groups(self) -> QuerySet[Group]:
        selection, asked = self.form.selection(), self.form.cleaned_data
        groups: QuerySet[Any] = Group.objects.visible_to(selection.user).order_by()
        if selection.group_ids is not None:
            groups = with_ids(groups, selection.group_ids)
        if asked["branch"]:
            groups = groups.filter(branch__code=asked["branch"])
        if (value := self.form.narrowed_to) is not None:
            groups = groups.alias(of=Coalesce(GROUP_FIELDS[asked["by"]], Value(""))).filter(of=value)
        return groups

    @cached_property
    def _places(self) -> list[tuple[Places, Flags]]:
        return undisturbed(lambda: Ledger.now().places(self._groups))

    @cached_property
    def _everybody(self) -> Cohort:
        groups = numbers_of(self._groups.values_list("pk"))
        return self._counted(groups, np.zeros(len(groups), np.int64), 1)

    def _counted(self, groups: Ints, rows: Ints, many: int) -> Cohort:
        edges, members = self.periods.edges, self.form.selection().member_ids
        row_of, since, until = codes_of(groups, rows), int(edges[0]), int(edges[-1])
        chosen = None if members is None else np.array(sorted(members), np.int64)
        found = []
        for places, skip in self._places:
            left_out = skip if chosen is None else skip | ~marked(places.members, chosen)
            found.append(newcomers(places, left_out, row_of, many, since, until))
        member, row, first, last = np.concatenate(found, axis=1)
        came, went = (np.searchsorted(edges[1:], at, side="right") for at in (first, last))
        return Cohort(member, row, came, went)

    def _triangle(self, everybody: Cohort, row: int) -> Matrix:
        size, mine = len(self.periods), everybody.row == row
        went = np.zeros((size, size + 1), np.int64)
        np.add.at(went, (everybody.came[mine], everybody.went[mine]), 1)
        return [
            [int(went[i].sum()), *(int(went[i, i + k + 1 :].sum()) for k in range(1, size - i))] for i in range(size)
        ]
