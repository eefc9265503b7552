"""Sums of figures of groups over some days, those of many groups kept in the memory of a process.

As the figures themselves (analytics.health.kept): with every question brought up to date by what was counted since, of
which each change leaves a note (FiguresChange). So a sum is what the tables say at the moment of the question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from django.db.models import Sum

from analytics.columns import Ints
from analytics.health.days import Days
from analytics.health.models import DailyGroupStat, FiguresChange
from analytics.sources import numbers_of, with_ids
from groups.models import Group

# Sums of fewer groups than these take a database some milliseconds.
MANY = 2_000
# So many figures over some days are kept, those asked for last: 16 bytes a group.
MOST_KEPT = 24
# With more of the groups to be added up anew than this share, all are.
MOST_ANEW = 0.3


@dataclass(frozen=True, slots=True)
class _Sums:
    """As of a note. Of groups that are not among `groups` (in ascending order) there was nothing."""

    note: int
    key: UUID
    groups: Ints
    sums: Ints

    def of(self, numbers: Ints) -> Ints:
        if not len(self.groups):
            return np.zeros(len(numbers), np.int64)
        place = np.minimum(np.searchsorted(self.groups, numbers), len(self.groups) - 1)
        return np.where(self.groups[place] == numbers, self.sums[place], 0)


# All threads read the same; an entry is never changed, only replaced.
_kept: dict[tuple[Days, str], _Sums] = {}


def sums_of(numbers: Ints, days: Days, figures: Sequence[str]) -> Ints:
    """A row for each of these groups, with a column for each figure, in one query where nothing is new."""
    if len(numbers) < MANY:
        return added_up(numbers, days, figures)
    return np.stack([_known(days, figure, numbers) for figure in figures], axis=1)


def added_up(numbers: Ints, days: Days, figures: Sequence[str]) -> Ints:
    """The same by the database."""
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


def _known(days: Days, figure: str, numbers: Ints) -> Ints:
    kept = _kept.get((days, figure))
    fresh = None
    if kept is not None:
        notes = list(FiguresChange.objects.filter(pk__gte=kept.note).order_by("pk"))
        if notes and (notes[0].pk, notes[0].key) == (kept.note, kept.key):
            fresh = _brought_up(kept, notes[1:], days, figure)
    if fresh is None:
        # The note first: what is changed while the figures are read is read again next time.
        newest = FiguresChange.objects.order_by("-pk").values_list("pk", "key").first()
        if newest is None:
            return added_up(numbers, days, [figure])[:, 0]
        groups = numbers_of(Group.objects.order_by("pk").values_list("pk"))
        fresh = _Sums(*newest, groups, added_up(groups, days, [figure])[:, 0])
    _kept.pop((days, figure), None)  # to the end
    _kept[days, figure] = fresh
    for oldest in list(_kept)[:-MOST_KEPT]:
        _kept.pop(oldest, None)
    return fresh.of(numbers)


def _brought_up(kept: _Sums, notes: Sequence[FiguresChange], days: Days, figure: str) -> _Sums | None:
    """The same with what these notes are about; None where that is much."""
    if not notes:
        return kept
    told = [note.groups for note in notes if note.first <= days.last and note.last >= days.first]
    changed = np.unique(np.array([number for groups in told for number in groups], np.int64))
    if len(changed) > MOST_ANEW * len(kept.groups):
        return None
    groups = np.union1d(kept.groups, changed)
    sums = kept.of(groups)
    sums[np.searchsorted(groups, changed)] = added_up(changed, days, [figure])[:, 0]
    return _Sums(notes[-1].pk, notes[-1].key, groups, sums)
