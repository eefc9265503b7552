"""Set-based writes, for the few tables that take thousands of rows at a time.

SQLite runs one prepared statement for each row; PostgreSQL runs one statement over arrays. Either is several times
quicker than inserting model instances.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Field, Lookup
from django.db.models.sql.compiler import SQLCompiler


@dataclass(frozen=True)
class RowStatement:
    """One change of many rows, in the words of each database.

    `types` are the PostgreSQL types of a row's columns. `sqlite` has one `%s` for each column and is run row by row;
    `postgresql` selects from `{rows}`, a table function that yields the columns in the order of `types`.
    """

    types: tuple[str, ...]
    sqlite: str
    postgresql: str

    def execute(self, rows: Sequence[Sequence[Any]]) -> int:
        """Runs the statement over `rows` in their order; returns how many rows of the table it wrote."""
        if not rows:
            return 0
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.executemany(self.sqlite, list(zip(*self._stored(rows), strict=True)))
            else:
                self._run_postgresql(cursor, rows)
            return int(cursor.rowcount)

    def execute_returning(self, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """The same where the words for PostgreSQL end in RETURNING. SQLite cannot answer for many rows at once."""
        if not rows:
            return []
        with connection.cursor() as cursor:
            self._run_postgresql(cursor, rows)
            return list(cursor.fetchall())

    def _stored(self, rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for index, kind in enumerate(self.types):
            if kind == "timestamptz":
                columns[index] = [None if at is None else sqlite_instant(at) for at in columns[index]]
        return columns

    def _run_postgresql(self, cursor: CursorWrapper, rows: Sequence[Sequence[Any]]) -> None:
        arrays = ", ".join(f"%s::{kind}[]" for kind in self.types)
        columns = [list(column) for column in zip(*rows, strict=True)]
        cursor.execute(self.postgresql.format(rows=f"unnest({arrays})"), columns)


@Field.register_lookup
class Among(Lookup):
    """`field__among=values`: __in for thousands of values, which travel as one parameter."""

    lookup_name = "among"

    def get_prep_lookup(self) -> list[Any]:
        return list(self.rhs)

    def as_sqlite(self, compiler: SQLCompiler, connection: Any) -> tuple[str, list[Any]]:
        lhs, params = self.process_lhs(compiler, connection)
        return f"{lhs} IN (SELECT value FROM json_each(%s))", [*params, json.dumps(self.rhs)]  # noqa: S608

    def as_postgresql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, list[Any]]:
        lhs, params = self.process_lhs(compiler, connection)
        kind = self.lhs.output_field.db_type(connection)
        return f"{lhs} = ANY(%s::{kind}[])", [*params, self.rhs]


def sqlite_instant(at: datetime) -> str:
    """An aware instant as Django's SQLite backend stores it."""
    # The offset is cut off: "+00:00".
    return str(at if at.tzinfo is UTC else at.astimezone(UTC))[:-6]


def lock_name(number: int, *, shared: bool = False) -> None:
    """Holds everybody else who asks for the same 64-bit `number` until the end of the transaction; `shared`, only those
    who do not share it.

    SQLite has one writer at a time: whoever is in a transaction already holds it.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            lock = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
            cursor.execute(f"SELECT {lock}(%s)", [number])
