"""Figures of groups by day, kept in the memory of a process for reports that add up those of all groups.

Read from the tables once, and brought up to date with every question by what was counted or judged since: each change
of the figures leaves a note (FiguresChange). So an answer is what the tables say at the moment of the question, and the
cost follows what is new. Without a note there is no telling what is new, and everything is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import F, QuerySet

from analytics.columns import Flags, Ints, Numbers
from analytics.health.days import ONE, Days
from analytics.health.models import DailyGroupStat, FiguresChange, GroupHealth
from analytics.sources import DayNumber, numbers_of, with_ids
from groups.models import Group

# What is read in one query, some ten megabytes on the way into arrays; but these days at least.
CELLS = 140_000
SLICE = 14
# Days ahead that are kept empty, so that the first question of a day is not the one that reads everything.
AHEAD = 7
# More days than these are not kept: 21 bytes a group and day.
MOST_DAYS = 130
RECENT = 100
# What the nightly walk counts again of every group; notes about longer times are few, and looked at apart.
SHORT = 4
# With more of its cells to be read anew than this share, all are.
MOST_ANEW = 0.3
COLUMNS = 5
THERE, JUDGED = 1, 2


@dataclass(frozen=True, slots=True)
class GroupDays:
    """Figures by group, in ascending order of their numbers, and by day. `figures` holds for each day on which
    something happened answers, what the brand did, and members, who joined and left; `marks` says of which days there
    are any (THERE), and which were JUDGED."""

    days: Days
    groups: Ints
    figures: Numbers
    marks: Numbers

    @property
    def answers(self) -> Numbers:
        found: Numbers = self.figures[0]
        return found

    @property
    def interactions(self) -> Numbers:
        found: Numbers = self.figures[1]
        return found

    @property
    def members(self) -> Numbers:
        found: Numbers = self.figures[2]
        return found

    @property
    def change(self) -> Numbers:
        """How many more members than the day before."""
        found: Numbers = self.figures[3] - self.figures[4]
        return found

    @property
    def is_flow(self) -> Flags:
        """Whether anybody came or went."""
        found: Flags = (self.figures[3] > 0) | (self.figures[4] > 0)
        return found

    @property
    def is_there(self) -> Flags:
        found: Flags = self.marks & THERE > 0
        return found

    @property
    def is_judged(self) -> Flags:
        found: Flags = self.marks & JUDGED > 0
        return found

    def between(self, days: Days) -> GroupDays:
        """Of these days, which have to be among its own."""
        start = (days.first - self.days.first).days
        cut = slice(start, start + len(days))
        return replace(self, days=days, figures=self.figures[:, :, cut], marks=self.marks[:, cut])


@dataclass(frozen=True, slots=True)
class _Note:
    pk: int
    key: UUID


class _Kept:
    """What was read last, as of a note. All threads read the same; it is never changed, only replaced."""

    last: tuple[_Note, GroupDays] | None = None


_kept = _Kept()


def is_kept(days: Days, today: date) -> bool:
    """Whether these days are among those that are kept, which all end about now, and anything can be kept at all."""
    is_recent = days.first > today - RECENT * ONE and days.last <= today
    return is_recent and (_kept.last is not None or FiguresChange.objects.exists())


def group_days(days: Days) -> GroupDays:
    """The figures of all groups on these days. One query where nothing is new, and never more than a constant."""
    kept = _kept.last
    if kept is None:
        return _read_all(days, days)
    note, table = kept
    notes = list(FiguresChange.objects.filter(pk__gte=note.pk).order_by("pk"))
    if not notes or (notes[0].pk, notes[0].key) != (note.pk, note.key):
        return _read_all(days, days)
    if days.first < table.days.first or days.last > table.days.last:
        return _read_all(days, table.days)
    if len(notes) > 1:
        fresh = _brought_up(table, notes[1:])
        if fresh is None:
            return _read_all(days, table.days)
        table = fresh
        _kept.last = (_Note(notes[-1].pk, notes[-1].key), table)
    return table.between(days)


def _read_all(days: Days, known: Days) -> GroupDays:
    """Of these days; those that were known before are read with them, unless that makes too many."""
    # The note first: what is changed while the figures are read is read again next time.
    newest = FiguresChange.objects.order_by("-pk").values_list("pk", "key").first()
    if newest is None:
        _kept.last = None
        return _with(_empty(days), None, days)
    held = Days(min(days.first, known.first), max(days.last + AHEAD * ONE, known.last))
    if len(held) > MOST_DAYS:
        held = Days(days.first, days.last + AHEAD * ONE)
    table = _with(_empty(held), None, held)
    _kept.last = (_Note(*newest), table)
    return table.between(days)


def _empty(days: Days) -> GroupDays:
    groups = numbers_of(Group.objects.order_by("pk").values_list("pk"))
    return _blank(days, groups)


def _blank(days: Days, groups: Ints) -> GroupDays:
    shape = (len(groups), len(days))
    return GroupDays(days, groups, np.zeros((COLUMNS, *shape), np.int32), np.zeros(shape, np.uint8))


def _brought_up(table: GroupDays, notes: Sequence[FiguresChange]) -> GroupDays | None:
    """The same with what these notes are about; None where that is much."""
    asked: dict[bool, tuple[set[int], list[date]]] = {True: (set(), []), False: (set(), [])}
    for note in notes:
        first, last = max(note.first, table.days.first), min(note.last, table.days.last)
        if first <= last:
            groups, edges = asked[len(Days(first, last)) <= SHORT]
            groups.update(note.groups)
            edges += [first, last]
    for groups, edges in asked.values():
        if groups:
            anew = Days(min(edges), max(edges))
            if len(groups) * len(anew) > MOST_ANEW * table.marks.size:
                return None
            table = _with(table, sorted(groups), anew)
    return table


def _with(table: GroupDays, groups: list[int] | None, days: Days) -> GroupDays:
    """The same with these days of these groups (None: of all that it knows) as they are now."""
    if groups is None:
        chosen = table.groups
        figures, marks = table.figures, table.marks
    else:
        chosen = np.array(groups, np.int64)
        table = _knowing(table, chosen)
        figures, marks = table.figures.copy(), table.marks.copy()
        row = np.searchsorted(table.groups, chosen)
        start = (days.first - table.days.first).days
        figures[:, row, start : start + len(days)] = 0
        marks[row, start : start + len(days)] = 0
    first, width = days.first, max(SLICE, CELLS // max(1, len(chosen)))
    while first <= days.last:
        part = Days(first, first + (min(width, (days.last - first).days + 1) - 1) * ONE)
        interactions = F("posts") + F("staff")
        group, day, *columns = _rows(
            DailyGroupStat.objects.all(), groups, part, "answers", interactions, "members", "joined", "left"
        )
        row, column = np.searchsorted(table.groups, group), np.searchsorted(table.days.numbers, day)
        known = _among(group, table.groups)
        for number, values in enumerate(columns):
            figures[number, row[known], column[known]] = values[known]
        marks[row[known], column[known]] |= THERE
        group, day = _rows(GroupHealth.objects.all(), groups, part)
        row, column = np.searchsorted(table.groups, group), np.searchsorted(table.days.numbers, day)
        known = _among(group, table.groups)
        marks[row[known], column[known]] |= JUDGED
        first = part.last + ONE
    return replace(table, figures=figures, marks=marks)


def _rows(rows: QuerySet[Any], groups: list[int] | None, days: Days, *columns: Any) -> Ints:
    """Columns of groups, days and figures."""
    rows = rows.filter(day__range=(days.first, days.last)).order_by()
    if groups is None:
        # Group by group, so that a database reads the index that holds the figures and no row.
        rows = rows.filter(group__in=Group.objects.order_by().values("pk"))
    else:
        rows = with_ids(rows, groups, "group_id")
    found = numbers_of(rows.values_list("group_id", DayNumber(F("day")), *columns))
    return found.reshape(-1, 2 + len(columns)).T


def _among(group: Ints, groups: Ints) -> Flags:
    """A group that was made while the others were read has a note of its own."""
    place = np.minimum(np.searchsorted(groups, group), max(len(groups) - 1, 0))
    found: Flags = groups[place] == group if len(groups) else np.zeros(len(group), np.bool_)
    return found


def _knowing(table: GroupDays, groups: Ints) -> GroupDays:
    """The same with room for these groups."""
    every = np.union1d(table.groups, groups)
    if len(every) == len(table.groups):
        return table
    wider = _blank(table.days, every)
    row = np.searchsorted(every, table.groups)
    wider.figures[:, row] = table.figures
    wider.marks[row] = table.marks
    return wider
