"""Building the index from the events in the database, whole or by what is new."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from django.db.models import F
from django.db.models.functions import Coalesce

from activity.models import Event, EventMove
from activity.selectors import key_of
from activity.services import Frontier, events_frontier
from analytics.columns import Columns, Ints, marked
from analytics.index.files import (
    Manifest,
    building,
    generation_open,
    index_folder,
    manifest_read,
    manifest_switch,
    new_folder,
    part_folders,
    part_write,
    skip_write,
)
from analytics.index.postings import is_posted
from analytics.ledger.building import ledger_build, ledger_refresh
from analytics.sources import EpochMillis, numbers_of

# Read at a time; some 100 MB on the way through Python.
CHUNK = 250_000
# About so many events make a part: small enough to sort one in memory, large enough that there are few files.
PART = 2_000_000
WIDTH = 5
# A refresh keeps the members with new events apart until these events are this share of the rest, or more than this
# many: with many such members every refresh would have to copy much.
RECENT_SHARE = 0.05
MOST_RECENT = 300_000
# Members whose events changed are read from the database for every report, until the index is built anew.
MOST_MOVED = 2_000

Progress = Callable[[int, int], None]


def index_build(*, now: datetime, progress: Progress | None = None) -> Manifest:
    """Builds the whole index and puts it in force; reports run on the old one meanwhile. `progress` gets the events
    read and how many there are.

    Killed at any point, it leaves the old index in force. Raises IndexBusy, IndexDiskFull, and OperationalError from
    events_frontier().
    """
    with building():
        frontier = events_frontier()
        manifest = _build(frontier, now, progress or _quiet)
        ledger_build()
        return manifest


def index_refresh(*, now: datetime) -> Manifest | None:
    """Brings the index up to date: by adding what is new, or anew when that has become much. Nothing is done when
    nothing is new. Raises as index_build()."""
    with building():
        manifest = _refreshed(now)
        if manifest_read() is not None:
            ledger_refresh(is_of_this_database=is_of_this_database)
        return manifest


def _refreshed(now: datetime) -> Manifest | None:
    manifest = manifest_read()
    frontier = events_frontier()
    if manifest is None or not is_of_this_database(manifest) or _is_worn(manifest, frontier) or _is_older(manifest):
        return _build(frontier, now, _quiet) if frontier.newest else None
    if frontier.newest == manifest.newest:
        return None
    return _extend(manifest, frontier, now)


class OfEvents(Protocol):
    """A copy that knows the newest event in it."""

    @property
    def newest(self) -> int: ...

    @property
    def newest_key(self) -> str: ...


def is_of_this_database(manifest: OfEvents) -> bool:
    """Whether the newest event of the index is in this database. After a restore, or with another database in the same
    folder, numbers mean other events."""
    return key_of(number=manifest.newest) == manifest.newest_key


def _is_worn(manifest: Manifest, frontier: Frontier) -> bool:
    new = Event.objects.filter(pk__gt=manifest.newest, pk__lte=frontier.newest).count()
    recent = manifest.events - manifest.base_events + new
    moved = EventMove.objects.filter(pk__gt=manifest.moves).values("member_id").distinct().count()
    return recent > min(MOST_RECENT, max(RECENT_SHARE * manifest.base_events, CHUNK)) or moved > MOST_MOVED


def _is_older(manifest: Manifest) -> bool:
    """Whether it was built before there was a note of who has events in which group."""
    folders = part_folders(manifest) + ([index_folder() / manifest.recent] if manifest.recent else [])
    return not all(is_posted(folder) for folder in folders)


def _quiet(_done: int, _total: int) -> None:
    pass


def _read(after: int, until: int) -> Ints:
    """Up to CHUNK events with after < number <= until, in the order of their numbers: member, instant, kind, group,
    channel and number."""
    rows = Event.objects.filter(pk__gt=after, pk__lte=until).order_by("pk")[:CHUNK]
    columns = ("member_id", EpochMillis(F("at")), "kind_id", Coalesce("group_id", 0), Coalesce("channel_id", 0), "pk")
    return numbers_of(rows.values_list(*columns)).reshape(-1, WIDTH + 1)


def _build(frontier: Frontier, now: datetime, progress: Progress) -> Manifest:
    total = Event.objects.filter(pk__lte=frontier.newest).count()
    parts = parts_for(total)
    with new_folder("base") as folder:
        done = _spread(folder, parts, _chunks(0, frontier.newest), lambda read: progress(read, total))
        for number in range(parts):
            _sort(folder, number)
        manifest = Manifest(
            base=folder.name,
            parts=parts,
            recent="",
            events=done,
            base_events=done,
            newest=frontier.newest,
            newest_key=frontier.newest_key,
            moves=frontier.moves,
            built_at=now.isoformat(),
        )
        generation_open(manifest)
        manifest_switch(manifest)
    return manifest


def _chunks(after: int, until: int) -> Iterator[Ints]:
    while len(rows := _read(after, until)):
        after = int(rows[-1, WIDTH])
        yield rows[:, :WIDTH]


def parts_for(events: int) -> int:
    """How many parts an index of so many events has. Of several there are as many for each processor: reports look at
    them in threads, and in the end none waits for another."""
    parts, processors = max(1, -(-events // PART)), os.cpu_count() or 1
    return parts if parts == 1 else -(-parts // processors) * processors


def _spread(folder: Path, parts: int, chunks: Iterable[Ints], progress: Callable[[int], None]) -> int:
    """Appends each event to the draft of its part; returns how many that were."""
    files = [(folder / f"{number:03}.draft").open("wb") for number in range(parts)]
    done = 0
    try:
        for rows in chunks:
            part = rows[:, 0] % parts
            for number, file in enumerate(files):
                rows[part == number].tofile(file)
            done += len(rows)
            progress(done)
    finally:
        for file in files:
            file.close()
    return done


def _sort(folder: Path, number: int) -> None:
    draft = folder / f"{number:03}.draft"
    rows = np.fromfile(draft, np.int64).reshape(-1, WIDTH)
    # Rows stand in the order of arrival, and build() sorts stably: within one instant that order stays.
    part_write(folder / f"{number:03}", Columns.build(*(np.ascontiguousarray(column) for column in rows.T)))
    draft.unlink()


def _extend(manifest: Manifest, frontier: Frontier, now: datetime) -> Manifest:
    before = generation_open(manifest)
    added = np.concatenate(list(_chunks(manifest.newest, frontier.newest)))
    known = np.zeros(0, np.int64) if before.recent is None else before.recent.members
    newly = np.setdiff1d(added[:, 0], known)
    rows = [part.of(newly) for part in before.parts]
    if before.recent is not None:
        rows.append(before.recent.of(known))
    rows.append(tuple(added.T))
    recent = Columns.build(*(np.concatenate(columns) for columns in zip(*rows, strict=True)))
    with new_folder("recent") as folder:
        part_write(folder, recent)
        for number, part in enumerate(before.parts):
            skip_write(folder, number, marked(part.members, recent.members))
        extended = replace(
            manifest,
            recent=folder.name,
            events=manifest.events + len(added),
            newest=frontier.newest,
            newest_key=frontier.newest_key,
            built_at=now.isoformat(),
        )
        generation_open(extended)
        manifest_switch(extended)
    return extended
