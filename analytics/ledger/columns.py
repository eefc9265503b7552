"""The tables of the ledger: rows member by member, as arrays that kernels take.

The rows of `members[i]` are `offsets[i]:offsets[i + 1]` of the columns behind; members stand in ascending order.
Instants are in milliseconds since 1970 (UTC).
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """`cents` are hundredths of a currency, which is a code (see rows.currency_code)."""

    members: Ints
    offsets: Ints
    at: Ints
    cents: Ints
    currency: Ints
    group: Numbers


Table = TypeVar("Table", Places, Payments, Orders)
# Columns that are kept in four bytes where they fit.
NARROW = frozenset({"number", "group", "refund"})
EMPTY = np.zeros(0, np.int64)


def table_of(kind: type[Table], rows: Ints) -> Table:
    """Of rows that each begin with their member, in any order; rows of one member stay in theirs."""
    order = np.argsort(rows[:, 0], kind="stable")
    # Column by column: a copy of all rows would be the most memory that this takes.
    columns = [rows[order, place] for place in range(1, rows.shape[1])]
    return _of_columns(kind, rows[order, 0], columns)


def merged(old: Table, fresh: Table, *, without: Ints) -> Table:
    """What is old but for some members (sorted numbers), and what is fresh. Nobody else is in both."""
    keep: Flags = ~marked(old.members, without)
    rows = np.flatnonzero(np.repeat(keep, np.diff(old.offsets)))
    owners = [np.repeat(old.members, np.diff(old.offsets))[rows], np.repeat(fresh.members, np.diff(fresh.offsets))]
    member = np.concatenate(owners)
    order = np.argsort(member, kind="stable")
    columns = [np.concatenate([one[rows], two])[order] for one, two in zip(old[2:], fresh[2:], strict=True)]
    return _of_columns(type(old), member[order], columns)


def _of_columns(kind: type[Table], member: Ints, columns: Sequence[Numbers]) -> Table:
    """Of columns sorted by member."""
    starts = np.flatnonzero(np.r_[True, member[1:] != member[:-1]]) if len(member) else EMPTY
    offsets = np.append(starts, len(member)).astype(np.int64)
    named = zip(kind._fields[2:], columns, strict=True)
    return sealed(kind(member[starts], offsets, *(as_places(one) if name in NARROW else one for name, one in named)))


def sealed(table: Table) -> Table:
    """Read-only, as what is mapped: so each kernel is compiled once."""
    for column in table:
        column.setflags(write=False)
    return table


def owners_of(table: Any, rows: Ints) -> Ints:
    """The member of each of these rows."""
    found: Ints = table.members[np.searchsorted(table.offsets, rows, side="right") - 1]
    return found
