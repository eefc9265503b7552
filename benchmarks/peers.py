"""Whom our reports are put beside: each makes its tables of the same events and answers the same questions."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workload import DAY, LAST, LAST_30, LAST_90, ONE_GROUP, STEPS, WEEK, WEEKS_FROM, numbers


class ClickHouse:
    """chdb: ClickHouse in this process, the events in a MergeTree ordered by member and time."""

    name = "clickhouse"

    def __init__(self, folder: Path) -> None:
        from chdb import session

        self.session = session.Session(str(folder))
        self.folder = folder
        self.tell(f"SET max_threads = {os.cpu_count()}")
        self.tell("CREATE DATABASE b")
        self.tell(
            "CREATE TABLE b.e (member UInt32, at UInt64, kind UInt8, g UInt16, channel UInt8)"
            " ENGINE = MergeTree ORDER BY (member, at)"
        )

    def tell(self, sql: str) -> Any:
        return self.session.query(sql, "JSONCompact")

    def rows(self, sql: str) -> list[list[Any]]:
        return json.loads(str(self.tell(sql)))["data"]  # type: ignore[no-any-return]

    def load(self, columns: tuple[np.ndarray, ...]) -> None:
        file = self.folder.parent / "rows.bin"
        widths = [("m", "<u4"), ("at", "<u8"), ("kind", "u1"), ("g", "<u2"), ("channel", "u1")]
        rows = np.zeros(len(columns[0]), np.dtype(widths))
        for (name, _type), column in zip(widths, columns, strict=True):
            rows[name] = column
        rows.tofile(file)
        shape = "member UInt32, at UInt64, kind UInt8, g UInt16, channel UInt8"
        self.tell(f"INSERT INTO b.e SELECT * FROM file('{file}', 'RowBinary', '{shape}')")
        file.unlink()

    def ready(self) -> None:
        self.tell("OPTIMIZE TABLE b.e FINAL")

    def ask(self, name: str) -> Any:
        if name in ("a", "b"):
            only = f" AND g = {ONE_GROUP}" if name == "b" else ""
            found = dict(
                self.rows(
                    f"SELECT intDiv(at - {LAST_90}, {DAY}) AS d, uniqExact(member) FROM b.e"
                    f" WHERE at >= {LAST_90} AND at < {LAST}{only} GROUP BY d"
                )
            )
            return [int({int(day): n for day, n in found.items()}.get(day, 0)) for day in range(90)]
        if name == "c":
            begins, returns = numbers(["message", "check_in"])
            cells = [(i, k) for i in range(12) for k in range(12 - i)]
            week = f"toUInt8(intDiv(at - {WEEKS_FROM}, {WEEK}))"
            sums = self.rows(
                "SELECT sumForEach(arrayMap((i, k) -> bitTest(s, i) AND (k = 0 OR bitTest(r, i + k)),"
                f" {[i for i, _k in cells]}, {[k for _i, k in cells]})) FROM (SELECT member,"
                f" groupBitOr(kind = {begins} ? bitShiftLeft(toUInt16(1), {week}) : toUInt16(0)) AS s,"
                f" groupBitOr(kind = {returns} ? bitShiftLeft(toUInt16(1), {week}) : toUInt16(0)) AS r"
                f" FROM b.e WHERE at >= {WEEKS_FROM} AND at < {WEEKS_FROM + 12 * WEEK}"
                f" AND kind IN ({begins}, {returns}) GROUP BY member)"
            )[0][0]
            it = iter(map(int, sums))
            return [[next(it) for _k in range(12 - i)] for i in range(12)]
        if name in ("d", "e"):
            conditions = ", ".join(f"kind = {number}" for number in numbers())
            each = f"windowFunnel({30 * DAY})(at, {conditions}) AS level"
            kinds = ", ".join(map(str, numbers()))
            if name == "d":
                rows = self.rows(
                    f"SELECT level, count() FROM (SELECT member, {each} FROM b.e WHERE kind IN ({kinds})"
                    " GROUP BY member) WHERE level > 0 GROUP BY level"
                )
                return _reached({int(level): int(n) for level, n in rows})
            rows = self.rows(
                f"SELECT c, level, count() FROM (SELECT member, {each}, argMinIf(channel, at, channel > 0) AS c"
                f" FROM b.e WHERE kind IN ({kinds}) GROUP BY member) WHERE level > 0 GROUP BY c, level"
            )
            return _by_channel(rows)
        rows = self.rows(
            f"SELECT g, uniqExact(member) FROM b.e WHERE at >= {LAST_30} AND at < {LAST} GROUP BY g ORDER BY g"
        )
        return {f"g{int(group)}": int(n) for group, n in rows}


def _reached(levels: dict[int, int]) -> list[int]:
    return [sum(n for level, n in levels.items() if level > k) for k in range(len(STEPS))]


def _by_channel(rows: Sequence[Sequence[Any]]) -> dict[str, list[int]]:
    found: dict[int, dict[int, int]] = {}
    for channel, level, n in rows:
        found.setdefault(int(channel), {})[int(level)] = int(n)
    return {f"c{channel:02}" if channel else "": _reached(levels) for channel, levels in found.items()}


class PostgreSQL:
    """The events in one table, with indexes by member, by group and by time that hold what the questions need."""

    name = "postgresql"

    def __init__(self) -> None:
        import psycopg2

        self.connection = psycopg2.connect(os.environ["DATABASE_URL"])
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.cursor.execute(
            "CREATE UNLOGGED TABLE e (member integer, at bigint, kind smallint, g smallint, channel smallint)"
        )
        self.cursor.execute("SET work_mem = '512MB'; SET max_parallel_workers_per_gather = 2; SET jit = off")

    def load(self, columns: tuple[np.ndarray, ...]) -> None:
        import io

        text = io.BytesIO()
        np.savetxt(text, np.column_stack(columns), fmt="%d", delimiter="\t")
        text.seek(0)
        self.cursor.copy_expert("COPY e FROM STDIN", text)

    def ready(self) -> None:
        self.cursor.execute("SET maintenance_work_mem = '1GB'")
        self.cursor.execute("CREATE INDEX ON e (member, at) INCLUDE (kind, channel)")
        self.cursor.execute("CREATE INDEX ON e (g, at) INCLUDE (member)")
        self.cursor.execute("CREATE INDEX ON e (at) INCLUDE (member, g)")
        self.cursor.execute("VACUUM ANALYZE e")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        self.cursor.execute(sql)
        found: list[tuple[Any, ...]] = self.cursor.fetchall()
        return found

    def ask(self, name: str) -> Any:
        if name in ("a", "b"):
            only = f" AND g = {ONE_GROUP}" if name == "b" else ""
            found = dict(
                self.rows(
                    f"SELECT (at - {LAST_90}) / {DAY} AS d, count(DISTINCT member) FROM e"
                    f" WHERE at >= {LAST_90} AND at < {LAST}{only} GROUP BY d"
                )
            )
            return [found.get(day, 0) for day in range(90)]
        if name == "c":
            begins, returns = numbers(["message", "check_in"])
            cells = [(i, k) for i in range(12) for k in range(12 - i)]
            sums = ", ".join(
                f"count(*) FILTER (WHERE s & {1 << i} <> 0" + (f" AND r & {1 << i + k} <> 0)" if k else ")")
                for i, k in cells
            )
            bit = f"1 << ((at - {WEEKS_FROM}) / {WEEK})::int"
            row = self.rows(
                f"SELECT {sums} FROM (SELECT member, coalesce(bit_or({bit}) FILTER (WHERE kind = {begins}), 0) AS s,"
                f" coalesce(bit_or({bit}) FILTER (WHERE kind = {returns}), 0) AS r FROM e"
                f" WHERE at >= {WEEKS_FROM} AND at < {WEEKS_FROM + 12 * WEEK} AND kind IN ({begins}, {returns})"
                " GROUP BY member) m"
            )[0]
            it = iter(row)
            return [[next(it) for _k in range(12 - i)] for i in range(12)]
        if name in ("d", "e"):
            return self._funnel(by_channel=name == "e")
        return {
            f"g{group}": n
            for group, n in self.rows(
                f"SELECT g, count(DISTINCT member) FROM e WHERE at >= {LAST_30} AND at < {LAST} GROUP BY g ORDER BY g"
            )
        }

    def _funnel(self, *, by_channel: bool) -> Any:
        """For each event of step k the latest start that leads to it: of all starts that got as far, the latest one
        keeps the window open for longest. One sort, and one pass of a window for each step."""
        kinds = numbers()
        only = ", ".join(map(str, kinds))
        sql = f"SELECT member, at, kind, channel, CASE WHEN kind = {kinds[0]} THEN at END AS s1 FROM e"
        sql += f" WHERE kind IN ({only})"
        for k in range(2, len(kinds) + 1):
            kept = ", ".join(f"s{n}" for n in range(1, k))
            sql = (
                f"SELECT member, at, kind, channel, {kept}, CASE WHEN kind = {kinds[k - 1]} AND at - f <= {30 * DAY}"
                f" THEN f END AS s{k} FROM (SELECT *, max(s{k - 1}) OVER (PARTITION BY member ORDER BY at"
                f" ROWS UNBOUNDED PRECEDING) AS f FROM ({sql}) q{k}) p{k}"
            )
        level = " + ".join(f"(count(s{k}) > 0)::int" for k in range(1, len(kinds) + 1))
        channel = "coalesce((array_agg(channel ORDER BY at) FILTER (WHERE channel > 0))[1], 0)" if by_channel else "0"
        rows = self.rows(
            f"SELECT c, level, count(*) FROM (SELECT member, {channel} AS c, {level} AS level FROM ({sql}) w"
            " GROUP BY member) m WHERE level > 0 GROUP BY c, level"
        )
        if by_channel:
            return _by_channel(rows)
        return _reached({level: n for _channel, level, n in rows})
