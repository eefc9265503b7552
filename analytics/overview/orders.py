"""The orders of some days, and what was given back in them, read once into columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from django.db.models import Exists, OuterRef, QuerySet

from analytics import kernels_overview
from analytics.columns import Ints, is_allowed
from analytics.health.days import Days
from analytics.ledger.reading import Ledger, pieces_of, undisturbed
from analytics.ledger.rows import PARTS, currency_word
from analytics.overview.scope import Scope
from analytics.queries.running import in_threads
from campaigns.orders.models import Order
from members.models import Membership

NO_CURRENCY = ""


def orders_within(scope: Scope, first: Days, last: Days) -> QuerySet[Order]:
    """Orders of the members whom the viewer may see."""
    orders = Order.objects.filter(ordered_at__gte=first.start, ordered_at__lt=last.end)
    if scope.viewer.branch_id is None:
        return orders
    here = Membership.objects.visible_to(scope.viewer).filter(member=OuterRef("member"))
    return orders.filter(Exists(here))


@dataclass(frozen=True)
class Amounts:
    """Orders or refunds. `currency` is a place in `currencies`, amounts are in hundredths, and `group` is the one that
    they are owed to: the one that they name, else the first that the member joined, of those that the viewer may see;
    0 where none is known."""

    currencies: list[str]
    currency: Ints
    member: Ints
    at: Ints
    cents: Ints
    group: Ints

    @classmethod
    def of(cls, parts: Sequence[Sequence[Ints]]) -> Self:
        """Columns of codes of currencies, members, instants, amounts and groups."""
        code, *columns = (np.concatenate(column) for column in zip(*parts, strict=True))
        codes = np.unique(code)
        words = [currency_word(number) for number in codes.tolist()]
        order = sorted(range(len(words)), key=words.__getitem__)
        place = np.zeros(len(codes), np.int64)
        place[order] = np.arange(len(codes))
        return cls([words[number] for number in order], place[np.searchsorted(codes, code)], *columns)

    def which(self, currency: str) -> Ints:
        """The rows of one currency."""
        of = [place for place, word in enumerate(self.currencies) if word == currency]
        return np.flatnonzero(np.isin(self.currency, of))


def orders_of(scope: Scope, days: Days) -> Amounts:
    """Of the members whom the viewer may see."""
    return undisturbed(lambda: _orders(scope, days))


def _orders(scope: Scope, days: Days) -> Amounts:
    ledger, found = Ledger.now(), []
    start, end = int(days.edges[0]), int(days.edges[-1])
    for table, skip in ledger.orders_between(days.start, days.end):
        rows, owner = kernels_overview.rows_between(table.offsets, table.at, skip, start, end)
        told = (table.at, table.cents, table.group)
        found.append([table.currency[rows], table.members[owner], *(column[rows].astype(np.int64) for column in told)])
    return Amounts.of([_placed(scope, ledger, columns) for columns in found])


def _placed(scope: Scope, ledger: Ledger, columns: list[Ints]) -> list[Ints]:
    """The same rows with the group that each is owed to; without those of members whom the viewer may not see."""
    *others, group = columns
    if scope.viewer.branch_id is None:
        return [*others, _or_first(scope, ledger, columns[1], group)]
    first = _first_groups(scope, ledger, columns[1])
    group = np.where((group > 0) & is_allowed(scope.seen_groups, group), group, first)
    seen = first > 0
    return [column[seen] for column in (*others, group)]


def _or_first(scope: Scope, ledger: Ledger, member: Ints, group: Ints) -> Ints:
    """The groups, and for those that are 0 the first group of the member."""
    unplaced = np.flatnonzero(group == 0)
    if len(unplaced):
        group = group.copy()
        group[unplaced] = _first_groups(scope, ledger, member[unplaced])
    return group


def refunds_of(scope: Scope, days: Days) -> Amounts:
    """What was given back, in groups that the viewer may see. A refund has the currency of the order before it, or
    NO_CURRENCY."""
    return undisturbed(lambda: _refunds(scope, days))


def _refunds(scope: Scope, days: Days) -> Amounts:
    start, end = int(days.edges[0]), int(days.edges[-1])
    ledger, found = Ledger.now(), []
    for table, skip in ledger.refunds_between(days.start, days.end):
        rows = np.flatnonzero(table.refund != 0)  # few of all payments; NumPy is quick to find marks, not numbers
        rows = rows[(table.at[rows] >= start) & (table.at[rows] < end) & (table.amount[rows] != 0)]
        owner = np.searchsorted(table.offsets, rows, side="right") - 1
        group = table.group[rows].astype(np.int64)
        keep = ~skip[owner]
        if scope.viewer.branch_id is not None:
            keep &= (group > 0) & is_allowed(scope.seen_groups, group)
        rows, member, group = rows[keep], table.members[owner[keep]], group[keep]
        cents = _in_cents(table.amount[rows])
        group = _or_first(scope, ledger, member, group)
        found.append([table.currency[rows], member, table.at[rows], cents, group])
    return Amounts.of(found)


def _in_cents(amounts: Ints) -> Ints:
    """Of ten-thousandths; half a cent counts as one, as databases round."""
    part = PARTS // 100
    return np.asarray(np.sign(amounts) * ((np.abs(amounts) + part // 2) // part), np.int64)


def _first_groups(scope: Scope, ledger: Ledger, member: Ints) -> Ints:
    """The first group that each of these members, in any order, joined of those that the viewer may see; 0 for none."""
    if not len(member):
        return member
    wanted = np.zeros(1 + int(member.max()), np.bool_)
    wanted[member] = True
    members = np.flatnonzero(wanted)
    groups = np.zeros(len(members), np.int64)
    seen, pieces = scope.seen_groups, pieces_of(ledger.places_of(members))
    in_threads(lambda piece: kernels_overview.first_group(*piece, seen, members, groups), pieces)
    first = np.zeros(len(wanted), np.int64)
    first[members] = groups
    found: Ints = first[member]
    return found
