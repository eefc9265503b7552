"""Members: how many are in groups, came, went and did something, and what became of those who came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
from django.db.models import BigIntegerField, Case, F, OuterRef, Q, QuerySet, Subquery, Sum, When

from analytics.columns import Ints
from analytics.health.counting import GONE
from analytics.health.days import ONE, Days
from analytics.health.models import DailyGroupStat
from analytics.overview.scope import Scope
from analytics.sources import EpochMillis, numbers_of
from campaigns.orders.models import Order
from members.models import Membership

NO_CHANNEL = ""

# Value now and value before, by what they belong to.
Pairs = dict[int, tuple[int, int]]
ByChannel = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Places:
    """Places in open groups: `members` at the end of the days, and who came and went; places before + joined - left
    are the places now."""

    members: int
    joined: tuple[int, int]
    left: tuple[int, int]
    joined_days: list[int]
    left_days: list[int]

    @property
    def members_before(self) -> int:
        return self.members - self.joined[0] + self.left[0]

    @property
    def members_days(self) -> list[int]:
        change = np.array(self.joined_days) - np.array(self.left_days)
        return (self.members_before + np.cumsum(change)).tolist()  # type: ignore[no-any-return]


def places_of(scope: Scope) -> Places:
    """Two queries over the figures of groups by day."""
    both = scope.both
    by_day: dict[date, tuple[int, int]] = {
        day: (joined, left)
        for day, joined, left in _open(scope, _stats(scope, both))
        .values("day")
        .annotate(a=Sum("joined"), b=Sum("left"))
        .values_list("day", "a", "b")
    }
    course = [by_day.get(both.first + ONE * number, (0, 0)) for number in range(len(both))]
    joined, left = ([day[figure] for day in course] for figure in (0, 1))
    size = len(scope.days)
    newest = DailyGroupStat.objects.filter(group=OuterRef("pk"), day__lte=scope.days.last).order_by("-day")
    at_end = scope.groups.open().order_by().annotate(places=Subquery(newest.values("members")[:1]))
    return Places(
        members=at_end.aggregate(n=Sum("places", default=0))["n"],
        joined=(sum(joined[size:]), sum(joined[:size])),
        left=(sum(left[size:]), sum(left[:size])),
        joined_days=joined[size:],
        left_days=left[size:],
    )


def joined_by_group(scope: Scope) -> Pairs:
    """Who joined, by open group."""
    return _by_group(scope, "joined", only_open=True)


def active_by_group(scope: Scope) -> Pairs:
    """Member-days by group, over closed groups too."""
    return _by_group(scope, "active", only_open=False)


def _by_group(scope: Scope, figure: str, *, only_open: bool) -> Pairs:
    now, before = (_sums(scope, days, figure, only_open=only_open) for days in (scope.days, scope.before))
    return {group: (now.get(group, 0), before.get(group, 0)) for group in {*now, *before}}


def _sums(scope: Scope, days: Days, figure: str, *, only_open: bool) -> dict[int, int]:
    """Of each group. Sums under a condition on the day would cost a database more than each half by itself."""
    stats = _stats(scope, days)
    rows = (_open(scope, stats) if only_open else stats).values("group_id").annotate(n=Sum(figure))
    return dict(rows.values_list("group_id", "n"))


def _stats(scope: Scope, days: Days) -> QuerySet[DailyGroupStat]:
    stats = DailyGroupStat.objects.filter(day__range=(days.first, days.last)).order_by()
    return scope.within(stats, "group")


def _open(scope: Scope, stats: QuerySet[DailyGroupStat]) -> QuerySet[DailyGroupStat]:
    # Said as a negation: nearly all groups are open.
    return stats.exclude(group__in=scope.groups.closed().values("pk"))


@dataclass(frozen=True)
class Active:
    """Different members who did anything, in all and day by day."""

    members: tuple[int, int]
    days: list[int]


def active_of(scope: Scope) -> Active:
    source, names, now = scope.source, scope.names, scope.now
    before, members = scope.halves().compute(source, names, now=now).all["data"]
    days = scope.activity(scope.days).compute(source, names, now=now).all["data"]
    return Active((members, before), days)


def active_by_channel(scope: Scope) -> ByChannel:
    """Member-days by the channel through which they did something."""
    query = scope.activity(scope.both, breakdown={"by": "channel"})
    found = query.compute(scope.source, scope.names, now=scope.now).breakdown or {}
    size = len(scope.days)
    return {channel: (sum(figures["data"][size:]), sum(figures["data"][:size])) for channel, figures in found.items()}


def joined_by_channel(scope: Scope, joined: tuple[int, int]) -> ByChannel:
    """Who joined, by the channel that the event names. Whoever was first seen otherwise came without one, so that the
    channels add up to `joined`."""
    query = scope.halves(metric="total", event={"kind": "joined"}, breakdown={"by": "channel"})
    found = query.compute(scope.source, scope.names, now=scope.now).breakdown or {}
    named = {channel: (figures["data"][1], figures["data"][0]) for channel, figures in found.items() if channel}
    rest = [whole - sum(pair[half] for pair in named.values()) for half, whole in enumerate(joined)]
    return {**named, NO_CHANNEL: (rest[0], rest[1])}


@dataclass(frozen=True)
class Newcomers:
    """The members who joined a group in the range before, `stayed` of them still there and active in this one, `bought`
    of them with an order since they joined; each with the same of one range earlier."""

    members: tuple[int, int]
    stayed: tuple[int, int]
    bought: tuple[int, int]


def newcomers_of(scope: Scope) -> Newcomers:
    now, before = Cohort.read(scope, scope.before, scope.days), Cohort.read(scope, scope.earlier, scope.before)
    return Newcomers(
        members=(len(now.members), len(before.members)),
        stayed=(len(now.stayed(scope)), len(before.stayed(scope))),
        bought=(len(now.bought()), len(before.bought())),
    )


def came(scope: Scope, days: Days) -> QuerySet[Membership]:
    return scope.places.filter(joined_at__gte=days.start, joined_at__lt=days.end)


def went(scope: Scope, days: Days) -> QuerySet[Membership]:
    return scope.places.filter(GONE, left_at__gte=days.start, left_at__lt=days.end)


@dataclass(frozen=True)
class Cohort:
    """The members who joined an open group in the days `joined`, each with the first time that they did; `there`: still
    in one of these groups at the end of `days`."""

    joined: Days
    days: Days
    members: Ints
    since: Ints
    there: Ints

    @classmethod
    def read(cls, scope: Scope, joined: Days, days: Days) -> Self:
        is_there = Case(When(GONE & Q(left_at__lt=days.end), then=0), default=1, output_field=BigIntegerField())
        rows = came(scope, joined).order_by().values_list("member_id", EpochMillis(F("joined_at")), is_there)
        member, at, there = numbers_of(rows).reshape(-1, 3).T
        order = np.lexsort((at, member))
        members, first = np.unique(member[order], return_index=True)
        return cls(joined, days, members, at[order][first], member[there == 1])

    def stayed(self, scope: Scope) -> Ints:
        return np.intersect1d(self.there, scope.active(self.days))

    def bought(self) -> Ints:
        """Those who ordered after they joined, up to the end of the days."""
        if not len(self.members):
            return self.members
        orders = Order.objects.filter(ordered_at__gte=self.joined.start, ordered_at__lt=self.days.end).order_by()
        rows = orders.values_list("member_id", EpochMillis(F("ordered_at")))
        member, at = numbers_of(rows).reshape(-1, 2).T
        place = np.minimum(np.searchsorted(self.members, member), len(self.members) - 1)
        return np.unique(member[(self.members[place] == member) & (at >= self.since[place])])
