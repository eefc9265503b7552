"""Members: how many are in groups, came, went and did something, and what became of those who came."""

from __future__ import annotations

from dataclasses import dataclass
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
from groups.models import GroupState
from members.models import Membership

OPEN = (GroupState.FORMING, GroupState.ACTIVE)
NO_CHANNEL = ""
NOTHING = (0, 0, 0)

# Value now and value before, by what they belong to.
Pairs = dict[int, tuple[int, int]]
ByChannel = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Places:
    """Places in open groups: `members` at the end of the days, and who came and went; places before + joined - left
    are the places now. `joined_by` and `active_by` go by group, the latter in member-days and over closed groups too.
    """

    members: int
    joined: tuple[int, int]
    left: tuple[int, int]
    joined_days: list[int]
    left_days: list[int]
    joined_by: Pairs
    active_by: Pairs

    @property
    def members_before(self) -> int:
        return self.members - self.joined[0] + self.left[0]

    @property
    def members_days(self) -> list[int]:
        change = np.array(self.joined_days) - np.array(self.left_days)
        return (self.members_before + np.cumsum(change)).tolist()  # type: ignore[no-any-return]


def places_of(scope: Scope) -> Places:
    """A few queries over the figures of groups by day."""
    days, before = scope.days, scope.before
    stats = scope.within(DailyGroupStat.objects.order_by(), "group")
    # Sums under a condition on the day would cost a database more than to go through each half by itself.
    now, earlier = (_sums(stats.filter(day__range=(part.first, part.last))) for part in (days, before))
    open_groups = set(scope.groups.open().values_list("pk", flat=True))
    pairs = {group: (now.get(group, NOTHING), earlier.get(group, NOTHING)) for group in {*now, *earlier}}
    joined = {group: (one[0], two[0]) for group, (one, two) in pairs.items() if group in open_groups}
    left = {group: (one[1], two[1]) for group, (one, two) in pairs.items() if group in open_groups}
    active = {group: (one[2], two[2]) for group, (one, two) in pairs.items()}
    here = stats.filter(day__range=(days.first, days.last), group__state__in=OPEN)
    by_day = {row["day"]: row for row in here.values("day").annotate(joined=Sum("joined"), left=Sum("left"))}
    course = [by_day.get(days.first + ONE * number, {"joined": 0, "left": 0}) for number in range(len(days))]
    newest = DailyGroupStat.objects.filter(group=OuterRef("pk"), day__lte=days.last).order_by("-day")
    at_end = scope.groups.open().order_by().annotate(places=Subquery(newest.values("members")[:1]))
    return Places(
        members=at_end.aggregate(n=Sum("places", default=0))["n"],
        joined=_sum(joined),
        left=_sum(left),
        joined_days=[row["joined"] for row in course],
        left_days=[row["left"] for row in course],
        joined_by=joined,
        active_by=active,
    )


def _sums(stats: QuerySet[DailyGroupStat]) -> dict[int, tuple[int, int, int]]:
    """Joined, left and member-days of each group."""
    rows = stats.values("group_id").annotate(a=Sum("joined"), b=Sum("left"), c=Sum("active"))
    return {
        group: (joined, left, active) for group, joined, left, active in rows.values_list("group_id", "a", "b", "c")
    }


def _sum(pairs: Pairs) -> tuple[int, int]:
    return sum(now for now, _before in pairs.values()), sum(before for _now, before in pairs.values())


@dataclass(frozen=True)
class Active:
    """Different members who did anything, day by day and in all; `by_channel` in member-days, by the channel through
    which they did it."""

    members: tuple[int, int]
    days: list[int]
    by_channel: ByChannel


def active_of(scope: Scope) -> Active:
    by = {"breakdown": {"by": "channel"}}
    now, before = (
        scope.activity(days, **by).compute(scope.source, scope.names, now=scope.now)
        for days in (scope.days, scope.before)
    )
    counts = [
        {channel: sum(figures["data"]) for channel, figures in (result.breakdown or {}).items()}
        for result in (now, before)
    ]
    return Active((now.all["overall"], before.all["overall"]), now.all["data"], _paired(*counts))


def joined_by_channel(scope: Scope, joined: tuple[int, int]) -> ByChannel:
    """Who joined, by the channel that the event names. Whoever was first seen otherwise came without one, so that the
    channels add up to `joined`."""
    counts = []
    for days, whole in zip((scope.days, scope.before), joined, strict=True):
        query = scope.activity(
            days, metric="total", interval="month", event={"kind": "joined"}, breakdown={"by": "channel"}
        )
        found = query.compute(scope.source, scope.names, now=scope.now).breakdown or {}
        named = {channel: figures["sum"] for channel, figures in found.items() if channel}
        counts.append({**named, NO_CHANNEL: whole - sum(named.values())})
    return _paired(*counts)


def _paired(now: dict[str, int], before: dict[str, int]) -> ByChannel:
    return {key: (now.get(key, 0), before.get(key, 0)) for key in {*now, *before}}


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
