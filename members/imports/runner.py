"""Taking a table in, batch by batch."""

from __future__ import annotations

import csv
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from activity.services import event_key
from members.imports.importers import Importer, mapping_places
from members.imports.tables import Row, Table
from members.imports.values import RowError

BATCH = 20_000
BATCH_BYTES = 32 * 1024 * 1024


@dataclass
class Progress:
    """How far an import has come. `position` is on the scale of Table.size."""

    read: int = 0
    imported: int = 0
    duplicates: int = 0
    rejected: int = 0
    position: int = 0


class Repeats:
    """Numbers equal things: the first of its kind is 0, the next 1.

    Holds 8 bytes for each thing seen, in a few sorted arrays that are merged like those of a log-structured store.
    """

    def __init__(self) -> None:
        self._levels: list[np.ndarray[Any, np.dtype[np.uint64]]] = []

    def number(self, digests: Sequence[bytes]) -> list[int]:
        hashes = np.frombuffer(b"".join(digest[:8] for digest in digests), dtype=np.uint64)
        numbers = np.zeros(len(hashes), dtype=np.int64)
        for level in self._levels:
            numbers += np.searchsorted(level, hashes, "right") - np.searchsorted(level, hashes, "left")
        order = np.argsort(hashes, kind="stable")
        fresh = hashes[order]
        numbers[order] += np.arange(len(fresh)) - np.searchsorted(fresh, fresh, "left")
        while self._levels and len(self._levels[-1]) <= len(fresh):
            fresh = np.sort(np.concatenate([self._levels.pop(), fresh]))
        self._levels.append(fresh)
        found: list[int] = numbers.tolist()
        return found


class RejectedRows:
    """The file of rejected rows: the columns as they were, with line and reason behind them. Made by its first row."""

    def __init__(self, path: Path, header: Sequence[str], *, keep_bytes: int = 0) -> None:
        """Of a file that exists the first `keep_bytes` stay."""
        self.path = path
        self.header = header
        if path.exists():
            if keep_bytes:
                with path.open("r+b") as file:
                    file.truncate(keep_bytes)
            else:
                path.unlink()

    def add(self, rows: Sequence[tuple[Row, str]]) -> int:
        """Adds rows; returns the size of the file."""
        if rows:
            is_new = not self.path.exists()
            with self.path.open("a", encoding="utf-8-sig" if is_new else "utf-8", newline="") as file:
                writer = csv.writer(file)
                if is_new:
                    writer.writerow([*self.header, _("line"), _("reason")])
                for row, reason in rows:
                    padding = [""] * (len(self.header) - len(row.cells))
                    writer.writerow([*row.cells, *padding, row.line, reason])
        return self.path.stat().st_size if self.path.exists() else 0


@dataclass
class _Batch:
    rows: list[Row]
    items: list[tuple[str, Any]]
    places: list[int]
    rejected: dict[int, str]


def read_batches(
    table: Table, importer: Importer, mapping: Mapping[str, str], zone: tzinfo, size: int = BATCH
) -> Iterator[_Batch]:
    """The rows of a table as batches of items with their keys. Raises MappingError, UnreadableFileError.

    An item is known by its content and by how many equal ones came before it in the file: identical rows are separate
    things, and the same file again brings nothing new.
    """
    columns = mapping_places(importer, table.header, mapping)
    read, identity = importer.reader(zone), importer.identity
    prefix = f"{importer.name}\n"
    width = len(table.header)
    repeats = Repeats()
    rows = table.rows()
    while chunk := _chunk(table, rows, size):
        items: list[Any] = []
        places: list[int] = []
        rejected: dict[int, str] = {}
        for index, (_line, cells, problem) in enumerate(chunk):
            try:
                if problem:
                    raise RowError(problem)
                if len(cells) < width:
                    cells = cells + [""] * (width - len(cells))
                items.append(read([cells[column] if column is not None else "" for column in columns]))
                places.append(index)
            except RowError as error:
                rejected[index] = str(error)
        digests = [blake2b((prefix + identity(item)).encode(), digest_size=16).digest() for item in items]
        keys = [
            event_key(digest.hex(), str(number)) if number else digest.hex()
            for digest, number in zip(digests, repeats.number(digests), strict=True)
        ]
        yield _Batch(chunk, list(zip(keys, items, strict=True)), places, rejected)


def _chunk(table: Table, rows: Iterator[Row], size: int) -> list[Row]:
    """At most `size` rows, fewer when they are huge."""
    chunk: list[Row] = []
    start = table.position()
    for row in rows:
        chunk.append(row)
        if len(chunk) >= size or table.position() - start > BATCH_BYTES:
            break
    return chunk


def run_import(
    *,
    table: Table,
    importer: Importer,
    mapping: Mapping[str, str],
    zone: tzinfo,
    by: User | None,
    progress: Progress,
    rejected: Callable[[Sequence[tuple[Row, str]]], None],
    saved: Callable[[Progress], None],
    dry_run: bool = False,
    clock: Callable[[], datetime] = timezone.now,
) -> None:
    """Takes a table in, a transaction a batch, and keeps count in `progress`.

    `rejected` gets the rejected rows of each batch with their reasons, `saved` the progress; both are called inside the
    batch's transaction, after its writing. `progress` may start with rows that were read before: they are read again
    for their numbers and not written. With `dry_run` every batch is rolled back. Raises MappingError and
    UnreadableFileError.
    """
    done = progress.read
    seen = 0
    with _no_collecting():
        for batch in read_batches(table, importer, mapping, zone):
            seen += len(batch.rows)
            if seen <= done:
                continue
            with transaction.atomic():
                written = importer.write(batch.items, by=by, now=clock())
                reasons = {batch.places[place]: reason for place, reason in written.rejected.items()} | batch.rejected
                progress.read = seen
                progress.imported += written.imported
                progress.duplicates += written.duplicates
                progress.rejected += len(reasons)
                progress.position = table.position()
                rejected([(batch.rows[index], reasons[index]) for index in sorted(reasons)])
                saved(progress)
                if dry_run:
                    transaction.set_rollback(True)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Without the cycle collector, which would walk over a batch's many small tuples again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
