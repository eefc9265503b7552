"""Backups: the rows of every table, the uploaded files and the secret key in one `.tar.gz`.

Rows are JSON lines of column values, so a backup of SQLite can be restored into PostgreSQL and the other way round. It
fits an installation with the same migrations only. Sessions are left out: after a restore everybody signs in again.
"""

from __future__ import annotations

import base64
import json
import os
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.color import no_style
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder

from analytics.index.files import index_remove

FORMAT = 1
LEFT_OUT = {"sessions.session"}
SIGNS_OF_USE = ("accounts.User", "groups.Group", "members.Member", "activity.Event")


class ArchiveError(Exception):
    """Why a backup cannot be made or restored, in one sentence."""


def back_up(target: Path, now: datetime) -> int:
    """Write the archive, readable by its owner only; how many rows it holds.

    It shows one moment, and nobody is kept from writing meanwhile. Raises `ArchiveError`.
    """
    rows = 0
    draft = target.with_name(f"{target.name}.partial")
    try:
        with (
            os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file,
            tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive,
            tempfile.TemporaryDirectory(dir=target.parent) as folder,
            _snapshot(),
        ):
            manifest = {"format": FORMAT, "made_at": now.isoformat(), "migrations": _migrations()}
            _add_text(archive, "manifest.json", json.dumps(manifest, indent=1))
            _add_text(archive, "secret-key", settings.SECRET_KEY)
            for model in _tables():
                part = Path(folder) / "rows"
                rows += _write_rows(model, part)
                archive.add(part, f"rows/{model._meta.label_lower}.jsonl", filter=_anonymous)
            if Path(settings.MEDIA_ROOT).is_dir():
                archive.add(settings.MEDIA_ROOT, "files", filter=_anonymous)
        draft.replace(target)
    except OSError as error:
        raise ArchiveError(f"Cannot write {target}: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return rows


def restore(source: Path, *, force: bool = False) -> int:
    """Put everything back as it was when the archive was made; how many rows that are.

    All or nothing for the database. Raises `ArchiveError` for a file that is no backup, for one of another version, and
    for an installation that is in use, unless `force` says to replace what it holds.
    """
    try:
        with tarfile.open(source, "r:gz") as archive:
            manifest = _manifest(archive)
            key = _read(archive, "secret-key").decode("utf-8")
            _check_fit(manifest, key, force=force)
            with transaction.atomic():
                rows = _replace_rows(archive)
            index_remove()
            _restore_files(archive)
    except (tarfile.TarError, EOFError, KeyError, ValueError, ValidationError) as error:
        raise ArchiveError(f"{source} is damaged or no backup: {error}") from error
    except OSError as error:
        raise ArchiveError(f"Cannot restore {source}: {error.strerror or error}") from error
    except DatabaseError as error:
        raise ArchiveError(f"The database refuses the rows of {source}: {error}") from error
    if not os.environ.get("SECRET_KEY"):
        _write_key(key)
    return rows


# --- What is there ---


def _tables() -> list[type[models.Model]]:
    """Every table that Django made, those of many-to-many fields too, each once."""
    found = apps.get_models(include_auto_created=True)
    return [
        model
        for model in found
        if model._meta.managed and not model._meta.proxy and model._meta.label_lower not in LEFT_OUT
    ]


def _columns(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    return [field for field in model._meta.local_concrete_fields if not field.generated]


def _migrations() -> list[list[str]]:
    return sorted([app, name] for app, name in MigrationRecorder(connection).applied_migrations())


@contextmanager
def _snapshot() -> Iterator[None]:
    """All reads inside see the same moment. On SQLite a plain BEGIN, which unlike Django's own takes no write lock."""
    if connection.vendor != "sqlite":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


# --- Writing ---


class _Encoder(DjangoJSONEncoder):
    def default(self, o: Any) -> Any:
        if isinstance(o, (bytes, memoryview)):
            return base64.b64encode(o).decode("ascii")
        if isinstance(o, datetime):
            return o.isoformat()  # Django's own drops microseconds
        return super().default(o)


def _write_rows(model: type[models.Model], path: Path) -> int:
    names = [field.attname for field in _columns(model)]
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(names) + "\n")
        for row in model._base_manager.order_by("pk").values_list(*names).iterator(chunk_size=2000):
            file.write(json.dumps(row, cls=_Encoder, ensure_ascii=False) + "\n")
            count += 1
    return count


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    entry, content = tarfile.TarInfo(name), text.encode()
    entry.size, entry.mode = len(content), 0o600
    archive.addfile(entry, BytesIO(content))


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Files and folders only, without the names of this machine's users."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry if entry.isfile() or entry.isdir() else None


# --- Reading ---


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file")
    return file.read()


def _manifest(archive: tarfile.TarFile) -> dict[str, Any]:
    manifest = json.loads(_read(archive, "manifest.json"))
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError("unknown format")
    return manifest


def _check_fit(manifest: dict[str, Any], key: str, *, force: bool) -> None:
    if manifest["migrations"] != _migrations():
        raise ArchiveError(
            f"The backup of {manifest['made_at']} has other tables than this version: restore it with the version that "
            "made it, then upgrade"
        )
    if os.environ.get("SECRET_KEY") and os.environ["SECRET_KEY"] != key:
        raise ArchiveError(
            "The backup was made under another SECRET_KEY, without which its stored secrets cannot be read: set "
            "SECRET_KEY to that one (the file secret-key in the archive), or unset it"
        )
    if not force and any(apps.get_model(label)._base_manager.exists() for label in SIGNS_OF_USE):
        raise ArchiveError("This installation is in use; --force replaces everything it holds")


def _replace_rows(archive: tarfile.TarFile) -> int:
    """Empty every table and fill it again. Foreign keys are checked when the transaction ends."""
    tables = _tables()
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            if model._meta.managed and not model._meta.proxy:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}")  # noqa: S608
    rows = sum(_load_rows(model, archive) for model in tables)
    statements = connection.ops.sequence_reset_sql(no_style(), tables)
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.check_constraints()
    return rows


