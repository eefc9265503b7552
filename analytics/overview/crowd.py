"""Members: how many are in groups, came, went and did something, and what became of those who came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.db.models import QuerySet

from analytics import kernels_overview
from analytics.columns import Ints, Numbers, Shard
from analytics.health.counting import GONE
from analytics.health.days import Days
from analytics.ledger.reading import Ledger, undisturbed
from analytics.overview.scope import Scope
from analytics.queries.running import run
from analytics.queries.together import computed
from members.models import Membership

NO_CHANNEL = ""

# By number of what they belong to, value now and value before.
Pairs = Ints
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
    joined_by_group: Pairs

    @property
    def members_before(self) -> int:
        return self.members - self.joined[0] + self.left[0]

    @property
    def members_days(self) -> list[int]:
        change = np.array(self.joined_days) - np.array(self.left_days)
        return (self.members_before + np.cumsum(change)).tolist()  # type: ignore[no-any-return]


def places_of(scope: Scope) -> Places:
    """In one loop over the memberships in the ledger: what figures of groups by day say when they are added up."""
    return undisturbed(lambda: _places(scope))


def _places(scope: Scope) -> Places:
    edges, later, allow = scope.both.edges, len(scope.before), scope.open_groups
    by_day, by_group = np.zeros((2, len(edges) - 1), np.int64), np.zeros((len(allow), 2), np.int64)
    members = sum(
        kernels_overview.flow(table, skip, allow, edges, later, by_day, by_group)
        for table, skip in Ledger.now().places(scope.groups.open())
    )
    joined, left = by_day
    return Places(
        members=members,
        joined=(int(joined[later:].sum()), int(joined[:later].sum())),
        left=(int(left[later:].sum()), int(left[:later].sum())),
        joined_days=joined[later:].tolist(),
        left_days=left[later:].tolist(),
        joined_by_group=by_group,
    )


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
    cohorts = now, before = cohorts_of(scope)
    stayed, stayed_before = stayed_of(scope, cohorts)
    return Newcomers(
        members=(len(now.members), len(before.members)),
        stayed=(len(stayed), len(stayed_before)),
        bought=(len(now.bought), len(before.bought)),
    )


def came(scope: Scope, days: Days) -> QuerySet[Membership]:
    return scope.places.filter(joined_at__gte=days.start, joined_at__lt=days.end)


def went(scope: Scope, days: Days) -> QuerySet[Membership]:
    return scope.places.filter(GONE, left_at__gte=days.start, left_at__lt=days.end)


@dataclass(frozen=True)
class Cohort:
    """The members who joined an open group in the range before `days`; `there`: still in one of these groups at the end
    of the days, `bought`: with an order since they joined."""

    days: Days
    members: Ints
    there: Ints
    bought: Ints


def cohorts_of(scope: Scope) -> tuple[Cohort, Cohort]:
    """Who joined in the range before, and who did one range earlier: out of the ledger."""
    return undisturbed(lambda: _cohorts(scope))


def _cohorts(scope: Scope) -> tuple[Cohort, Cohort]:
    ledger = Ledger.now()
    places = ledger.places(scope.groups.open())
    orders = ledger.orders_between(scope.earlier.start, scope.days.end)

    def cohort(joined: Days, days: Days) -> Cohort:
        start, middle, end = (int(moment) for moment in (joined.edges[0], joined.edges[-1], days.edges[-1]))
        # Members stand in order in each table, and none is in two.
        found = [kernels_overview.came(table, skip, scope.open_groups, start, middle) for table, skip in places]
        members, since, gone = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.argsort(members, kind="stable")
        members, since, gone = members[order], since[order], gone[order]
        bought = np.zeros(len(members), np.bool_)
        for table, skip in orders:
            kernels_overview.bought_since(table, skip, members, since, end, bought)
        return Cohort(days, members, members[gone >= end], members[bought])

    return cohort(scope.before, scope.days), cohort(scope.earlier, scope.before)


def stayed_of(scope: Scope, cohorts: tuple[Cohort, ...]) -> list[Ints]:
    """Of each of these cohorts the members who are still there and did anything in its days."""
    since, until = (np.array([cohort.days.edges[end] for cohort in cohorts], np.int64) for end in (0, -1))
    wanted = np.zeros(1 + max(int(cohort.there.max(initial=0)) for cohort in cohorts), np.uint8)
    for bit, cohort in enumerate(cohorts):
        wanted[cohort.there] |= 1 << bit
    shards = scope.source.shards(since=int(since.min()), until=int(until.max()), kinds=None)
    found = run(shards, _Active(wanted, since, until))
    return [
        np.sort(np.concatenate([members[marks >> bit & 1 > 0] for members, marks in found]))
        for bit in range(len(cohorts))
    ]


@dataclass(frozen=True, slots=True)
class _Active:
    """The members of a shard who did anything, and a bit for each time within which they did (see the kernel)."""

    wanted: Numbers
    since: Ints
    until: Ints

    def __call__(self, shard: Shard) -> tuple[Ints, Numbers]:
        marks = kernels_overview.active_of(shard, self.wanted, self.since, self.until)
        found = np.flatnonzero(marks)
        return shard.members[found], marks[found]
