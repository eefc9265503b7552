"""What branches are compared by: one pass over places, one over events, and figures of groups by day added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from accounts.models import User
from analytics.columns import Codes, Flags, Ints, Shard, codes_of
from analytics.health.days import ONE, Days
from analytics.health.kept import GroupDays, group_days
from analytics.health.models import GroupHealth
from analytics.index.source import source_of
from analytics.kernels_groups import ACTIVE, BUYERS, CAME, MEMBERS, ORDERS, STAYED, Windows, active_and_back, present
from analytics.kernels_overview import rows_between
from analytics.ledger.reading import Ledger, pieces_of, size_of, undisturbed
from analytics.queries.periods import millis
from analytics.queries.running import in_threads, run
from analytics.sources import Selection, coded_of
from groups.models import Group, GroupState

SHORT, LONG = 7, 28  # days
WEEK_4 = (timedelta(days=28), timedelta(days=35))  # after joining
NO_BRANCH = 0
OPEN = (GroupState.FORMING, GroupState.ACTIVE)


@dataclass(frozen=True)
class Periods:
    """The days that are compared. Newcomers are those whose fifth week in the group is over."""

    short: Days
    short_before: Days
    long: Days
    long_before: Days
    newcomers: Days
    newcomers_before: Days

    @classmethod
    def up_to(cls, today: date) -> Periods:
        def back(last: date, length: int) -> tuple[Days, Days]:
            first = last - (length - 1) * ONE
            return Days(first, last), Days(first - length * ONE, first - ONE)

        return cls(*back(today, SHORT), *back(today, LONG), *back(today - WEEK_4[1] - ONE, LONG))


@dataclass(frozen=True)
class Pair:
    """A figure, and that of the period before."""

    now: int
    before: int


@dataclass(frozen=True)
class Figures:
    """Of one branch."""

    groups: int
    members: int
    active: Pair
    came: Pair
    stayed: Pair
    orders: Pair
    buyers: Pair
    answers: Pair
    kept: Pair
    judged: Pair
    stages: Counter[str]


@dataclass(frozen=True)
class BranchCount:
    """The figures of these branches, of groups that `user` may see; None are the groups of headquarters. `day` is the
    last one for which every group is judged."""

    user: User
    branches: Sequence[int | None]
    periods: Periods
    floor: int
    day: date | None

    def figures(self) -> dict[int | None, Figures]:
        """A constant number of queries."""
        counted = undisturbed(self._of_members)
        long, before = self._long
        by_day = group_days(Days(before.first, long.last))
        answers, kept, judged = zip(*(self._done(by_day.between(days)) for days in (long, before)), strict=True)
        stages = self._stages()
        groups = np.bincount(self._row[self._open], minlength=len(self.branches))

        def pair(figure: int, row: int) -> Pair:
            return Pair(int(counted[figure, row]), int(counted[figure + 1, row]))

        def days(pair: Sequence[Ints], row: int) -> Pair:
            return Pair(int(pair[0][row]), int(pair[1][row]))

        return {
            branch: Figures(
                groups=int(groups[row]),
                members=int(counted[MEMBERS, row]),
                active=pair(ACTIVE, row),
                came=pair(CAME, row),
                stayed=pair(STAYED, row),
                orders=pair(ORDERS, row),
                buyers=pair(BUYERS, row),
                answers=days(answers, row),
                kept=days(kept, row),
                judged=days(judged, row),
                stages=stages[row],
            )
            for row, branch in enumerate(self.branches)
        }

    @property
    def _long(self) -> tuple[Days, Days]:
        return self.periods.long, self.periods.long_before

    # The groups: their numbers, the row of each, and which of them are open and active.

    @cached_property
    def _groups(self) -> tuple[Ints, Ints, Flags, Flags]:
        row_of = {branch or NO_BRANCH: row for row, branch in enumerate(self.branches)}
        rows = Group.objects.visible_to(self.user).annotate(branch_number=Coalesce("branch_id", NO_BRANCH))
        words, found = coded_of(rows, "state", "pk", "branch_number")
        state, number, branch = found.T
        row = np.array([row_of.get(one, -1) for one in branch.tolist()], np.int64)
        state, number, row = state[row >= 0], number[row >= 0], row[row >= 0]
        is_open = np.array([word in OPEN for word in words], np.bool_)
        is_active = np.array([word == GroupState.ACTIVE for word in words], np.bool_)
        return number, row, is_open[state], is_active[state]

    @property
    def _row(self) -> Ints:
        return self._groups[1]

    @property
    def _open(self) -> Flags:
        return self._groups[2]

    def _summed(self, group: Ints, values: Ints, counts: Flags | None = None) -> Ints:
        """Figures of groups, added up by row; with `counts` those of some groups only."""
        number, row, is_open, _is_active = self._groups
        rows = codes_of(number, np.where(is_open if counts is None else counts, row, -1))
        place = np.where(group < len(rows), rows[np.minimum(group, len(rows) - 1)], -1)
        sums = np.zeros(len(self.branches), np.int64)
        np.add.at(sums, place[place >= 0], values[place >= 0])
        return sums

    # Members

    def _of_members(self) -> Ints:
        number, row, is_open, _is_active = self._groups
        rows, periods = len(self.branches), self.periods
        place = codes_of(number[is_open], row[is_open])
        # What happened in a closed group was activity in its branch; headquarters counts its open groups only.
        without = self.branches.index(None) if None in self.branches else -1
        seen = is_open | (row != without)
        active = codes_of(number[seen], row[seen])
        windows = Windows(
            _edges(periods.short_before, periods.short),
            _edges(periods.newcomers_before, periods.newcomers),
            *(span // timedelta(milliseconds=1) for span in WEEK_4),
        )
        ledger = Ledger.now()
        orders, orders_before = self._orders(ledger)
        figures, began = [], []
        tables = pieces_of(ledger.places(self._visible))
        for counted, found in in_threads(
            lambda table: present(*table, place, rows, windows.came, orders, orders_before), tables
        ):
            figures.append(counted)
            began.append(found)
        came = np.concatenate(began, axis=1)
        came = np.ascontiguousarray(came[:, np.argsort(came[0], kind="stable")])
        since = min(int(windows.active[0]), int(windows.came[0]) + windows.back_from)
        until = max(int(windows.active[2]), int(windows.came[2]) + windows.back_until)
        shards = source_of(Selection(self.user)).shards(since=since, until=until, kinds=None)
        figures += run(shards, _Active(windows, active, place, rows, came))
        total: Ints = np.sum(figures, axis=0)
        return total

    @property
    def _visible(self) -> QuerySet[Group]:
        return Group.objects.visible_to(self.user).open()

    def _orders(self, ledger: Ledger) -> list[Ints]:
        """By number of the member how many orders, now and before."""
        long, before = self._long
        tables = ledger.orders_between(before.start, long.end)
        counts = []
        for days in (long, before):
            start, end, who = millis(days.start), millis(days.end), []
            for table, skip in tables:
                _rows, owner = rows_between(table.offsets, table.at, skip, start, end)
                who.append(table.members[owner])
            counts.append(np.bincount(np.concatenate(who), minlength=size_of(tables)))
        return counts

    # Figures of groups by day

    def _done(self, days: GroupDays) -> tuple[Ints, Ints, Ints]:
        """Answers; of active groups days with as many interactions of the brand as the floor asks for; and days that
        were judged."""
        is_active = self._groups[3]
        answers = days.answers.sum(axis=1, dtype=np.int64)
        kept = (days.is_there & (days.interactions >= self.floor)).sum(axis=1)
        judged = days.is_judged.sum(axis=1)
        return (
            self._summed(days.groups, answers),
            self._summed(days.groups, kept, is_active),
            self._summed(days.groups, judged, is_active),
        )

    def _stages(self) -> list[Counter[str]]:
        if self.day is None:
            return [Counter() for _branch in self.branches]
        rows = GroupHealth.objects.filter(day=self.day, group__in=self._visible.values("pk"))
        words, found = coded_of(rows, "stage", "group_id")
        stage, group = found.T
        counts = [self._summed(group, (stage == number).astype(np.int64)) for number in range(len(words))]
        return [
            Counter({word: int(of[row]) for word, of in zip(words, counts, strict=True)})
            for row in range(len(self.branches))
        ]


@dataclass(frozen=True, slots=True)
class _Active:
    windows: Windows
    active: Codes
    place: Codes
    rows: int
    began: Ints

    def __call__(self, shard: Shard) -> Ints:
        return active_and_back(shard, self.windows, self.active, self.place, self.rows, self.began)


def _edges(before: Days, now: Days) -> Ints:
    moments: Sequence[datetime] = (before.start, now.start, now.end)
    return np.array([millis(moment) for moment in moments], np.int64)
