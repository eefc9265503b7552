"""What branches are compared by: one pass over places, one over events, and figures of groups by day added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
from django.db.models import Count, F, Q, QuerySet, Sum

from accounts.models import User
from analytics.columns import Codes, Flags, Ints, Shard, codes_of
from analytics.health.days import ONE, Days
from analytics.health.models import DailyGroupStat, GroupHealth
from analytics.index.source import source_of
from analytics.kernels_groups import ACTIVE, BUYERS, CAME, MEMBERS, ORDERS, STAYED, Windows, active_and_back, present
from analytics.ledger.reading import Ledger, undisturbed
from analytics.queries.periods import millis
from analytics.queries.running import run
from analytics.sources import Selection, numbers_of
from campaigns.orders.models import Order
from groups.models import Group, GroupState

SHORT, LONG = 7, 28  # days
WEEK_4 = (timedelta(days=28), timedelta(days=35))  # after joining
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
        answers, kept = zip(*(self._done(days) for days in self._long), strict=True)
        judged = [self._judged(days) for days in self._long]
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
        row_of = {branch: row for row, branch in enumerate(self.branches)}
        rows = Group.objects.visible_to(self.user).order_by().values_list("pk", "branch_id", "state")
        known = [(pk, row_of[branch], state) for pk, branch, state in rows if branch in row_of]
        number, row = (np.array([group[column] for group in known], np.int64) for column in (0, 1))
        states = [group[2] for group in known]
        is_open = np.array([state in OPEN for state in states], np.bool_)
        return number, row, is_open, np.array([state == GroupState.ACTIVE for state in states], np.bool_)

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
        orders, orders_before = self._orders()
        figures, began = [], []
        for places, skip in Ledger.now().places(self._visible):
            counted, found = present(places, skip, place, rows, windows.came, orders, orders_before)
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

    def _orders(self) -> list[Ints]:
        """By number of the member how many orders, now and before."""
        found = []
        for days in self._long:
            rows = Order.objects.filter(ordered_at__gte=days.start, ordered_at__lt=days.end).order_by()
            found.append(np.bincount(numbers_of(rows.values_list("member_id"))))
        size = max(map(len, found))
        return [np.append(counts, np.zeros(size - len(counts), np.int64)).astype(np.int64) for counts in found]

    # Figures of groups by day

    def _done(self, days: Days) -> tuple[Ints, Ints]:
        """Answers; and days of active groups with as many interactions of the brand as the floor asks for."""
        stats = DailyGroupStat.objects.filter(group__in=self._visible.values("pk"), day__range=(days.first, days.last))
        done = stats.alias(done=F("posts") + F("staff")).order_by().values("group_id")
        sums = done.annotate(sum_answers=Sum("answers"), kept=Count("day", filter=Q(done__gte=self.floor)))
        group, answers, kept = numbers_of(sums.values_list("group_id", "sum_answers", "kept")).reshape(-1, 3).T
        return self._summed(group, answers), self._summed(group, kept, self._groups[3])

    def _judged(self, days: Days) -> Ints:
        """How many days of active groups there were."""
        rows = GroupHealth.objects.filter(group__in=self._visible.values("pk"), day__range=(days.first, days.last))
        counts = rows.order_by().values("group_id").annotate(n=Count("day")).values_list("group_id", "n")
        group, count = numbers_of(counts).reshape(-1, 2).T
        return self._summed(group, count, self._groups[3])

    def _stages(self) -> list[Counter[str]]:
        stages: list[Counter[str]] = [Counter() for _branch in self.branches]
        number, row, is_open, _is_active = self._groups
        row_of = dict(zip(number[is_open].tolist(), row[is_open].tolist(), strict=True))
        if self.day is None:
            return stages
        rows = GroupHealth.objects.filter(day=self.day, group__in=self._visible.values("pk"))
        for group, stage in rows.order_by().values_list("group_id", "stage"):
            if group in row_of:
                stages[row_of[group]][stage] += 1
        return stages


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
