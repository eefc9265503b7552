"""The ledger as of now: what is on disk, and of the members of whom something changed since what the database says."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from django.db.models import QuerySet

from activity.models import BuiltInKind, Event, EventKind, EventMove
from analytics.columns import Flags, Ints, marked
from analytics.index.building import is_of_this_database
from analytics.ledger.building import members_changed
from analytics.ledger.columns import Orders, Payments, Places, table_of
from analytics.ledger.files import Tables, ledger_manifest, tables_open
from analytics.ledger.rows import order_rows, payment_rows, place_rows
from analytics.sources import with_ids
from campaigns.orders.models import Order
from groups.models import Group
from members.models import Membership

T = TypeVar("T")
# Members from which on a table is worth a thread for each of its parts.
LARGE = 50_000


@dataclass(frozen=True)
class Ledger:
    """`changed` are members whose rows on disk do not count any more."""

    stored: Tables | None
    changed: Ints

    @classmethod
    def now(cls) -> Ledger:
        manifest = ledger_manifest()
        if manifest is not None and is_of_this_database(manifest):
            try:
                return cls(tables_open(manifest), members_changed(manifest))
            except (OSError, ValueError):
                pass  # damaged, or just replaced: the database knows as much
        return cls(None, np.zeros(0, np.int64))

    def places(self, groups: QuerySet[Group] | None = None) -> list[tuple[Places, Flags]]:
        """Tables, and whom to skip in each. With `groups` those of others may be missing."""
        rows: QuerySet[Membership] = Membership.objects.order_by()
        if self.stored is not None:
            rows = with_ids(rows, self.changed.tolist(), "member_id")
        elif groups is not None:
            rows = rows.filter(group__in=groups.order_by().values("pk"))
        return self._with(self.stored and self.stored.places, table_of(Places, place_rows(rows)))

    def places_of(self, members: Ints) -> list[tuple[Places, Flags]]:
        """The same. Those of others than these members (sorted numbers) may be missing."""
        rows = with_ids(Membership.objects.order_by(), self._unstored(members), "member_id")
        return self._with(self.stored and self.stored.places, table_of(Places, place_rows(rows)))

    def payments(self, members: Ints) -> list[tuple[Payments, Flags]]:
        """The same of payments. Those of others than these members (sorted numbers) may be missing."""
        rows = with_ids(Event.objects.order_by(), self._unstored(members), "member_id")
        return self._with(self.stored and self.stored.payments, table_of(Payments, payment_rows(rows)))

    def orders(self, members: Ints) -> list[tuple[Orders, Flags]]:
        rows = with_ids(Order.objects.order_by(), self._unstored(members), "member_id")
        return self._with(self.stored and self.stored.orders, table_of(Orders, order_rows(rows)))

    def orders_between(self, start: datetime, end: datetime) -> list[tuple[Orders, Flags]]:
        """Of everybody. Those of other times may be missing."""
        rows: QuerySet[Order] = Order.objects.order_by()
        if self.stored is not None:
            rows = with_ids(rows, self.changed.tolist(), "member_id")
        else:
            rows = rows.filter(ordered_at__gte=start, ordered_at__lt=end)
        return self._with(self.stored and self.stored.orders, table_of(Orders, order_rows(rows)))

    def refunds_between(self, start: datetime, end: datetime) -> list[tuple[Payments, Flags]]:
        """Of everybody what was given back. What was paid, and what is of other times, may be there or missing."""
        refunded = EventKind.objects.filter(slug=BuiltInKind.REFUNDED)
        rows = Event.objects.filter(value__isnull=False, kind__in=refunded.values("pk"), at__gte=start, at__lt=end)
        rows = rows.order_by()
        if self.stored is not None:
            rows = with_ids(rows, self.changed.tolist(), "member_id")
        return self._with(self.stored and self.stored.payments, table_of(Payments, payment_rows(rows)))

    def _unstored(self, members: Ints) -> list[int]:
        numbers: list[int] = (members if self.stored is None else members[marked(members, self.changed)]).tolist()
        return numbers

    def _with(self, stored: Any, fresh: Any) -> list[tuple[Any, Flags]]:
        found = [(fresh, np.zeros(len(fresh.members), np.bool_))]
        return found if stored is None else [(stored, marked(stored.members, self.changed)), *found]


def pieces_of(tables: Sequence[tuple[Places, Flags]]) -> list[tuple[Places, Flags]]:
    """The same places, a large table as one for each processor. All of a member stays together."""
    found = []
    for table, skip in tables:
        number = (os.cpu_count() or 1) if len(table.members) > LARGE else 1
        for first, last in pairwise(np.linspace(0, len(table.members), number + 1).astype(np.int64).tolist()):
            part = table._replace(members=table.members[first:last], offsets=table.offsets[first : last + 1])
            found.append((part, skip[first:last]))
    return found


def size_of(tables: Sequence[tuple[Places | Orders, Flags]]) -> int:
    """How long an array by number of the member has to be."""
    return 1 + max((int(table.members[-1]) for table, _skip in tables if len(table.members)), default=0)


def undisturbed(count: Callable[[], T]) -> T:
    """What `count` says, counted again where members were merged or parted meanwhile: what they did would be in it for
    neither of the two, or for both."""
    while True:
        before = _moves()
        found = count()
        if _moves() == before:
            return found


def _moves() -> int:
    return EventMove.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
