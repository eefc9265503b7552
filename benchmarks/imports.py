"""How long an import takes, against a plain executemany of the rows that it leaves behind into the same tables.

    python benchmarks/imports.py FILE [--kind messages|orders] [--rounds 3]

Both sides run in this process, one after the other, on an empty test database (SQLite, or what DATABASE_URL names).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "community_ops.settings")
scratch = tempfile.TemporaryDirectory()
os.environ.setdefault("DATA_DIR", scratch.name)

import django

django.setup()

from django.core.management import call_command
from django.db import connection, transaction

from members.imports.importers import guess_mapping, importer_named
from members.imports.runner import Progress, run_import
from members.imports.tables import open_table

TABLES = (
    "activity_eventkind",
    "activity_channel",
    "groups_group",
    "members_member",
    "members_membership",
    "activity_event",
    "campaigns_order",
)


def import_file(path: Path, kind: str) -> Progress:
    progress = Progress()
    importer = importer_named(kind)
    table = open_table(path)
    run_import(
        table=table,
        importer=importer,
        mapping=guess_mapping(importer, table.header),
        zone=ZoneInfo("UTC"),
        by=None,
        progress=progress,
        rejected=lambda rows: None,
        saved=lambda progress: None,
    )
    table.close()
    return progress


def rows_of(table: str) -> tuple[str, list[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")
        names = [column[0] for column in cursor.description]
        marks = ", ".join(["%s"] * len(names))
        return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", cursor.fetchall()


def plain(statements: list[tuple[str, list[Any]]]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for statement, rows in statements:
            if rows:
                cursor.executemany(statement, rows)


def empty() -> None:
    call_command("flush", interactive=False, verbosity=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--kind", default="messages")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    if connection.vendor == "sqlite":
        # In a file, as the product runs.
        connection.settings_dict["TEST"]["NAME"] = str(Path(scratch.name) / "benchmark.sqlite3")
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        ratios = []
        for number in range(options.rounds):
            empty()
            start = time.perf_counter()
            progress = import_file(options.file, options.kind)
            ours = time.perf_counter() - start
            again = time.perf_counter()
            import_file(options.file, options.kind)
            again = time.perf_counter() - again
            statements = [rows_of(table) for table in TABLES]
            empty()
            start = time.perf_counter()
            plain(statements)
            theirs = time.perf_counter() - start
            ratios.append(ours / theirs)
            print(
                f"round {number + 1}: {progress.imported:,} of {progress.read:,} rows imported in {ours:.2f} s, "
                f"again in {again:.2f} s; plain executemany {theirs:.2f} s; ratio {ours / theirs:.2f}"
            )
        print(f"{connection.vendor}: median ratio {median(ratios):.2f}")
    finally:
        connection.creation.destroy_test_db("", verbosity=0)
        scratch.cleanup()


if __name__ == "__main__":
    main()
