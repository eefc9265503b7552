"""The ledger as of now: what is on disk, and of the members of whom something changed since what the database says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from django.db.models import QuerySet

from accounts.models import User
from activity.models import Event, EventMove
from analytics.columns import Flags, Ints, Numbers, marked
from analytics.index.building import is_of_this_database
from analytics.ledger.building import members_changed
from analytics.ledger.columns import Orders, Payments, Places, table_of
from analytics.ledger.files import Tables, ledger_manifest, tables_open
from analytics.ledger.rows import order_rows, payment_rows, place_rows
from analytics.sources import groups_seen_by, visible_among, with_ids
from campaigns.orders.models import Order
from groups.models import Group
from members.models import Membership

T = TypeVar("T")


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

    def visible_among(self, members: Ints, user: User) -> Ints:
        """As sources.visible_among()."""
        if self.stored is None or user.branch_id is None or not len(members):
            return visible_among(members, user)
        allow = flags_by_number(groups_seen_by(user))
        seen = [_with_place_in(places, skip, allow) for places, skip in self.places()]
        return members[marked(members, np.unique(np.concatenate(seen)))]

    def _unstored(self, members: Ints) -> list[int]:
        numbers: list[int] = (members if self.stored is None else members[marked(members, self.changed)]).tolist()
        return numbers

    def _with(self, stored: Any, fresh: Any) -> list[tuple[Any, Flags]]:
        found = [(fresh, np.zeros(len(fresh.members), np.bool_))]
        return found if stored is None else [(stored, marked(stored.members, self.changed)), *found]


def _with_place_in(places: Places, skip: Flags, allow: Flags) -> Ints:
    if not len(places.members):
        return places.members
    here = np.logical_or.reduceat(is_allowed(allow, places.group), places.offsets[:-1])
    found: Ints = places.members[here & ~skip]
    return found


def flags_by_number(numbers: Ints) -> Flags:
    """A mark for each of these numbers."""
    flags = np.zeros(1 + int(numbers.max(initial=0)), np.bool_)
    flags[numbers] = True
    return flags


def is_allowed(allow: Flags, numbers: Numbers) -> Flags:
    """Which of these numbers are marked; those beyond the end are not."""
    found: Flags = allow[np.minimum(numbers, len(allow) - 1)] & (numbers < len(allow))
    return found


def rows_within(table: Any, skip: Flags, at: Ints, start: int, end: int) -> tuple[Ints, Ints]:
    """The rows of a table with start <= at < end, and the member of each."""
    rows = np.flatnonzero((at >= start) & (at < end))
    owner = np.searchsorted(table.offsets, rows, side="right") - 1
    keep = ~skip[owner]
    return rows[keep], table.members[owner[keep]]


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