def _load_rows(model: type[models.Model], archive: tarfile.TarFile) -> int:
    """Plain inserts: a model's save would set its own times."""
    file = archive.extractfile(f"rows/{model._meta.label_lower}.jsonl")
    if file is None:
        raise ValueError(f"no rows of {model._meta.label}")
    fields = _columns(model)
    count = 0
    with TextIOWrapper(file, encoding="utf-8") as lines:
        if json.loads(next(lines)) != [field.attname for field in fields]:
            raise ValueError(f"other columns in {model._meta.label}")
        for chunk in _chunks(map(json.loads, lines), max(1, 900 // len(fields))):
            _insert(model, fields, chunk)
            count += len(chunk)
    return count


def _chunks(rows: Iterable[list[Any]], size: int) -> Iterator[list[list[Any]]]:
    chunk: list[list[Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _insert(model: type[models.Model], fields: list[models.Field[Any, Any]], rows: list[list[Any]]) -> None:
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    places = ", ".join([f"({', '.join(['%s'] * len(fields))})"] * len(rows))
    values = [
        field.get_db_prep_save(None if value is None else field.to_python(value), connection)
        for row in rows
        for field, value in zip(fields, row, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES {places}", values)  # noqa: S608


def _restore_files(archive: tarfile.TarFile) -> None:
    root = Path(settings.MEDIA_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    for entry in archive.getmembers():
        if entry.isfile() and entry.name.startswith("files/"):
            entry.name = entry.name.removeprefix("files/")
            archive.extract(entry, root, filter="data")


def _write_key(key: str) -> None:
    path = Path(settings.DATA_DIR) / "secret-key"
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(key)
    draft.replace(path)
