"""Who does most, and how much hangs on few: a constant number of queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from django.db.models import QuerySet

from activity.models import BuiltInKind
from analytics import kernels_ledger as kernels
from analytics.carriers.deeds import Deeds, deeds_of, histogram_of, most_of
from analytics.carriers.inviting import Invitations
from analytics.channels.scope import Scope
from analytics.columns import Flags, Ints, Numbers, allowed, is_allowed
from analytics.health.days import Days
from analytics.ledger.columns import Places
from analytics.ledger.reading import Ledger, size_of
from analytics.queries.periods import millis
from analytics.sources import numbers_of
from groups.models import Group, GroupRole
from members.models import Member, MemberRole

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


@dataclass(frozen=True)
class Span:
    """Whom and when a page is about: a scope, of it some groups or all, and days."""

    scope: Scope
    days: Days
    groups: Sequence[Group] = ()

    @cached_property
    def chosen(self) -> Ints | None:
        """The numbers of the groups, or nothing where it is about all."""
        if self.scope.is_whole and not self.groups:
            return None
        seen = self.scope.groups()
        if self.groups:
            seen = seen.filter(pk__in=[group.pk for group in self.groups])
        return numbers_of(seen.order_by().values_list("pk"))

    @cached_property
    def allow(self) -> Flags:
        return allowed(self.chosen)

    @cached_property
    def deeds(self) -> Deeds:
        """What was done in the groups."""
        return deeds_of(self.chosen, self.days)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger.now()

    @cached_property
    def places(self) -> list[tuple[Places, Flags]]:
        return self.ledger.places(None if self.chosen is None else self.scope.groups())

    @cached_property
    def standing(self) -> Numbers:
        """What each member was in the groups, by number of the member: see kernels_ledger."""
        marks = np.zeros(size_of(self.places), np.uint8)
        start, end = millis(self.days.start), millis(self.days.end)
        for table, skip in self.places:
            kernels.standing(table, skip, self.allow, start, end, marks)
        return marks

    @cached_property
    def leaders(self) -> Ints:
        """The members who hold one of LEADING in one of the groups now.

        A database that is asked for roles in many groups goes through all of their memberships, of which few hold any.
        """
        held = numbers_of(_held().filter(role__in=LEADING).values_list("membership_id"))
        marks = np.zeros(size_of(self.places), np.bool_)
        if len(held):
            bits = np.packbits(allowed(held), bitorder="little")
            for table, skip in self.places:
                kernels.holding(table, skip, self.allow, bits, marks)
        return np.flatnonzero(marks)

    @cached_property
    def invitations(self) -> Invitations:
        return Invitations.now()

    @cached_property
    def invited(self) -> Ints:
        """By number of the inviter how many whom they invited came in these days."""
        return self.invitations.sums((self.standing & kernels.CAME) > 0)

    @cached_property
    def brought(self) -> Ints:
        """By number of the inviter how many orders of these days are by members whom they invited."""
        members = self.invitations.members
        orders = self.ledger.orders(np.sort(members))
        counts = np.zeros(max(size_of(orders), len(self.standing)), np.int64)
        for table, skip in orders:
            kernels.ordered_within(table, skip, millis(self.days.start), millis(self.days.end), counts)
        counts[: len(self.standing)][(self.standing & kernels.EVER) == 0] = 0
        counts[len(self.standing) :] = 0
        return self.invitations.sums(counts)


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
    counts: dict[str, Numbers] = {name: span.deeds.of(kind) for name, kind in DEEDS.items()}
    counts |= {"invited": span.invited, "brought": span.brought}
    told = numbers_of(Member.objects.matching(text).order_by().values_list("pk")) if text else None
    ranked = most_of(counts[figure], most, among=told)
    top = [number for number, _n in ranked]
    places = _places([n for _number, n in ranked], histogram_of(counts[figure]) if text else None)
    members, roles = span.scope.members().in_bulk(top), _roles_of(top, span.allow)
    return [
        Carrier(
            place,
            members[number],
            {name: int(column[number]) if number < len(column) else 0 for name, column in counts.items()},
            roles.get(number, []),
        )
        for number, place in zip(top, places, strict=True)
        if number in members
    ]


def _held() -> QuerySet[MemberRole]:
    return MemberRole.objects.filter(ended_at=None).order_by()


def _roles_of(members: Sequence[int], allow: Flags) -> dict[int, list[str]]:
    """What these members are in the groups now."""
    held = _held().filter(membership__member__in=members)
    rows = list(held.values_list("role", "membership__member_id", "membership__group_id"))
    seen = is_allowed(allow, np.array([group for _role, _number, group in rows], np.int64))
    roles: dict[int, list[str]] = {}
    for role, number in sorted({row[:2] for row, is_seen in zip(rows, seen, strict=True) if is_seen}):
        roles.setdefault(number, []).append(str(GroupRole(role).label))
    return roles


def _places(amounts: Sequence[int], histogram: Sequence[tuple[int, int]] | None) -> list[int]:
    """One more than how many did more. Without a histogram of all, these amounts are the largest of all."""
    before, more = {}, 0
    for n, number in histogram if histogram is not None else Counter(amounts).items():
        before[n] = more
        more += number
    return [before[n] + 1 for n in amounts]


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
    active = sum(number for _n, number in histogram)
    whole = max(int(np.count_nonzero(span.standing & kernels.THERE)), active)
    total = sum(n * number for n, number in histogram)
    leading = span.leaders
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
