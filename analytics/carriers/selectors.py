"""Who does most, how much hangs on few, and who brought whom: counted in the database, a constant number of queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from activity.models import BuiltInKind
from analytics.carriers.deeds import INTERACTIONS, Deeds, deeds_of, histogram_of
from analytics.channels.money import Money
from analytics.channels.scope import Scope
from analytics.health.days import Days
from analytics.sources import Selection, numbers_of
from campaigns.orders.models import Order
from groups.models import Group, GroupRole
from members.models import Member, MemberRole, Membership

DEEDS = {
    "messages": BuiltInKind.MESSAGE,
    "answers": BuiltInKind.ANSWER,
    "check_ins": BuiltInKind.CHECK_IN,
}
FIGURES = (*DEEDS, "invited", "brought")
LEADING = (GroupRole.LEADER, GroupRole.INITIATOR, GroupRole.SEED)
LISTED = 50
FILED = 1000
SHARES = (1, 5, 10)  # percent
ROOTS, BRANCHES = 10, 8


@dataclass(frozen=True)
class Span:
    """Whom and when a page is about: a scope, of it some groups or all, and days."""

    scope: Scope
    days: Days
    groups: Sequence[Group] = ()

    def places(self) -> QuerySet[Membership]:
        places = self.scope.places()
        return places.filter(group__in=self.groups) if self.groups else places

    @cached_property
    def deeds(self) -> Deeds:
        """What was done in the groups."""
        if self.groups:
            seen = self.scope.groups().filter(pk__in=[group.pk for group in self.groups])
            chosen: frozenset[int] | None = frozenset(seen.values_list("pk", flat=True))
        elif self.scope.branch_id == self.scope.user.branch_id:
            chosen = None  # all that the person sees
        else:
            chosen = frozenset(self.scope.groups().values_list("pk", flat=True))
        return deeds_of(Selection(self.scope.user, group_ids=chosen), self.days)

    def newcomers(self) -> QuerySet[Membership]:
        """Memberships that began in these days, of people whom somebody invited."""
        return self.places().filter(
            joined_at__gte=self.days.start, joined_at__lt=self.days.end, member__invited_by__isnull=False
        )

    def orders(self) -> QuerySet[Order]:
        """Orders of these days by members whom somebody invited."""
        return Order.objects.filter(
            Exists(self.places().filter(member=OuterRef("member"))),
            ordered_at__gte=self.days.start,
            ordered_at__lt=self.days.end,
            member__invited_by__isnull=False,
        ).order_by()


@dataclass
class Carrier:
    """`place` is that among all; those who did equally much share one."""

    place: int
    member: Member
    figures: dict[str, int]
    roles: list[str] = field(default_factory=list)

    @property
    def cells(self) -> list[int]:
        return [self.figures[name] for name in FIGURES]


def carriers_of(span: Span, *, figure: str, text: str = "", most: int = LISTED) -> list[Carrier]:
    """Those who did most of one thing, with everything else they did; with `text` of those whom it matches."""
    counts = {name: _counts(span, name) for name in FIGURES if name not in DEEDS}
    told = Member.objects.matching(text).values("pk")
    if figure in DEEDS:
        among = numbers_of(told.values_list("pk")) if text else None
        ranked = span.deeds.most(DEEDS[figure], most, among=among)
        everybody = histogram_of(span.deeds.of(DEEDS[figure])) if text else None
    else:
        by, rows = counts[figure]
        found_by = rows.filter(**{f"{by}__in": told}) if text else rows
        ranked = list(found_by.order_by("-n", by).values_list(by, "n")[:most])
        everybody = _histogram(rows.values_list("n")) if text else None
    top = [number for number, _n in ranked]
    places = _places([n for _number, n in ranked], everybody)
    figures: dict[int, dict[str, int]] = {number: dict.fromkeys(FIGURES, 0) for number in top}
    for number, row in span.deeds.rows(top).items():
        figures[number] |= {name: int(row[INTERACTIONS.index(kind)]) for name, kind in DEEDS.items()}
    for name, (column, found) in counts.items():
        for number, n in found.filter(**{f"{column}__in": top}).values_list(column, "n"):
            figures[number][name] = n
    members = span.scope.members().in_bulk(top)
    roles: dict[int, list[str]] = {}
    held = MemberRole.objects.filter(ended_at=None, membership__in=span.places(), membership__member__in=top)
    for number, role in held.order_by("role").values_list("membership__member_id", "role").distinct():
        roles.setdefault(number, []).append(str(GroupRole(role).label))
    return [
        Carrier(place, members[number], figures[number], roles.get(number, []))
        for number, place in zip(top, places, strict=True)
        if number in members
    ]


def _places(amounts: Sequence[int], histogram: Sequence[tuple[int, int]] | None) -> list[int]:
    """One more than how many did more. Without a histogram of all, these amounts are the largest of all."""
    before, more = {}, 0
    for n, number in histogram if histogram is not None else Counter(amounts).items():
        before[n] = more
        more += number
    return [before[n] + 1 for n in amounts]


def _counts(span: Span, figure: str) -> tuple[str, QuerySet[Any]]:
    """How often each did it: the column of the member, and rows of it with `n`."""
    column = "member__invited_by_id"
    if figure == "invited":
        return column, span.newcomers().order_by().values(column).annotate(n=Count("member", distinct=True))
    return column, span.orders().values(column).annotate(n=Count("pk"))


@dataclass(frozen=True)
class Concentration:
    """How much of all interactions the most active make, silent members counted among all.

    `gini` is 0 when everybody does the same and nears 1 when one does everything (C. Gini, 1912).
    """

    members: int
    active: int
    interactions: int
    shares: Sequence[tuple[int, int, float | None]]
    gini: float | None
    leaders: int
    by_leaders: int


def concentration_of(span: Span) -> Concentration:
    histogram = histogram_of(span.deeds.totals)
    there = (
        span.places()
        .filter(joined_at__lt=span.days.end)
        .exclude(Q(left_at__lt=span.days.start) & Q(last_seen_at__lte=F("left_at")))
    )
    active = sum(number for _n, number in histogram)
    whole = max(there.aggregate(n=Count("member", distinct=True))["n"], active)
    total = sum(n * number for n, number in histogram)
    held = MemberRole.objects.filter(role__in=LEADING, ended_at=None, membership__in=span.places())
    leading = np.unique(numbers_of(held.order_by().values_list("membership__member_id")))
    shares = []
    for percent in SHARES:
        most = -(-whole * percent // 100)
        shares.append((percent, most, round(100 * _of_top(histogram, most) / total, 1) if total else None))
    return Concentration(
        members=whole,
        active=active,
        interactions=total,
        shares=shares,
        gini=_gini(histogram, whole, total),
        leaders=len(leading),
        by_leaders=span.deeds.together(leading),
    )


def _histogram(counts: QuerySet[Any]) -> list[tuple[int, int]]:
    """(how much, how many did so much), the most first."""
    try:
        sql, params = counts.query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT n, COUNT(*) FROM ({sql}) AS counts GROUP BY n ORDER BY n DESC", params)  # noqa: S608
        return [(int(n), int(number)) for n, number in cursor.fetchall()]


def _of_top(histogram: Sequence[tuple[int, int]], most: int) -> int:
    """What those make together who do most."""
    together = 0
    for n, number in histogram:
        taken = min(number, most)
        together, most = together + n * taken, most - taken
    return together


def _gini(histogram: Sequence[tuple[int, int]], members: int, total: int) -> float | None:
    """From the mean difference of ranks: 2 * sum(rank * value) / (members * total) - (members + 1) / members."""
    if not total:
        return None
    rank, weighted = members, 0
    for n, number in histogram:
        weighted += n * (number * rank - number * (number - 1) // 2)
        rank -= number
    return round(2 * weighted / (members * total) - (members + 1) / members, 3)


@dataclass
class Node:
    """Somebody who brought others. `children` are the first of them; `more` how many are not shown."""

    member: Member
    brought: int
    present: int = 0
    ordered: int = 0
    revenue: Money = field(default_factory=Money)
    children: list[Node] = field(default_factory=list)

    @property
    def more(self) -> int:
        return self.brought - len(self.children)


def inviters(scope: Scope) -> QuerySet[Any]:
    """Members who brought somebody, with `brought`: how many of those whom the person may see."""
    invited = scope.people().filter(invited_by__isnull=False)
    rows: QuerySet[Any] = invited.order_by().values("invited_by").annotate(brought=Count("pk"))
    return rows.values_list("invited_by", "brought")


def roots_of(scope: Scope, *, first: int = 0) -> tuple[list[Node], int]:
    """Inviters whom nobody within sight brought, who brought most first; and how many there are."""
    sight = scope.people()
    top = (
        inviters(scope)
        .filter(invited_by__in=sight.values("pk"))
        .exclude(invited_by__in=sight.filter(invited_by__in=sight.values("pk")).values("pk"))
    )
    number = top.count()
    rows = list(top.order_by("-brought", "invited_by")[first : first + ROOTS])
    return tree_of(scope, [pk for pk, _brought in rows]), number


def tree_of(scope: Scope, numbers: Sequence[int]) -> list[Node]:
    """These members with whom they brought, and whom those brought: three levels. Eight queries, however many."""
    sight = scope.people()
    members = sight.in_bulk(numbers)
    roots = [Node(members[number], 0) for number in numbers if number in members]
    every, level = {node.member.pk: node for node in roots}, roots
    for _level in range(2):
        grown = []
        for child in _children(sight, [node.member.pk for node in level]):
            # Whoever stands above already is not shown again: invitations may go round in a circle.
            if child.pk not in every:
                assert child.invited_by_id is not None
                node = Node(child, 0)
                every[child.pk] = node
                every[child.invited_by_id].children.append(node)
                grown.append(node)
        level = grown
    _fill(scope, every)
    return roots


def _children(sight: QuerySet[Member], numbers: Collection[int]) -> QuerySet[Member]:
    """The first whom each of these brought."""
    row = Window(RowNumber(), partition_by="invited_by_id", order_by=["first_seen_at", "pk"])
    return sight.filter(invited_by__in=numbers).annotate(row=row).filter(row__lte=BRANCHES).order_by("row", "pk")


def _fill(scope: Scope, every: dict[Any, Node]) -> None:
    brought = scope.people().filter(invited_by__in=list(every)).order_by()
    for number, n in brought.values("invited_by").annotate(n=Count("pk")).values_list("invited_by", "n"):
        every[number].brought = n
    places = scope.places().present().filter(member__in=brought.values("pk"))
    present = places.order_by().values("member__invited_by").annotate(n=Count("member", distinct=True))
    for number, n in present.values_list("member__invited_by", "n"):
        every[number].present = n
    orders = Order.objects.filter(member__in=brought.values("pk")).order_by()
    buyers = orders.values("member__invited_by").annotate(n=Count("member", distinct=True))
    for number, n in buyers.values_list("member__invited_by", "n"):
        every[number].ordered = n
    amounts: dict[Any, dict[str, Any]] = {}
    sums = orders.values("member__invited_by", "currency").annotate(total=Sum("amount"))
    for number, currency, total in sums.values_list("member__invited_by", "currency", "total"):
        amounts.setdefault(number, {})[currency] = total
    for number, by_currency in amounts.items():
        every[number].revenue = Money(by_currency)
