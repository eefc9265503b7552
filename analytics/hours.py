"""Reading, orders and activity by hour and weekday of the community's clock.

A post is one delivery to one group that was sent. Whoever saw it or clicked in it: members with such an event in that
group after it, before the next post to the group, and within READ. Nobody counts twice for one post.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Count, F, QuerySet

from activity.models import BuiltInKind
from analytics.chance import Shares
from analytics.columns import Flags, Ints
from analytics.forms import RangeForm
from analytics.health.counting import SENT_EARLY, SENT_LATE
from analytics.health.models import DailyGroupStat
from analytics.index.source import source_of
from analytics.queries.activity import ActivityQuery
from analytics.queries.base import Names, Source
from analytics.queries.periods import local, midnight, millis
from analytics.queries.running import events_read
from analytics.sources import EpochMillis, Selection, numbers_of, with_ids
from delivery.models import Delivery, State
from groups.models import Group
from members.models import Membership

CELLS = 7 * 24
HOUR, DAY = 3_600_000, 86_400_000
READ, BOUGHT = timedelta(days=1), timedelta(days=3)
QUARTER = HOUR // 4  # every zone is whole quarters of an hour off UTC
SLICE = 28  # days of hours that one question may hold


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


@dataclass(frozen=True)
class Hours:
    """Shares by cell (weekday from Monday * 24 + hour), and who stands behind them: `members` of `cells`, in pairs."""

    shares: Shares
    cells: Ints
    members: Ints

    def people(self, cell: int) -> Ints:
        return np.unique(self.members[self.cells == cell])


def cells_of(at: Ints, zone: ZoneInfo) -> Ints:
    """The cell of the local clock in which each instant lies."""
    quarters, place = np.unique(at // QUARTER, return_inverse=True)
    moments = [local(int(quarter) * QUARTER, zone) for quarter in quarters]
    cells = np.array([moment.weekday() * 24 + moment.hour for moment in moments], np.int64)
    return cells[place] if len(at) else np.zeros(0, np.int64)


# Activity


def active_hours(form: RangeForm, source: Source, names: Names, *, zone: ZoneInfo, now: datetime) -> Hours:
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
    shares = Shares.of(cells_of(at, zone), active, np.full(len(at), members, np.int64), CELLS)
    return Hours(shares, np.zeros(0, np.int64), np.zeros(0, np.int64))


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
    """Posts that were sent, by group and instant, and how many members each could reach."""

    group: Ints
    at: Ints
    post: Ints
    reach: Ints

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
        fits = (last >= 0) & (self.group[found] == group) & (at - self.at[found] <= READ // timedelta(milliseconds=1))
        return np.where(fits, last, -1)


def post_hours(selection: Selection, branch: str, names: Names, span: Span, *, bought: bool) -> Hours:
    """Of the members whom the posts of each hour reached, the share who read them; with `bought` the share who ordered
    within BOUGHT of a click in them. Posts that still have time for it are left out."""
    patience = (READ + BOUGHT if bought else READ) // timedelta(milliseconds=1)
    groups = groups_of(selection, branch)
    last = max(span.start, min(span.end, millis(span.now) - patience))
    posts = posts_sent(groups, local(span.start, span.zone), local(last, span.zone))
    posts = _with_reach(posts, selection, groups, span)
    slugs = [BuiltInKind.LINK_CLICK] if bought else [BuiltInKind.POST_SEEN, BuiltInKind.LINK_CLICK]
    reader = np.zeros(0, np.int64)
    post = np.zeros(0, np.int64)
    if len(posts):
        until = int(posts.at.max()) + patience
        columns = events_read(source_of(selection), names, since=int(posts.at.min()), until=until, kinds=slugs)
        member, at, group = columns.members[columns.rows()], columns.at, columns.group
        told = posts.before(group, at)
        fits = told >= 0
        if bought:
            fits &= _ordered_after(selection, names, member, at, until)
        post, reader = _distinct(told[fits], member[fits])
    # A group may have been larger than the figure of the day says: nobody who read it was out of reach.
    read = np.bincount(post, minlength=len(posts)).astype(np.int64)
    shares = Shares.of(cells_of(posts.at, span.zone), read, np.maximum(posts.reach, read), CELLS)
    return Hours(shares, cells_of(posts.at, span.zone)[post], reader)


def _distinct(post: Ints, member: Ints) -> tuple[Ints, Ints]:
    if not len(post):
        return post, member
    width = int(member.max()) + 1
    both = np.unique(post * width + member)
    return both // width, both % width


def _ordered_after(selection: Selection, names: Names, member: Ints, at: Ints, until: int) -> Flags:
    """Which clicks were followed by an order. Orders name no group, so those of all groups are looked at."""
    if not len(at):
        return np.zeros(len(at), np.bool_)
    everywhere = Selection(selection.user, None, selection.member_ids)
    orders = events_read(source_of(everywhere), names, since=int(at.min()), until=until, kinds=[BuiltInKind.ORDERED])
    if not len(orders):
        return np.zeros(len(at), np.bool_)
    start, width = int(at.min()), until - int(at.min()) + 1
    when = np.sort(orders.members[orders.rows()] * width + (orders.at - start))
    clicked = member * width + (at - start)
    following = np.minimum(np.searchsorted(when, clicked), len(when) - 1)
    wait = when[following] - clicked
    result: Flags = (wait >= 0) & (wait <= BOUGHT // timedelta(milliseconds=1)) & (when[following] // width == member)
    return result


def groups_of(selection: Selection, branch: str) -> QuerySet[Group]:
    """The groups that a question is about."""
    groups: QuerySet[Group] = Group.objects.visible_to(selection.user)
    if branch:
        groups = groups.filter(branch__code=branch)
    if selection.group_ids is not None:
        groups = with_ids(groups, selection.group_ids)
    return groups


def posts_sent(groups: QuerySet[Group], start: datetime, end: datetime) -> Posts:
    """What was posted to these groups between two instants; how many it reached is left open."""
    sent = Delivery.objects.filter(
        state=State.SENT,
        post_id__isnull=False,
        due_at__gte=start - SENT_LATE,
        due_at__lt=end + SENT_EARLY,
        settled_at__gte=start,
        settled_at__lt=end,
    ).in_groups(groups.order_by().values("pk"))
    rows = sent.order_by("group_id", "settled_at").values_list("group_id", EpochMillis(F("settled_at")), "post_id")
    group, at, post = np.ascontiguousarray(numbers_of(rows).reshape(-1, 3).T)
    return Posts(group, at, post, np.zeros(len(at), np.int64))


def _with_reach(posts: Posts, selection: Selection, groups: QuerySet[Group], span: Span) -> Posts:
    if selection.member_ids is not None:
        return replace(posts, reach=_of_segment(posts.group, groups, selection.member_ids))
    return replace(posts, reach=_members_then(posts.group, posts.at, groups, span))


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
    stats = DailyGroupStat.objects.filter(group__in=groups.order_by().values("pk"), day__range=(span.first, span.last))
    rows = numbers_of(
        stats.order_by("group_id", "day").values_list(
            "group_id", EpochMillis(F("day")), "members", F("members") - F("joined") + F("left")
        )
    )
    of, day, after, before = rows.reshape(-1, 4).T
    now = dict(groups.order_by().values_list("pk", "member_count"))
    today = np.array([now.get(number, 0) for number in group.tolist()], np.int64)
    if not len(of):
        return today
    width = 1_000_000
    stat = of * width + day // DAY
    wanted = group * width + _local_days(at, span.zone)
    last = np.searchsorted(stat, wanted, side="right") - 1
    following = np.minimum(last + 1, len(of) - 1)
    last_of, next_of = of[np.maximum(last, 0)], of[following]
    return np.where(
        (last >= 0) & (last_of == group),
        after[np.maximum(last, 0)],
        np.where(next_of == group, before[following], today),
    )


def _local_days(at: Ints, zone: ZoneInfo) -> Ints:
    quarters, place = np.unique(at // QUARTER, return_inverse=True)
    epoch = date(1970, 1, 1)
    days = np.array([(local(int(quarter) * QUARTER, zone).date() - epoch).days for quarter in quarters], np.int64)
    return days[place]
