"""Members: how many are in groups, came, went and did something, and what became of those who came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from django.db.models import BigIntegerField, Case, OuterRef, Q, QuerySet, Subquery, Sum, When

from analytics.columns import Ints, marked
from analytics.health.counting import GONE
from analytics.health.days import Days
from analytics.health.models import DailyGroupStat
from analytics.ledger.reading import Ledger, flags_by_number, is_allowed, rows_within, undisturbed
from analytics.overview.scope import Scope
from analytics.queries.together import computed, people_of
from analytics.sources import numbers_of
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
    """Three queries over the figures of groups by day."""
    both = scope.both
    joined, left = _by_day(_moved(scope, both), both)
    # Nearly all groups are open: to take the others off is quicker than to look at each.
    of_closed = _by_day(
        _moved(scope, both).filter(group__in=list(scope.groups.closed().values_list("pk", flat=True))), both
    )
    joined, left = joined - of_closed[0], left - of_closed[1]
    size = len(scope.days)
    newest = DailyGroupStat.objects.filter(group=OuterRef("pk"), day__lte=scope.days.last).order_by("-day")
    at_end = scope.groups.open().order_by().annotate(places=Subquery(newest.values("members")[:1]))
    return Places(
        members=at_end.aggregate(n=Sum("places", default=0))["n"],
        joined=(int(joined[size:].sum()), int(joined[:size].sum())),
        left=(int(left[size:].sum()), int(left[:size].sum())),
        joined_days=joined[size:].tolist(),
        left_days=left[size:].tolist(),
    )


def _moved(scope: Scope, days: Days) -> QuerySet[DailyGroupStat]:
    """Where somebody came or went: a few of all figures, which have an index of their own."""
    return _stats(scope, days).filter(Q(joined__gt=0) | Q(left__gt=0))


def _by_day(stats: QuerySet[DailyGroupStat], days: Days) -> tuple[Ints, Ints]:
    """How many joined and left, day by day."""
    sums = np.zeros((2, len(days)), np.int64)
    for day, *figures in stats.values("day").annotate(a=Sum("joined"), b=Sum("left")).values_list("day", "a", "b"):
        sums[:, (day - days.first).days] = figures
    return sums[0], sums[1]


def joined_by_group(scope: Scope) -> Pairs:
    """Who joined, by open group."""
    is_now = Case(When(day__gte=scope.days.first, then=1), default=0, output_field=BigIntegerField())
    rows = _moved(scope, scope.both).filter(joined__gt=0).values_list("group_id", is_now, "joined")
    group, now, joined = numbers_of(rows).reshape(-1, 3).T
    is_open = ~np.isin(group, numbers_of(scope.groups.closed().order_by().values_list("pk")))
    return pairs_of(group[is_open], joined[is_open], now[is_open])


def pairs_of(key: Ints, value: Ints, now: Ints) -> Pairs:
    """The sums of values by their key, of those that are now (1) and of those that are not (0)."""
    keys, place = np.unique(key, return_inverse=True)
    sums = np.zeros((2, len(keys)), np.int64)
    np.add.at(sums, (now, place), value)
    return {key: (now, before) for key, before, now in zip(keys.tolist(), *sums.tolist(), strict=True)}


def _stats(scope: Scope, days: Days) -> QuerySet[DailyGroupStat]:
    stats = DailyGroupStat.objects.filter(day__range=(days.first, days.last)).order_by()
    return scope.within(stats, "group")


@dataclass(frozen=True)
class Active:
    """Different members who did anything, in all and day by day."""

    members: tuple[int, int]
    days: list[int]


def active_of(scope: Scope) -> Active:
    asked = [scope.halves(), scope.activity(scope.days)]
    halves, days = computed(asked, scope.source, scope.names, now=scope.now)
    before, members = halves.all["data"]
    return Active((members, before), days.all["data"])


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
    now, before = cohorts_of(scope)
    asked = [scope.activity(days, interval="month") for days in (scope.days, scope.before)]
    there = np.sort(np.append(now.there, before.there))
    active, active_before = people_of(asked, scope.source, scope.names, among=there)
    return Newcomers(
        members=(len(now.members), len(before.members)),
        stayed=(len(now.stayed(active)), len(before.stayed(active_before))),
        bought=(len(now.bought()), len(before.bought())),
    )


def came(scope: Scope, days: Days) -> QuerySet[Membership]:
    return scope.places.filter(joined_at__gte=days.start, joined_at__lt=days.end)


def went(scope: Scope, days: Days) -> QuerySet[Membership]:
    return scope.places.filter(GONE, left_at__gte=days.start, left_at__lt=days.end)


def cohorts_of(scope: Scope) -> tuple[Cohort, Cohort]:
    """Who joined in the range before, and who did one range earlier: out of the ledger."""
    return undisturbed(lambda: _cohorts(scope))


def _cohorts(scope: Scope) -> tuple[Cohort, Cohort]:
    ledger, groups = Ledger.now(), scope.groups.open()
    allow = flags_by_number(numbers_of(groups.order_by().values_list("pk")))
    start, middle, end = (int(days.edges[0]) for days in (scope.earlier, scope.before, scope.days))
    found = []
    for table, skip in ledger.places(groups):
        rows, member = rows_within(table, skip, table.joined, start, end)
        keep = is_allowed(allow, table.group[rows])
        found.append(np.stack([member, table.joined[rows], table.gone[rows]])[:, keep])
    places = np.concatenate(found, axis=1)
    later = places[1] >= middle
    bought = [
        np.stack([member, table.at[rows]])
        for table, skip in ledger.orders_between(scope.earlier.start, scope.days.end)
        for rows, member in [rows_within(table, skip, table.at, start, int(scope.days.edges[-1]))]
    ]
    orders = np.concatenate(bought, axis=1)
    now, before = (
        Cohort.of(places[:, half], days, orders) for half, days in ((later, scope.days), (~later, scope.before))
    )
    return now, before


@dataclass(frozen=True)
class Cohort:
    """The members who joined an open group in the days `joined`, each with the first time that they did; `there`: still
    in one of these groups at the end of `days`. `orders`: who ordered and when, perhaps of more members and days."""

    days: Days
    members: Ints
    since: Ints
    there: Ints
    orders: tuple[Ints, Ints]

    @classmethod
    def of(cls, places: Ints, days: Days, orders: Ints) -> Self:
        """`places` are columns of members, when they joined and when they left."""
        if not places.size:
            nobody = np.zeros(0, np.int64)
            return cls(days, nobody, nobody, nobody, (orders[0], orders[1]))
        # They come nearly in the order of members, which a stable sort makes use of.
        member, at, gone = places[:, np.argsort(places[0], kind="stable")]
        starts = np.flatnonzero(np.r_[True, member[1:] != member[:-1]])
        members = member[starts]
        there = members[np.maximum.reduceat(gone, starts) >= days.edges[-1]]
        return cls(days, members, np.minimum.reduceat(at, starts), there, (orders[0], orders[1]))

    def stayed(self, active: Ints) -> Ints:
        """Those who are still there, of the members who were active in the days."""
        return self.there[marked(self.there, active)]

    def bought(self) -> Ints:
        """Those who ordered after they joined, up to the end of the days."""
        if not len(self.members):
            return self.members
        member, at = self.orders
        place = np.minimum(np.searchsorted(self.members, member), len(self.members) - 1)
        in_time = (at >= self.since[place]) & (at < self.days.edges[-1])
        return np.unique(member[(self.members[place] == member) & in_time])
