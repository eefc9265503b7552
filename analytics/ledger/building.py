"""Writing the ledger from the database, whole or by what changed. The caller holds the right to build the index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import Max, Model

from activity.models import Event, EventMove
from activity.services import events_frontier
from analytics.columns import Ints
from analytics.index.files import new_folder
from analytics.ledger.columns import Orders, Payments, Places, merged, table_of
from analytics.ledger.files import (
    KIND,
    LedgerManifest,
    Tables,
    ledger_manifest,
    ledger_switch,
    tables_open,
    tables_write,
)
from analytics.ledger.rows import order_rows, payment_rows, place_rows
from analytics.sources import numbers_of, with_ids
from campaigns.orders.models import Order
from members.models import Membership

# Rows of a table that are looked at in one query.
CHUNK = 250_000


@dataclass(frozen=True)
class LedgerMarks:
    """The highest number of each table whose rows tell that something of a member changed.

    Memberships and orders are only ever written together with events of their member: new ones, or notes that some
    were moved or taken back. What of them is new is looked for all the same.
    """

    newest: int
    newest_key: str
    moves: int
    memberships: int
    orders: int

    @classmethod
    def now(cls) -> LedgerMarks:
        """Below them nothing comes any more. Raises OperationalError as events_frontier() does."""
        with transaction.atomic():
            frontier = events_frontier()
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    # For orders whose events had been known before.
                    cursor.execute("LOCK TABLE campaigns_order IN SHARE MODE")
            return cls(frontier.newest, frontier.newest_key, frontier.moves, _highest(Membership), _highest(Order))


def _highest(model: type[Model]) -> int:
    return int(model._default_manager.aggregate(highest=Max("pk"))["highest"] or 0)


def members_changed(since: LedgerManifest) -> Ints:
    """The members of whom anything may have changed since, in ascending order. One query."""
    later = [
        Event.objects.filter(pk__gt=since.newest),
        EventMove.objects.filter(pk__gt=since.moves),
        Membership.objects.filter(pk__gt=since.memberships),
        Order.objects.filter(pk__gt=since.orders),
    ]
    first, *others = [rows.order_by().values_list("member_id") for rows in later]
    return np.unique(numbers_of(first.union(*others)))


def ledger_build() -> None:
    """Reads everything. Raises IndexDiskFull and OperationalError."""
    marks = LedgerMarks.now()
    tables = Tables(
        table_of(Places, _all(Membership, lambda rows: place_rows(rows))),
        table_of(Payments, _in_time(_all(Event, lambda rows: payment_rows(rows)))),
        table_of(Orders, _all(Order, lambda rows: order_rows(rows))),
    )
    _put(tables, marks)


def ledger_refresh(*, is_of_this_database: Callable[[Any], bool]) -> None:
    """Reads what changed, or everything where there is no ledger to go on from. Raises as ledger_build()."""
    manifest = ledger_manifest()
    if manifest is None or not is_of_this_database(manifest):
        return ledger_build()
    try:
        old = tables_open(manifest)
    except (OSError, ValueError):
        return ledger_build()
    marks = LedgerMarks.now()
    changed = members_changed(manifest)
    if len(changed):
        fresh = fresh_tables(changed)
        places = merged(old.places, fresh.places, without=changed)
        payments = merged(old.payments, fresh.payments, without=changed)
        _put(Tables(places, payments, merged(old.orders, fresh.orders, without=changed)), marks)
    return None


def fresh_tables(members: Ints) -> Tables:
    """All that the database knows of these members. Four queries."""
    numbers = members.tolist()
    return Tables(
        table_of(Places, place_rows(with_ids(Membership.objects.order_by(), numbers, "member_id"))),
        table_of(Payments, _in_time(payment_rows(with_ids(Event.objects.order_by(), numbers, "member_id")))),
        table_of(Orders, order_rows(with_ids(Order.objects.order_by(), numbers, "member_id"))),
    )


def _values(marks: LedgerMarks) -> tuple[Any, ...]:
    return (marks.newest, marks.newest_key, marks.moves, marks.memberships, marks.orders)


def _put(tables: Tables, marks: LedgerMarks) -> None:
    with new_folder(KIND) as folder:
        tables_write(folder, tables)
        manifest = LedgerManifest(folder.name, *_values(marks))
        tables_open(manifest)
        ledger_switch(manifest)


def _in_time(rows: Ints) -> Ints:
    return rows[np.argsort(rows[:, 1], kind="stable")]


def _all(model: type[Model], read: Callable[[Any], Ints]) -> Ints:
    parts = [
        read(model._default_manager.filter(pk__gt=after, pk__lte=until).order_by()) for after, until in _chunks(model)
    ]
    return np.concatenate(parts) if parts else read(model._default_manager.none())


def _chunks(model: type[Model]) -> Iterator[tuple[int, int]]:
    highest = _highest(model)
    yield from ((after, after + CHUNK) for after in range(0, highest, CHUNK))
