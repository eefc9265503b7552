"""Who brought whom, and what became of them: a constant number of queries.

Whom anybody brought is held as two columns. The database is asked for members by their numbers only: the many who were
neither merged nor erased are no condition that an index helps with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db.models import Count, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from analytics.carriers.inviting import Invitations
from analytics.channels.cohort import first_joined, groups_allowed
from analytics.channels.money import Money
from analytics.channels.scope import Scope
from analytics.columns import Flags, Ints
from analytics.ledger.columns import NEVER
from analytics.ledger.reading import Ledger
from analytics.sources import numbers_of, with_ids
from campaigns.orders.models import Order
from members.models import Member

ROOTS, BRANCHES = 10, 8


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


class Brought:
    """Whom a person sees of those who were brought by somebody, with the inviter of each."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._joined = None if scope.is_whole else first_joined(Ledger.now(), scope, groups_allowed(scope)) != NEVER
        rows = Member.objects.order_by().values_list("pk")
        gone = rows.filter(merged_into__isnull=False).union(rows.filter(erased_at__isnull=False))
        self._gone = np.unique(numbers_of(gone))
        every = Invitations.now()
        seen = self.is_seen(every.members)
        self.members, self.inviters = every.members[seen], every.inviters[seen]

    def is_seen(self, members: Ints) -> Flags:
        """Who is one as they stand, in the groups of the person."""
        seen: Flags = ~np.isin(members, self._gone)
        if self._joined is not None:
            known = members < len(self._joined)
            seen &= known
            seen[known] &= self._joined[members[known]]
        return seen

    def roots(self) -> tuple[Ints, Ints]:
        """Inviters within sight whom nobody within sight brought, who brought most first, and how many each did."""
        counts = np.bincount(self.inviters)
        inviters = np.flatnonzero(counts)
        inviters = inviters[self.is_seen(inviters)]
        below = self.members[self.is_seen(self.inviters)]
        inviters = inviters[~np.isin(inviters, below)]
        order = np.lexsort((inviters, -counts[inviters]))
        return inviters[order], counts[inviters[order]]

    def by(self, inviters: Sequence[int]) -> Ints:
        """The members whom these brought."""
        return self.members[np.isin(self.inviters, np.array(inviters, np.int64))]

    def counts(self, inviters: Sequence[int]) -> Iterator[tuple[int, int]]:
        rows = self.inviters[np.isin(self.inviters, np.array(inviters, np.int64))]
        numbers, counts = np.unique(rows, return_counts=True)
        yield from zip(numbers.tolist(), counts.tolist(), strict=True)

    def named(self, numbers: Sequence[int] | Ints) -> QuerySet[Member]:
        """Those of these members who are within sight."""
        asked = np.array(numbers, np.int64)
        return with_ids(Member.objects.all(), asked[self.is_seen(asked)].tolist())


def roots_of(scope: Scope, *, first: int = 0) -> tuple[list[Node], int]:
    """Inviters whom nobody within sight brought, who brought most first; and how many there are."""
    brought = Brought(scope)
    numbers, _counts = brought.roots()
    return _grown(brought, numbers[first : first + ROOTS].tolist()), len(numbers)


def tree_of(scope: Scope, numbers: Sequence[int]) -> list[Node]:
    """These members with whom they brought, and whom those brought: three levels."""
    return _grown(Brought(scope), numbers)


def _grown(brought: Brought, numbers: Sequence[int]) -> list[Node]:
    members = {member.pk: member for member in brought.named(numbers)}
    roots = [Node(members[number], 0) for number in numbers if number in members]
    every, level = {node.member.pk: node for node in roots}, roots
    for _level in range(2):
        grown = []
        for child in _children(brought, [node.member.pk for node in level]):
            # Whoever stands above already is not shown again: invitations may go round in a circle.
            if child.pk not in every:
                assert child.invited_by_id is not None
                node = Node(child, 0)
                every[child.pk] = node
                every[child.invited_by_id].children.append(node)
                grown.append(node)
        level = grown
    _fill(brought, every)
    return roots


def _children(brought: Brought, numbers: Sequence[int]) -> QuerySet[Member]:
    """The first whom each of these brought."""
    row = Window(RowNumber(), partition_by="invited_by_id", order_by=["first_seen_at", "pk"])
    members = with_ids(Member.objects.all(), brought.by(numbers).tolist())
    first: QuerySet[Member] = members.annotate(row=row).filter(row__lte=BRANCHES).order_by("row", "pk")
    return first


def _fill(brought: Brought, every: dict[Any, Node]) -> None:
    for number, n in brought.counts(list(every)):
        every[number].brought = n
    members = brought.by(list(every)).tolist()
    present = with_ids(brought.scope.places().present(), members, "member_id").order_by().values("member__invited_by")
    for number, n in present.annotate(n=Count("member", distinct=True)).values_list("member__invited_by", "n"):
        every[number].present = n
    orders = with_ids(Order.objects.order_by(), members, "member_id")
    buyers = orders.values("member__invited_by").annotate(n=Count("member", distinct=True))
    for number, n in buyers.values_list("member__invited_by", "n"):
        every[number].ordered = n
    amounts: dict[Any, dict[str, Any]] = {}
    sums = orders.values("member__invited_by", "currency").annotate(total=Sum("amount"))
    for number, currency, total in sums.values_list("member__invited_by", "currency", "total"):
        amounts.setdefault(number, {})[currency] = total
    for number, by_currency in amounts.items():
        every[number].revenue = Money(by_currency)
