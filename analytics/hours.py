"""Reading, orders and activity by hour and weekday of the community's clock.

A post is one delivery to one group that was sent. Whoever saw it or clicked in it: members with such an event in that
group after it, before the next post to the group, and within READ. Nobody counts twice for one post.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Count, F, QuerySet

from activity.models import BuiltInKind
from analytics.chance import Shares
from analytics.columns import Columns, Flags, Ints
from analytics.health.counting import SENT_EARLY, SENT_LATE
from analytics.health.models import DailyGroupStat
from analytics.index.source import source_of
from analytics.queries.base import Names, Where
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
# So many days of the whole community's events are held at once.
SLICE = 28


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

    @property
    def shift(self) -> int:
        """What makes full hours of the local clock out of those of UTC: half an hour in Kolkata."""
        offset = local(self.start, self.zone).utcoffset() or timedelta()
        return offset // timedelta(milliseconds=1) % HOUR


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


def active_hours(selection: Selection, where: Where, names: Names, span: Span) -> Hours:
    """Of the members who did anything in the range, the share who did something within each hour."""
    source = source_of(selection)
    parts: list[tuple[Ints, Ints]] = []
    first = span.first
    while first <= span.last and midnight(first, span.zone) < span.end:
        after = min(span.last + timedelta(days=1), first + timedelta(days=SLICE))
        until = min(midnight(after, span.zone), span.end)
        columns = events_read(source, names, since=midnight(first, span.zone), until=until, kinds=None, where=where)
        parts.append(_distinct_hours(columns, span.shift))
        first = after
    hours = np.concatenate([hour for hour, _members in parts]) if parts else np.zeros(0, np.int64)
    members = np.concatenate([members for _hour, members in parts]) if parts else np.zeros(0, np.int64)
    # An hour in which nobody did anything counts too; one that is not over does not.
    every = np.arange((span.start + span.shift) // HOUR, (span.end + span.shift) // HOUR)
    over = hours < (span.end + span.shift) // HOUR
    active = np.bincount(hours[over] - every[0], minlength=len(every)) if len(every) else np.zeros(0, np.int64)
    everybody = np.full(len(every), len(np.unique(members)), np.int64)
    shares = Shares.of(cells_of(every * HOUR - span.shift, span.zone), active, everybody, CELLS)
    return Hours(shares, cells_of(hours[over] * HOUR - span.shift, span.zone), members[over])


def _distinct_hours(columns: Columns, shift: int) -> tuple[Ints, Ints]:
    """Each hour with each member who did something in it, once. A member's events stand in the order of time."""
    hour, member = (columns.at + shift) // HOUR, columns.members[columns.rows()]
    if not len(hour):
        return hour, member
    fresh = np.r_[True, (hour[1:] != hour[:-1]) | (member[1:] != member[:-1])]
    return hour[fresh], member[fresh]


# Posts


@dataclass(frozen=True)
class Posts:
    """Posts that were sent, by group and instant, and how many members each could reach."""

    group: Ints
    at: Ints
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
    posts = posts_sent(selection, groups, span, until=min(span.end, millis(span.now) - patience))
    slugs = [BuiltInKind.LINK_CLICK] if bought else [BuiltInKind.POST_SEEN, BuiltInKind.LINK_CLICK]
    reader = np.zeros(0, np.int64)
    post = np.zeros(0, np.int64)
    if len(posts):
        until = int(posts.at.max()) + patience
        source = source_of(selection)
        columns = events_read(source, names, since=int(posts.at.min()), until=until, kinds=slugs)
        told = posts.before(columns.group, columns.at)
        fits = told >= 0
        member = columns.members[columns.rows()]
        if bought:
            fits &= _ordered_after(selection, names, member, columns.at, until)
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


def posts_sent(selection: Selection, groups: QuerySet[Group], span: Span, until: int) -> Posts:
    """What was posted to these groups from the start of the span until an instant."""
    start, end = local(span.start, span.zone), local(max(until, span.start), span.zone)
    sent = Delivery.objects.filter(
        state=State.SENT,
        post_id__isnull=False,
        due_at__gte=start - SENT_LATE,
        due_at__lt=end + SENT_EARLY,
        settled_at__gte=start,
        settled_at__lt=end,
    ).in_groups(groups.order_by().values("pk"))
    rows = numbers_of(sent.order_by("group_id", "settled_at").values_list("group_id", EpochMillis(F("settled_at"))))
    group, at = np.ascontiguousarray(rows.reshape(-1, 2).T)
    if selection.member_ids is not None:
        return Posts(group, at, _of_segment(group, groups, selection.member_ids))
    return Posts(group, at, _members_then(group, at, groups, span))


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
