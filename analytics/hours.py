"""Reading, orders and activity by hour and weekday of the community's clock.

A post is one delivery to one group that was sent. Whoever saw it or clicked in it: members with such an event in that
group after it, before the next post to the group, and within READ. Nobody counts twice for one post.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Count, F, Q, QuerySet

from activity.models import BuiltInKind
from analytics.chance import Shares
from analytics.columns import Flags, Ints, Shard
from analytics.forms import RangeForm
from analytics.health.counting import SENT_EARLY, SENT_LATE
from analytics.health.days import Days, local_day
from analytics.health.kept import group_days, is_kept
from analytics.health.models import DailyGroupStat
from analytics.index.source import source_of
from analytics.kernels_groups import PostTable, Reading, post_readers
from analytics.queries.activity import ActivityQuery
from analytics.queries.adding import run_adding
from analytics.queries.base import Names, Source, Stored, flags_of
from analytics.queries.periods import local, midnight, millis
from analytics.queries.running import joined, run
from analytics.sources import DayNumber, EpochMillis, Selection, numbers_of, with_ids
from delivery.models import Delivery, State
from groups.models import Group
from members.models import Membership

CELLS = 7 * 24
HOUR = 3_600_000
MILLISECOND = timedelta(milliseconds=1)
READ, BOUGHT = timedelta(days=1), timedelta(days=3)
QUARTER = HOUR // 4  # every zone is whole quarters of an hour off UTC
SLICE = 28  # days of hours that one question may hold
DATES = 100_000_000  # more than any day as a number: 20260302


@dataclass(frozen=True)
class Span:
    """Whole local days of a zone, as far as they are over."""

    first: date
    last: date
    zone: ZoneInfo
    now: datetime

    @property
    def start(self) -> int:
        return midnight(self.first, self.zone)

    @property
    def end(self) -> int:
        return min(midnight(self.last + timedelta(days=1), self.zone), millis(self.now))


def cells_of(at: Ints, zone: ZoneInfo) -> Ints:
    """The cell of the local clock in which each instant lies."""
    quarters, place = np.unique(at // QUARTER, return_inverse=True)
    moments = [local(int(quarter) * QUARTER, zone) for quarter in quarters]
    cells = np.array([moment.weekday() * 24 + moment.hour for moment in moments], np.int64)
    return cells[place] if len(at) else np.zeros(0, np.int64)


# Activity


def active_hours(form: RangeForm, source: Source, names: Names, *, zone: ZoneInfo, now: datetime) -> Shares:
    """Of the members who did anything in the range, the share who did something within each hour."""
    everybody = ActivityQuery.read(_activity(form, form.range(), "month"), zone=zone, now=now)
    members = int(everybody.compute(source, names, now=now).all["overall"])
    starts, counts = [], []
    for query in _hourly(form, zone, now):
        counts += query.compute(source, names, now=now).all["data"]
        starts += query.periods.edges[:-1].tolist()
    # An hour in which nobody did anything counts too; one that is not over does not.
    over = np.array(starts, np.int64) + HOUR <= millis(now)
    active, at = np.array(counts, np.int64)[over], np.array(starts, np.int64)[over]
    return Shares.of(cells_of(at, zone), active, np.full(len(at), members, np.int64), CELLS)


def active_people(form: RangeForm, source: Source, names: Names, cell: int, *, zone: ZoneInfo, now: datetime) -> Ints:
    """Who did something within that hour of that weekday."""
    found = [
        query.people(source, names, period=period)
        for query in _hourly(form, zone, now)
        for period in np.flatnonzero(cells_of(query.periods.edges[:-1], zone) == cell).tolist()
        if int(query.periods.edges[period]) + HOUR <= millis(now)
    ]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)


def _activity(form: RangeForm, days: dict[str, str], interval: str) -> dict[str, Any]:
    return {**form.common(), "metric": "unique", "interval": interval, "range": days}


def _hourly(form: RangeForm, zone: ZoneInfo, now: datetime) -> list[ActivityQuery]:
    """The range hour by hour, in questions of as many days as one can hold."""
    first, last = form.days
    queries = []
    while first <= last:
        until = min(last, first + timedelta(days=SLICE - 1))
        days = {"from": first.isoformat(), "to": until.isoformat()}
        queries.append(ActivityQuery.read(_activity(form, days, "hour"), zone=zone, now=now))
        first = until + timedelta(days=1)
    return queries


# Posts


@dataclass(frozen=True)
class Posts:
    """Posts that were sent, by group and instant."""

    group: Ints
    at: Ints
    post: Ints

    def __len__(self) -> int:
        return len(self.at)

    def before(self, group: Ints, at: Ints) -> Ints:
        """The last post to the group of each event before it, within READ; -1 for none."""
        if not len(self):
            return np.full(len(at), -1, np.int64)
        groups = np.unique(self.group)
        start = int(min(self.at[0:].min(), at.min() if len(at) else self.at[0]))
        width = int(max(self.at.max(), at.max() if len(at) else 0)) - start + 2
        mine = np.searchsorted(groups, self.group) * width + (self.at - start)
        place = np.minimum(np.searchsorted(groups, group), len(groups) - 1)
        last = np.searchsorted(mine, place * width + (at - start), side="right") - 1
        found = np.maximum(last, 0)
        fits = (last >= 0) & (self.group[found] == group) & (at - self.at[found] <= READ // MILLISECOND)
        return np.where(fits, last, -1)


@dataclass(frozen=True)
class Question:
    """What the posts of each hour led to: reading them, or with `bought` an order within BOUGHT of a click in them.
    Posts that still have time for it are left out."""

    selection: Selection
    branch: str
    names: Names
    span: Span
    bought: bool

    @property
    def patience(self) -> int:
        return (READ + BOUGHT if self.bought else READ) // MILLISECOND

    def shares(self) -> Shares:
        """Of the members whom the posts of each hour reached, the share who did it."""
        posts, span = self._posts, self.span
        # A group may have been larger than the figure of the day says: nobody who read it was out of reach.
        read = np.zeros(len(posts), np.int64)
        if len(posts):
            shards, readers = self._looked_at(probe=-1)
            read = sum(run_adding(shards, _Counting(readers)), read)
        reach = np.maximum(_reach(posts, self.selection, self._groups, span), read)
        return Shares.of(cells_of(posts.at, span.zone), read, reach, CELLS)

    def people(self, cell: int) -> Ints:
        """Who did it, of all posts of an hour."""
        if not len(self._posts):
            return np.zeros(0, np.int64)
        return np.sort(joined([members for _counts, members in run(*self._looked_at(probe=cell))]))

    @cached_property
    def _groups(self) -> QuerySet[Group]:
        return groups_of(self.selection, self.branch)

    @cached_property
    def _posts(self) -> Posts:
        span = self.span
        last = max(span.start, min(span.end, millis(span.now) - self.patience))
        return posts_sent(self._groups, local(span.start, span.zone), local(last, span.zone))

    def _looked_at(self, *, probe: int) -> tuple[Sequence[Stored], _Readers]:
        """Where readers of the posts, of which there are some, are looked for, and how; `probe` is an hour."""
        posts, asked = self._posts, self.selection
        since, until = int(posts.at.min()), int(posts.at.max()) + self.patience
        slugs = [BuiltInKind.LINK_CLICK] if self.bought else [BuiltInKind.POST_SEEN, BuiltInKind.LINK_CLICK]
        orders = [BuiltInKind.ORDERED] if self.bought else []
        numbers = [number for slug in (*slugs, *orders) if (number := self.names.kind(slug)) is not None]
        if self.bought:
            # Orders name no group, so those of all groups are looked at.
            asked = Selection(asked.user, None, asked.member_ids)
        reading = Reading(
            since,
            until,
            self._marked(slugs),
            READ // MILLISECOND,
            self._marked(orders) if self.bought else np.zeros(0, np.bool_),
            BOUGHT // MILLISECOND,
        )
        starts = np.searchsorted(posts.group, np.arange(int(posts.group[-1]) + 2)).astype(np.int64)
        table = PostTable(starts, posts.at, cells_of(posts.at, self.span.zone))
        shards = source_of(asked).shards(since=since, until=until, kinds=numbers)
        return shards, _Readers(table, reading, probe)

    def _marked(self, slugs: Sequence[str]) -> Flags:
        numbers = [number for slug in slugs if (number := self.names.kind(slug)) is not None]
        flags = np.zeros(1 + max(numbers, default=0), np.bool_)
        flags[numbers] = True
        return flags


@dataclass(frozen=True, slots=True)
class _Readers:
    """How many read each post, and who read one of the hour `probe`."""

    posts: PostTable
    reading: Reading
    probe: int

    def __call__(self, shard: Shard) -> tuple[Ints, Ints]:
        flags = flags_of(shard)
        counts = post_readers(shard, self.posts, self.reading, self.probe, flags)
        return counts, shard.members[flags]


@dataclass(frozen=True, slots=True)
class _Counting:
    readers: _Readers

    def __call__(self, shard: Shard) -> Ints:
        return self.readers(shard)[0]


def groups_of(selection: Selection, branch: str) -> QuerySet[Group]:
    """The groups that a question is about."""
    groups: QuerySet[Group] = Group.objects.visible_to(selection.user)
    if branch:
        groups = groups.filter(branch__code=branch)
    if selection.group_ids is not None:
        groups = with_ids(groups, selection.group_ids)
    return groups


def posts_sent(groups: QuerySet[Group], start: datetime, end: datetime) -> Posts:
    """What was posted to these groups between two instants."""
    sent = Delivery.objects.filter(
        state=State.SENT,
        post_id__isnull=False,
        due_at__gte=start - SENT_LATE,
        due_at__lt=end + SENT_EARLY,
        settled_at__gte=start,
        settled_at__lt=end,
    ).in_groups(groups.order_by().values("pk"))
    rows = sent.order_by().values_list("group_id", EpochMillis(F("settled_at")), "post_id")
    group, at, post = numbers_of(rows).reshape(-1, 3).T
    order = np.lexsort((at, group))
    return Posts(group[order], at[order], post[order])


def _reach(posts: Posts, selection: Selection, groups: QuerySet[Group], span: Span) -> Ints:
    """How many members each post could reach."""
    if selection.member_ids is not None:
        return _of_segment(posts.group, groups, selection.member_ids)
    return _members_then(posts.group, posts.at, groups, span)


def _of_segment(group: Ints, groups: QuerySet[Group], members: Collection[int]) -> Ints:
    """Who of a segment is in each group today: what it was then, nobody wrote down."""
    rows = with_ids(Membership.objects.present(), members, "member_id").filter(group__in=groups.order_by().values("pk"))
    found = dict(rows.order_by().values("group").annotate(n=Count("pk")).values_list("group", "n"))
    return np.array([found.get(number, 0) for number in group.tolist()], np.int64)


def _members_then(group: Ints, at: Ints, groups: QuerySet[Group], span: Span) -> Ints:
    """How many members each group had at the end of the day, by its daily figures; a day without any is as the one
    before it."""
    if not len(group):
        return np.zeros(0, np.int64)
    day = _local_days(at, span.zone)
    # Days on which nobody came or went repeat the one before. Of a group without others any figure says how many.
    first = max(span.first, date.fromisoformat(str(day.min())))
    members = _at_the_end(group, day, groups, first, span, is_flow=True)
    for figures in (True, False):
        rest = members < 0
        if rest.any():
            chosen = with_ids(groups, np.unique(group[rest]).tolist())
            if figures:
                members[rest] = _at_the_end(group[rest], day[rest], chosen, span.first, span, is_flow=False)
            else:
                today = dict(chosen.order_by().values_list("pk", "member_count"))
                members[rest] = [today.get(number, 0) for number in group[rest].tolist()]
    return members


def _at_the_end(group: Ints, day: Ints, groups: QuerySet[Group], first: date, span: Span, *, is_flow: bool) -> Ints:
    """Members by the last figure up to the day (20260302), else by what the first one after it began with; below 0
    where there is none. With `is_flow` only days on which somebody came or went are looked at."""
    days = Days(first, span.last)
    known = _kept_members if is_kept(days, local_day(span.now)) else _read_members
    found = known(groups, days, is_flow=is_flow)
    if not len(found):
        return np.full(len(group), -1)
    moment = found[:, 0] * DATES + found[:, 1]
    order = np.argsort(moment, kind="stable")
    of, _day, after, before = found[order].T
    place = np.searchsorted(moment[order], group * DATES + day, side="right") - 1
    before_it, following = np.maximum(place, 0), np.minimum(place + 1, len(of) - 1)
    return np.where(
        (place >= 0) & (of[before_it] == group),
        after[before_it],
        np.where(of[following] == group, before[following], -1),
    )


def _kept_members(groups: QuerySet[Group], days: Days, *, is_flow: bool) -> Ints:
    """Groups, days, how many members each had at the end of the day and how many when it began; in this order."""
    table = group_days(days)
    asked = np.isin(table.groups, numbers_of(groups.order_by().values_list("pk")))
    row, place = np.nonzero((table.is_flow if is_flow else table.is_there) & asked[:, None])
    members = table.members[row, place].astype(np.int64)
    return np.stack([table.groups[row], days.numbers[place], members, members - table.change[row, place]], axis=1)


def _read_members(groups: QuerySet[Group], days: Days, *, is_flow: bool) -> Ints:
    """The same of any days, in any order."""
    rows = DailyGroupStat.objects.filter(group__in=groups.order_by().values("pk"), day__range=(days.first, days.last))
    if is_flow:
        rows = rows.filter(Q(joined__gt=0) | Q(left__gt=0))
    began = F("members") - F("joined") + F("left")
    return numbers_of(rows.order_by().values_list("group_id", DayNumber(F("day")), "members", began)).reshape(-1, 4)


def _local_days(at: Ints, zone: ZoneInfo) -> Ints:
    """The local day of each instant, as 20260302."""
    quarters, place = np.unique(at // QUARTER, return_inverse=True)
    days = np.array([int(f"{local(int(quarter) * QUARTER, zone):%Y%m%d}") for quarter in quarters], np.int64)
    return days[place]
