"""The orders of some days, read once into columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from django.db.models import BigIntegerField, Exists, F, OuterRef, QuerySet
from django.db.models.functions import Cast, Round

from analytics.columns import Ints, marked
from analytics.health.days import Days
from analytics.ledger.reading import Ledger, rows_within, undisturbed
from analytics.ledger.rows import currency_word
from analytics.overview.scope import Scope
from campaigns.orders.models import Order
from members.models import Membership


def cents_of(amount: str) -> Cast:
    return Cast(Round(F(amount) * 100), BigIntegerField())


def orders_within(scope: Scope, first: Days, last: Days) -> QuerySet[Order]:
    """Orders of the members whom the viewer may see."""
    orders = Order.objects.filter(ordered_at__gte=first.start, ordered_at__lt=last.end)
    if scope.viewer.branch_id is None:
        return orders
    here = Membership.objects.visible_to(scope.viewer).filter(member=OuterRef("member"))
    return orders.filter(Exists(here))


@dataclass(frozen=True)
class Orders:
    """Of the members whom the viewer may see. `currency` is a place in `currencies`, amounts are in hundredths, and
    `group` is 0 where the order names none."""

    currencies: list[str]
    currency: Ints
    member: Ints
    at: Ints
    cents: Ints
    group: Ints

    @classmethod
    def read(cls, scope: Scope, first: Days, last: Days) -> Self:
        """From the ledger; whom of their members the viewer may see is asked of all at once."""
        return undisturbed(lambda: cls._read(scope, first, last))

    @classmethod
    def _read(cls, scope: Scope, first: Days, last: Days) -> Self:
        ledger, found = Ledger.now(), []
        for table, skip in ledger.orders_between(first.start, last.end):
            rows, member = rows_within(table, skip, table.at, int(first.edges[0]), int(last.edges[-1]))
            told = (table.currency, table.at, table.cents, table.group)
            found.append(np.stack([member, *(column[rows].astype(np.int64) for column in told)]))
        columns: Ints = np.concatenate(found, axis=1)
        if scope.viewer.branch_id is not None:
            members, row = np.unique(columns[0], return_inverse=True)
            columns = columns[:, marked(members, ledger.visible_among(members, scope.viewer))[row]]
        member, code, at, cents, group = columns
        codes = np.unique(code)
        words = {currency_word(int(number)): number for number in codes}
        place = np.zeros(len(codes), np.int64)
        for number, word in enumerate(sorted(words)):
            place[np.searchsorted(codes, words[word])] = number
        return cls(sorted(words), place[np.searchsorted(codes, code)], member, at, cents, group)
