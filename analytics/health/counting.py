"""The figures of groups by day, counted from events, memberships and deliveries.

Events are read into arrays and counted there: on which local day an instant lies is one search in a list of midnights
for both databases and across changes of the clock, and distinct members are a sort.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

import numpy as np
from django.db import transaction
from django.db.models import BigIntegerField, Case, F, Q, Value, When

from activity.models import BuiltInKind, Event, EventKind
from analytics.columns import Flags, Ints
from analytics.health.days import Days
from analytics.health.models import DailyGroupStat, FiguresChange
from analytics.sources import EpochMillis, numbers_of
from community_ops.lib.sql import RowStatement, lock_name
from delivery.models import Delivery, State
from groups.roles.models import STAFF_ROLES
from members.models import MemberRole, Membership

FIGURES = (
    "members",
    "joined",
    "left",
    "active",
    "speakers",
    "messages",
    "questions",
    "answers",
    "likes",
    "check_ins",
    "orders",
    "posts",
    "staff",
)
COUNTED_KINDS = {
    "messages": BuiltInKind.MESSAGE,
    "questions": BuiltInKind.QUESTION,
    "answers": BuiltInKind.ANSWER,
    "likes": BuiltInKind.LIKE,
    "check_ins": BuiltInKind.CHECK_IN,
    "orders": BuiltInKind.ORDERED,
}
SPOKEN = (BuiltInKind.MESSAGE, BuiltInKind.QUESTION, BuiltInKind.ANSWER)
INTERACTIONS = (*SPOKEN, BuiltInKind.LIKE)
# A day's events of a lively community fit into memory a hundred times; a quarter bounds what one group can ask for.
SLICE = 92
# A post may be due long before it is sent: its grace period is a week at most, an owner may take some days more.
SENT_LATE = timedelta(days=30)
SENT_EARLY = timedelta(days=1)
NEVER = np.iinfo(np.int64).max
FOREVER = Value(NEVER, output_field=BigIntegerField())
LOCK = 0x6865616C7468
# A copy that is further behind reads everything: ten times what a night writes about 10,000 groups.
MOST_NOTES = 2_000
GONE = Q(left_at__isnull=False, last_seen_at__lte=F("left_at"))

_COLUMNS = ", ".join(f'"{name}"' for name in ("group_id", "day", *FIGURES))
_INTO = f"INSERT INTO analytics_dailygroupstat ({_COLUMNS})"
_INSERT = RowStatement(
    types=("bigint", "date", *("int",) * len(FIGURES)),
    sqlite=f"{_INTO} VALUES ({', '.join(['%s'] * (2 + len(FIGURES)))})",
    postgresql=f"{_INTO} SELECT * FROM {{rows}}",  # noqa: S608
)


def stats_recount(*, groups: Collection[int], days: Days) -> None:
    """Counts these days of these groups and writes them in place of what stood there."""
    numbers = np.array(sorted(groups), np.int64)
    first = days.first
    while first <= days.last and len(numbers):
        part = Days(first, min(days.last, first + timedelta(days=SLICE - 1)))
        with transaction.atomic():
            # Two who count the same days at once would write the same rows twice.
            lock_name(LOCK)
            rows = counted(numbers, part)
            DailyGroupStat.objects.filter(group__in=numbers.tolist(), day__range=(part.first, part.last)).delete()
            _INSERT.execute(rows)
            change_note(groups=numbers.tolist(), days=part)
        first = part.last + timedelta(days=1)


def change_note(*, groups: Sequence[int], days: Days) -> None:
    """Tells copies of the figures that these are new; in the transaction that writes them."""
    lock_name(LOCK)
    note = FiguresChange.objects.create(groups=list(groups), first=days.first, last=days.last)
    FiguresChange.objects.filter(pk__lte=note.pk - MOST_NOTES).delete()


def counted(groups: Ints, days: Days) -> list[tuple[object, ...]]:
    """(group, day, *FIGURES) for each day on which something happened. `groups` are in ascending order."""
    cells = _Cells(groups, days)
    figures = cells.of_events() | cells.of_memberships() | {"posts": cells.posts()}
    table = np.stack([figures[name] for name in FIGURES])
    # That somebody is present is no news of this day.
    happened = np.flatnonzero(table[1:].any(axis=0))
    dates = [(days.first + timedelta(days=number)).isoformat() for number in range(len(days))]
    rows = zip(happened.tolist(), table[:, happened].T.tolist(), strict=True)
    width = len(days)
    return [(int(groups[cell // width]), dates[cell % width], *values) for cell, values in rows]


class _Cells:
    """Groups times days as one row of cells, group by group."""

    def __init__(self, groups: Ints, days: Days) -> None:
        self.groups, self.days = groups, days
        self.size = len(groups) * len(days)
        self._list = groups.tolist()

    def cell(self, group: Ints, at: Ints) -> Ints:
        """The cell of each pair; -1 where the instant lies outside of the days."""
        day = self.days.place(at)
        inside = (day >= 0) & (day < len(self.days))
        return np.where(inside, np.searchsorted(self.groups, group) * len(self.days) + day, -1)

    def count(self, cell: Ints) -> Ints:
        return np.bincount(cell, minlength=self.size).astype(np.int64)

    def distinct(self, cell: Ints, member: Ints) -> Ints:
        """How many different members stand in each cell."""
        if not len(cell):
            return self.count(cell)
        base = int(member.max()) + 1
        return self.count(np.unique(cell * base + member) // base)

    def of_events(self) -> dict[str, Ints]:
        events = Event.objects.filter(group_id__in=self._list, at__gte=self.days.start, at__lt=self.days.end).order_by()
        rows = events.values_list("group_id", "member_id", "kind_id", EpochMillis(F("at")))
        group, member, kind, at = numbers_of(rows).reshape(-1, 4).T
        cell = self.cell(group, at)
        slugs = dict(EventKind.objects.filter(slug__in=BuiltInKind.values).values_list("slug", "pk"))

        def are(*names: str) -> Flags:
            return np.isin(kind, [slugs[name] for name in names if name in slugs])

        stayed, spoken = ~are(BuiltInKind.LEFT), are(*SPOKEN)
        figures = {name: self.count(cell[are(slug)]) for name, slug in COUNTED_KINDS.items()}
        figures["active"] = self.distinct(cell[stayed], member[stayed])
        figures["speakers"] = self.distinct(cell[spoken], member[spoken])
        acted = are(*INTERACTIONS)
        figures["staff"] = self.count(self._of_staff(group[acted], member[acted], at[acted], cell[acted]))
        return figures

    def _of_staff(self, group: Ints, member: Ints, at: Ints, cell: Ints) -> Ints:
        """The cells of those events whose member owned or administered the group at that moment."""
        held = MemberRole.objects.filter(role__in=STAFF_ROLES, membership__group__in=self._list)
        rows = held.order_by().values_list(
            "membership__group_id",
            "membership__member_id",
            EpochMillis(F("since")),
            Case(When(ended_at=None, then=FOREVER), default=EpochMillis(F("ended_at"))),
        )
        roles = numbers_of(rows).reshape(-1, 4)
        by_staff = np.zeros(len(group), np.bool_)
        for role_group, role_member, since, until in roles.tolist():
            by_staff |= (group == role_group) & (member == role_member) & (at >= since) & (at < until)
        return cell[by_staff]

    def of_memberships(self) -> dict[str, Ints]:
        """Who came and went, as the memberships know it today: who is back was never away."""
        rows = (
            Membership.objects.filter(group__in=self._list, joined_at__lt=self.days.end)
            .order_by()
            .values_list(
                "group_id",
                EpochMillis(F("joined_at")),
                Case(When(GONE, then=EpochMillis(F("left_at"))), default=FOREVER),
            )
        )
        group, joined, left = numbers_of(rows).reshape(-1, 3).T
        came, went = self.cell(group, joined), self.cell(group, left)
        figures = {"joined": self.count(came[came >= 0]), "left": self.count(went[went >= 0])}
        start = self.days.edges[0]
        place = np.searchsorted(self.groups, group)
        before = [np.bincount(place[at < start], minlength=len(self.groups)) for at in (joined, left)]
        shape = (len(self.groups), len(self.days))
        change = (figures["joined"] - figures["left"]).reshape(shape)
        figures["members"] = ((before[0] - before[1])[:, None] + np.cumsum(change, axis=1)).reshape(-1)
        return figures

    def posts(self) -> Ints:
        sent = Delivery.objects.filter(
            group_id__in=self._list,
            state=State.SENT,
            due_at__gte=self.days.start - SENT_LATE,
            due_at__lt=self.days.end + SENT_EARLY,
            settled_at__gte=self.days.start,
            settled_at__lt=self.days.end,
        ).order_by()
        group, at = numbers_of(sent.values_list("group_id", EpochMillis(F("settled_at")))).reshape(-1, 2).T
        return self.count(self.cell(group, at))
