"""Imports in the console: a file is uploaded, its columns are named, and a worker takes it in."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import OperationalError, transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from community_ops.lib.sql import lock_name
from community_ops.lib.zones import zone_named
from members.imports.importers import Doubting, MappingError, guess_mapping, importer_named, mapping_places
from members.imports.runner import Progress, RejectedRows, read_batches, run_import
from members.imports.tables import Row, UnreadableFileError, open_table
from members.models import ImportRun, ImportState

log = structlog.get_logger(__name__)

MAX_UPLOAD = 256 * 1024 * 1024
SAMPLE = 1_000
SHOWN = 8
REASONS_SHOWN = 5
DOUBTS_SHOWN = 20
# A worker reports after every batch, every second or two. One that was silent this long is dead.
SILENCE = timedelta(seconds=20)
# Uploads that nobody went on with.
FORGOTTEN = timedelta(days=7)
# The name of the lock under which imports are claimed; any number that no other lock has.
CLAIMS = 0x1A90CAFE


@dataclass(frozen=True)
class SampleRow:
    """A row as the preview shows it: what each field would get, the time as it is understood, why it is rejected."""

    line: int
    cells: list[str]
    at: datetime | None
    reason: str


@dataclass(frozen=True)
class Preview:
    """What the first rows of a file would bring. `problem` is set instead when the columns do not fit."""

    problem: str = ""
    rows: list[SampleRow] = field(default_factory=list)
    checked: int = 0
    new: int = 0
    known: int = 0
    rejected: int = 0
    reasons: list[tuple[int, str]] = field(default_factory=list)
    doubts: list[LineDoubt] = field(default_factory=list)
    is_whole_file: bool = False

    @property
    def has_times(self) -> bool:
        return any(row.at for row in self.rows)


@dataclass(frozen=True)
class LineDoubt:
    """A doubt of the importer, by lines of the file; `more` are those that are not listed."""

    head: str
    lines: list[tuple[int, str]]
    more: int


class TakenOverError(Exception):
    """Another worker goes on with this import."""


def import_path(run: ImportRun) -> Path:
    return Path(settings.MEDIA_ROOT) / run.path


def rejected_path(run: ImportRun) -> Path:
    return import_path(run).with_name(f"{Path(run.path).stem}.rejected.csv")


def import_upload(*, by: User, kind: str, file: UploadedFile[Any], now: datetime) -> ImportRun:
    """Keeps an uploaded file and guesses its columns. Raises ValidationError when it cannot be read."""
    if file.size is not None and file.size > MAX_UPLOAD:
        raise ValidationError(
            {
                "file": _("The file is larger than %(limit)d MB. Split it, or use the command import_%(kind)s.")
                % {"limit": MAX_UPLOAD // 1024**2, "kind": kind}
            }
        )
    run = ImportRun(
        kind=kind,
        started_by=by,
        file_name=Path(file.name or "file").name[-255:],
        path=f"imports/{uuid.uuid4().hex}",
        timezone=settings.TIME_ZONE,
        created_at=now,
    )
    path = import_path(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as target:
            for chunk in file.chunks():
                target.write(chunk)
        table = open_table(path)
    except UnreadableFileError as error:
        path.unlink(missing_ok=True)
        raise ValidationError({"file": str(error)}) from error
    run.mapping = guess_mapping(importer_named(kind), table.header)
    run.bytes_total = table.size
    table.close()
    run.save()
    return run


def import_columns(run: ImportRun) -> list[str]:
    """The columns of a file that waits for its mapping. Raises UnreadableFileError."""
    table = open_table(import_path(run))
    table.close()
    return [column for column in table.header if column]


def import_preview(*, run: ImportRun, mapping: Mapping[str, str], zone: tzinfo, by: User, now: datetime) -> Preview:
    """What the first rows would bring with this mapping. They are written and rolled back, so the answer is exact."""
    importer = importer_named(run.kind)
    try:
        table = open_table(import_path(run))
    except UnreadableFileError as error:
        return Preview(problem=str(error))
    try:
        batch = next(read_batches(table, importer, mapping, zone, SAMPLE), None)
        if batch is None:
            return Preview(is_whole_file=True)
        columns = mapping_places(importer, table.header, mapping)
        position = table.position()
    except (MappingError, UnreadableFileError) as error:
        return Preview(problem=str(error))
    finally:
        table.close()
    with transaction.atomic():
        written = importer.write(batch.items, by=by, now=now)
        transaction.set_rollback(True)
    doubts = []
    if isinstance(importer, Doubting):
        sound = {place: item for place, item in enumerate(batch.items) if place not in written.rejected}
        for doubt in importer.doubts(sound, by=by):
            lines = [(batch.rows[batch.places[place]].line, words) for place, words in doubt.rows]
            doubts.append(LineDoubt(doubt.head, lines[:DOUBTS_SHOWN], len(lines[DOUBTS_SHOWN:])))
    reasons = {batch.places[place]: reason for place, reason in written.rejected.items()} | batch.rejected
    items = dict(zip(batch.places, (item for _key, item in batch.items), strict=True))
    rows = []
    for index, row in enumerate(batch.rows[:SHOWN]):
        cells = [row.cells[at][:80] if at is not None and at < len(row.cells) else "" for at in columns]
        at = next((value for value in items.get(index, ()) if isinstance(value, datetime)), None)
        rows.append(SampleRow(row.line, cells, at, reasons.get(index, "")))
    return Preview(
        rows=rows,
        checked=len(batch.rows),
        new=written.imported,
        known=written.duplicates,
        rejected=len(reasons),
        reasons=[(batch.rows[index].line, reasons[index]) for index in sorted(reasons)[:REASONS_SHOWN]],
        doubts=doubts,
        is_whole_file=len(batch.rows) < SAMPLE and position >= run.bytes_total,
    )


def import_start(*, by: User, run: ImportRun, mapping: Mapping[str, str], timezone_name: str, now: datetime) -> bool:
    """Lets the workers take the file in; False when it was started already. Raises ValidationError.

    What is imported is limited to the reach of the person who starts it.
    """
    zone_named(timezone_name)
    try:
        mapping_places(importer_named(run.kind), import_columns(run), mapping)
    except (MappingError, UnreadableFileError) as error:
        raise ValidationError(str(error)) from error
    with transaction.atomic():
        started = ImportRun.objects.filter(pk=run.pk, state=ImportState.MAPPING).update(
            state=ImportState.RUNNING, mapping=dict(mapping), timezone=timezone_name, started_by=by, started_at=now
        )
        if started:
            audit_record(by=by, action="import.started", subject=run, after={"kind": run.kind, "file": run.file_name})
    return bool(started)


def import_discard(*, by: User, run: ImportRun) -> bool:
    """Drops an upload that was not started."""
    path = import_path(run)
    with transaction.atomic():
        dropped, _rows = ImportRun.objects.filter(pk=run.pk, state=ImportState.MAPPING).delete()
        if dropped:
            audit_record(by=by, action="import.discarded", subject=run, before={"file": run.file_name})
    if dropped:
        path.unlink(missing_ok=True)
    return bool(dropped)


def imports_unattended(*, now: datetime) -> list[int]:
    """The imports that no worker is at, to be given to one. Drops forgotten uploads on the way."""
    forgotten = ImportRun.objects.filter(state=ImportState.MAPPING, created_at__lt=now - FORGOTTEN)
    for run in forgotten:
        import_path(run).unlink(missing_ok=True)
        run.delete()
    return list(_unattended(now).values_list("pk", flat=True))


def _claim(run_id: int, now: datetime) -> bool:
    """Whether the caller is now the worker at this import.

    One import runs at a time: a second would only wait for the first one's writes, and hold a worker that posts need.
    """
    with transaction.atomic():
        lock_name(CLAIMS)
        running = ImportRun.objects.filter(state=ImportState.RUNNING, heartbeat_at__gte=now - SILENCE)
        if running.exclude(pk=run_id).exists():
            return False
        return bool(_unattended(now).filter(pk=run_id).update(heartbeat_at=now))


def _unattended(now: datetime) -> Any:
    silent = Q(heartbeat_at=None) | Q(heartbeat_at__lt=now - SILENCE)
    return ImportRun.objects.filter(silent, state=ImportState.RUNNING)


def import_run(*, run_id: int, clock: Callable[[], datetime] = timezone.now) -> bool:
    """Takes a started file in, or goes on where a killed worker stopped. False when there is nothing to do, or another
    import is running.

    Progress is saved in the transaction of each batch, and only over the progress this worker knows: of two workers
    that believe an import to be theirs, one is stopped before it writes a row twice.
    """
    if not _claim(run_id, clock()):
        return False
    run = ImportRun.objects.select_related("started_by__branch").get(pk=run_id)
    user = run.started_by
    with translation.override(user.reads_in if user else settings.LANGUAGE_CODE):
        try:
            if user is None:
                raise UnreadableFileError(_("The person who started this import is gone."))
            _take_in(run, user, clock)
        except TakenOverError:
            return False
        except (UnreadableFileError, MappingError) as error:
            _finish(run, ImportState.FAILED, clock(), str(error))
        except OperationalError:
            # The database is away or busy: the import is taken up again after a while.
            raise
        except Exception:
            _finish(run, ImportState.FAILED, clock(), _("An unexpected error stopped the import. The log says more."))
            raise
        else:
            _finish(run, ImportState.DONE, clock(), "")
    return True


def _take_in(run: ImportRun, user: User, clock: Callable[[], datetime]) -> None:
    table = open_table(import_path(run))
    progress = Progress(run.rows_read, run.rows_imported, run.rows_duplicate, run.rows_rejected, run.bytes_done)
    before = run.rows_read
    rejected_bytes = run.rejected_bytes
    rejects = RejectedRows(rejected_path(run), table.header, keep_bytes=run.rejected_bytes)

    def rejected(rows: Sequence[tuple[Row, str]]) -> None:
        nonlocal rejected_bytes
        rejected_bytes = rejects.add(rows)

    def saved(progress: Progress) -> None:
        nonlocal before
        mine = ImportRun.objects.filter(pk=run.pk, state=ImportState.RUNNING, rows_read=before)
        if not mine.update(
            rows_read=progress.read,
            rows_imported=progress.imported,
            rows_duplicate=progress.duplicates,
            rows_rejected=progress.rejected,
            bytes_done=min(progress.position, run.bytes_total),
            rejected_bytes=rejected_bytes,
            heartbeat_at=clock(),
        ):
            raise TakenOverError
        before = progress.read

    try:
        run_import(
            table=table,
            importer=importer_named(run.kind),
            mapping=run.mapping,
            zone=ZoneInfo(run.timezone),
            by=user,
            progress=progress,
            rejected=rejected,
            saved=saved,
            clock=clock,
        )
    finally:
        table.close()


def _finish(run: ImportRun, state: str, now: datetime, error: str) -> None:
    done = {"bytes_done": run.bytes_total} if state == ImportState.DONE else {}
    ImportRun.objects.filter(pk=run.pk, state=ImportState.RUNNING).update(
        state=state, finished_at=now, error=error[:500], **done
    )
    log.info("import finished", run=run.pk, state=state)
    # The rows are in the database now; people's files are not kept longer than they are needed.
    import_path(run).unlink(missing_ok=True)
