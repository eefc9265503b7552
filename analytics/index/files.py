"""The index on disk: what it consists of, how it is written and how it is opened.

    DATA_DIR/index/
      current.json            the manifest; replaced in one step, so a reader sees the old index or the new one
      base-NAME/000/*.npy     the columns of one part: the members whose number leaves the same rest, sorted
      recent-NAME/*.npy       events that came after the base was built, in their order of arrival
      lock                    held by whoever builds

Columns are memory-mapped: all processes of a machine share one copy in its page cache.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from django.conf import settings

from analytics.columns import Columns, Ints

FORMAT = 1
MANIFEST = "current.json"
COLUMNS = ("members", "offsets", "at", "kind", "group", "channel")
RECENT = ("member", "at", "kind", "group", "channel")
# A reader that has read the manifest still has to open what it names.
KEPT_FOR_READERS = 600


class IndexBusy(Exception):
    """Somebody else is building."""


class IndexDiskFull(Exception):
    """There is no room for the new files. The index that was there is still in use."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index holds: the events up to number `newest`, whose key is `newest_key`, but for those of members who
    were given events of others since change number `moves`."""

    base: str
    parts: int
    recent: str
    events: int
    base_events: int
    newest: int
    newest_key: str
    moves: int
    built_at: str
    format: int = FORMAT


def index_folder() -> Path:
    return Path(settings.DATA_DIR) / "index"


def manifest_read() -> Manifest | None:
    """The manifest in force; nothing when there is none, or one that this version does not know."""
    try:
        values = json.loads((index_folder() / MANIFEST).read_text(encoding="utf-8"))
        return Manifest(**values) if values.get("format") == FORMAT else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def manifest_switch(manifest: Manifest) -> None:
    """Puts a new index in force, and removes what neither it nor a reader of the one before needs."""
    folder = index_folder()
    draft = folder / f"{MANIFEST}.new"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / MANIFEST)
    _sweep(keep={manifest.base, manifest.recent})


def index_remove() -> None:
    """Deletes the index. Reports are read from the database until it is built again."""
    (index_folder() / MANIFEST).unlink(missing_ok=True)


def _sweep(keep: set[str]) -> None:
    newest = max((path.stat().st_mtime for path in index_folder().iterdir()), default=0.0)
    for path in index_folder().iterdir():
        if path.is_dir() and path.name not in keep and path.stat().st_mtime < newest - KEPT_FOR_READERS:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def building() -> Iterator[None]:
    """Holds the right to build. Raises IndexBusy when somebody else has it; the lock of a killed process is free."""
    index_folder().mkdir(parents=True, exist_ok=True)
    with (index_folder() / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise IndexBusy from error
        yield


@contextmanager
def new_folder(kind: str) -> Iterator[Path]:
    """A folder for new files, gone again when writing them fails. Raises IndexDiskFull."""
    path = index_folder() / f"{kind}-{secrets.token_hex(6)}"
    path.mkdir()
    try:
        yield path
    except BaseException as error:
        shutil.rmtree(path, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise IndexDiskFull from error
        raise


def narrowest(column: Ints) -> npt.NDArray[Any]:
    """A column of numbers from 0 up in as few bytes as hold its largest."""
    largest = int(column.max()) if len(column) else 0
    dtype = np.uint16 if largest < 2**16 else np.uint32 if largest < 2**32 else np.int64
    return column.astype(dtype)


def part_write(folder: Path, columns: Columns) -> None:
    folder.mkdir()
    for name in COLUMNS:
        column = getattr(columns, name)
        np.save(folder / f"{name}.npy", narrowest(column) if name in ("kind", "group", "channel") else column)


def recent_write(folder: Path, rows: Sequence[Ints]) -> None:
    for name, column in zip(RECENT, rows, strict=True):
        np.save(folder / f"{name}.npy", column)


@dataclass(frozen=True, slots=True)
class Generation:
    """An opened index. `parts` are memory-mapped; the columns kind, group and channel are of whichever width fits."""

    manifest: Manifest
    parts: tuple[Columns, ...]
    recent: tuple[Ints, ...]

    @property
    def built_at(self) -> datetime:
        return datetime.fromisoformat(self.manifest.built_at)


def generation_open(manifest: Manifest) -> Generation:
    """Raises OSError or ValueError when files are missing or damaged."""
    folder = index_folder()

    def load(path: Path) -> Any:
        return np.load(path, mmap_mode="r", allow_pickle=False)

    parts = tuple(
        Columns(**{name: load(folder / manifest.base / f"{number:03}" / f"{name}.npy") for name in COLUMNS})
        for number in range(manifest.parts)
    )
    recent: tuple[Ints, ...] = ()
    if manifest.recent:
        recent = tuple(load(folder / manifest.recent / f"{name}.npy") for name in RECENT)
    for part in parts:
        if not len(part.at) == len(part.kind) == len(part.group) == len(part.channel) == part.offsets[-1]:
            raise ValueError("columns of different lengths")
    return Generation(manifest, parts, recent)
