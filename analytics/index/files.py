"""The index on disk: what it consists of, how it is written and how it is opened.

    DATA_DIR/index/
      current.json            the manifest; replaced in one step, so a reader sees the old index or the new one
      base-NAME/000/*.npy     the columns of one part: the members whose number leaves the same rest, sorted; and who of
                              them has events in which group
      recent-NAME/*.npy       all events of the members who did something since, sorted; skip-000.npy and so on say
                              who of each part that is, so that they are left out there
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
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings

from analytics.columns import Columns, Flags, Ints, Numbers, Shard, column_open
from analytics.index.postings import Postings, postings_open, postings_write, table_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FORMAT = 2
MANIFEST, LEDGER = "current.json", "ledger.json"
COLUMNS = ("members", "offsets", "at", "kind", "group", "channel")
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
    manifest_write(MANIFEST, manifest)
    sweep(["base", "recent"], keep={manifest.base, manifest.recent})


def manifest_write(name: str, manifest: DataclassInstance) -> None:
    """Readers see the old one or the new one."""
    folder = index_folder()
    draft = folder / f"{name}.new"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / name)


def index_remove() -> None:
    """Deletes the index. Reports are read from the database until it is built again."""
    for name in (MANIFEST, LEDGER):
        (index_folder() / name).unlink(missing_ok=True)


def sweep(kinds: Collection[str], *, keep: Collection[str]) -> None:
    """Removes folders of these kinds that neither the manifest in force names nor one that a reader may still hold."""
    newest = max((path.stat().st_mtime for path in index_folder().iterdir()), default=0.0)
    for path in index_folder().iterdir():
        is_one = path.is_dir() and path.name.partition("-")[0] in kinds
        if is_one and path.name not in keep and path.stat().st_mtime < newest - KEPT_FOR_READERS:
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


def part_write(folder: Path, columns: Columns) -> None:
    folder.mkdir(exist_ok=True)
    shard = columns.shard()
    for name in COLUMNS:
        np.save(folder / f"{name}.npy", getattr(shard, name))
    postings_write(folder, Postings.of(columns))


def skip_write(folder: Path, number: int, flags: Flags) -> None:
    np.save(folder / f"skip-{number:03}.npy", flags)


@dataclass(frozen=True)
class Generation:
    """An opened index: the columns of each part, memory-mapped; those of the members who did something since it was
    built, and who of each part these are."""

    manifest: Manifest
    parts: tuple[Columns, ...]
    recent: Columns | None
    skips: tuple[Flags, ...]
    # Of each part, and of the members with news behind them; none where a part was written without.
    postings: tuple[Postings, ...] = ()

    @cached_property
    def outside(self) -> Ints:
        """The members who did anything outside of a group, in ascending order."""
        if self.postings:
            nowhere = np.zeros(1, np.int64)
            found = [part.members[said.within(nowhere)] for part, said in zip(self.columns, self.postings, strict=True)]
        else:
            found = [part.outside() for part in self.columns]
        return np.unique(np.concatenate(found))

    @cached_property
    def table(self) -> Numbers:
        """All parts as a kernel takes them together, where all have postings. Whoever uses it holds the generation."""
        return table_of(self.columns, self.postings, self.skips)

    @property
    def columns(self) -> tuple[Columns, ...]:
        return self.parts if self.recent is None else (*self.parts, self.recent)

    @property
    def built_at(self) -> datetime:
        return datetime.fromisoformat(self.manifest.built_at)


def part_folders(manifest: Manifest) -> list[Path]:
    return [index_folder() / manifest.base / f"{number:03}" for number in range(manifest.parts)]


def part_open(folder: Path) -> Columns:
    """Raises OSError or ValueError when files are missing or damaged."""
    columns = Columns(**{name: column_open(folder / f"{name}.npy") for name in COLUMNS})
    lengths = {len(column) for column in (columns.at, columns.kind, columns.group, columns.channel)}
    if lengths != {int(columns.offsets[-1])} or len(columns.offsets) != len(columns.members) + 1:
        raise ValueError("columns of different lengths")
    return columns


@dataclass(frozen=True, slots=True)
class PartOnDisk:
    """A part of the index and what of it may be looked at. It travels as a path, and is opened where it arrives. A part
    of the base `lasts`; that of members with news is written again and again."""

    folder: Path
    skip: Flags
    own: Flags
    allow: Flags
    opened: Columns | None = None
    lasts: bool = False
    # Members of whom nothing may be looked at: spares looking at each of their events, and changes no answer.
    blank: Flags | None = None

    def open(self) -> Shard:
        columns = self.opened or part_open(self.folder)
        skip = self.skip
        if self.blank is not None:
            skip = skip | self.blank if len(skip) else self.blank
        return columns.shard(skip=skip, own=self.own, allow=self.allow)

    def skipping(self, skip: Flags) -> PartOnDisk:
        return replace(self, skip=skip)

    def __reduce__(self) -> tuple[type[PartOnDisk], tuple[Path, Flags, Flags, Flags, None, bool, Flags | None]]:
        return PartOnDisk, (self.folder, self.skip, self.own, self.allow, None, False, self.blank)


def generation_open(manifest: Manifest) -> Generation:
    """Raises OSError or ValueError when files are missing or damaged."""
    parts = tuple(part_open(folder) for folder in part_folders(manifest))
    said = [
        postings_open(folder, len(part.members)) for folder, part in zip(part_folders(manifest), parts, strict=True)
    ]
    if not manifest.recent:
        return Generation(manifest, parts, None, (), _all(said))
    folder = index_folder() / manifest.recent
    skips = tuple(column_open(folder / f"skip-{number:03}.npy") for number in range(manifest.parts))
    if [len(skip) for skip in skips] != [len(part.members) for part in parts]:
        raise ValueError("marks of other members")
    recent = part_open(folder)
    said.append(postings_open(folder, len(recent.members)))
    return Generation(manifest, parts, recent, skips, _all(said))


def _all(said: list[Postings | None]) -> tuple[Postings, ...]:
    found = tuple(one for one in said if one is not None)
    return found if len(found) == len(said) else ()
