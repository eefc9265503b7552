"""The tables of the ledger: rows member by member, as arrays that kernels take.

The rows of `members[i]` are `offsets[i]:offsets[i + 1]` of the columns behind; members stand in ascending order.
Instants are in milliseconds since 1970 (UTC).
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np

from analytics.columns import Flags, Ints, Numbers, as_places, marked

NEVER = np.iinfo(np.int64).max


class Places(NamedTuple):
    """Memberships by their `number`. `gone` is NEVER for who is there, else when they left."""

    members: Ints
    offsets: Ints
    number: Numbers
    joined: Ints
    gone: Ints
    group: Numbers


class Payments(NamedTuple):
    """What events say was ordered and given back, each member's by time: ten-thousandths of a currency, which is a code
    (see rows.currency_code)."""

    members: Ints
    offsets: Ints
    at: Ints
    group: Numbers
    refund: Numbers
    amount: Ints
    currency: Ints


class Orders(NamedTuple):
    members: Ints
    offsets: Ints
    at: Ints


Table = TypeVar("Table", Places, Payments, Orders)
# Columns that are kept in four bytes where they fit.
NARROW = frozenset({"number", "group", "refund"})
EMPTY = np.zeros(0, np.int64)


def table_of(kind: type[Table], rows: Ints) -> Table:
    """Of rows that each begin with their member, in any order; rows of one member stay in theirs."""
    rows = rows[np.argsort(rows[:, 0], kind="stable")] if len(rows) else rows
    member = rows[:, 0]
    starts = np.flatnonzero(np.r_[True, member[1:] != member[:-1]]) if len(rows) else EMPTY
    offsets = np.append(starts, len(rows)).astype(np.int64)
    names = kind._fields[2:]
    columns = [_column(name, rows[:, place]) for place, name in enumerate(names, 1)]
    return sealed(kind(np.ascontiguousarray(member[starts]), offsets, *columns))


def _column(name: str, values: Ints) -> Numbers:
    column = np.ascontiguousarray(values)
    return as_places(column) if name in NARROW else column


def rows_of(table: Table, *, without: Ints) -> Ints:
    """The rows again, but for those of some members (sorted numbers)."""
    owner = np.repeat(np.arange(len(table.members)), np.diff(table.offsets))
    keep: Flags = ~marked(table.members, without)[owner]
    columns = [table.members[owner[keep]], *(column[keep].astype(np.int64) for column in table[2:])]
    return np.stack(columns, axis=1)


def sealed(table: Table) -> Table:
    """Read-only, as what is mapped: so each kernel is compiled once."""
    for column in table:
        column.setflags(write=False)
    return table


def owners_of(table: Any, rows: Ints) -> Ints:
    """The member of each of these rows."""
    found: Ints = table.members[np.searchsorted(table.offsets, rows, side="right") - 1]
    return found
