"""The command line's door to the importers."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from community_ops.lib.commands import ScriptCommand
from community_ops.lib.zones import zone_named
from members.imports.importers import MappingError, guess_mapping, importer_named
from members.imports.runner import Progress, RejectedRows, run_import
from members.imports.tables import Row, UnreadableFileError, open_table

REASONS_SHOWN = 5


class ImportCommand(ScriptCommand):
    """A command that takes one file in. What a subclass adds is the importer's name and help."""

    importer = ""

    def add_arguments(self, parser: CommandParser) -> None:
        fields = ", ".join(
            field.name if field.required else f"[{field.name}]" for field in importer_named(self.importer).fields
        )
        parser.add_argument("file", metavar="FILE", help="CSV, .csv.gz or XLSX; - reads from the standard input")
        parser.add_argument(
            "--map", action="append", default=[], metavar="FIELD=COLUMN", help=f"which column is which: {fields}"
        )
        parser.add_argument("--dry-run", action="store_true", help="write nothing, say what would be imported")
        parser.add_argument(
            "--timezone",
            default=settings.TIME_ZONE,
            metavar="ZONE",
            help="of times without an offset (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        zone = zone_named(options["timezone"])
        with ExitStack() as stack:
            is_stream = options["file"] == "-"
            path = self._spooled(stack) if is_stream else Path(options["file"])
            try:
                self._import(path, Path("stdin") if is_stream else path, zone, options)
            except UnreadableFileError as error:
                raise CommandError(str(error)) from error
            except MappingError as error:
                hint = f" (--map {error.field}=COLUMN)" if error.field else ""
                raise CommandError(f"{error}{hint}") from error

    def _import(self, path: Path, named: Path, zone: ZoneInfo, options: dict[str, Any]) -> None:
        importer = importer_named(self.importer)
        table = open_table(path)
        progress = Progress()
        shown = 0
        last_line = time.monotonic()
        try:
            mapping = {**guess_mapping(importer, table.header), **self._asked(options["map"])}
            rows = None
            if not options["dry_run"]:
                rows = RejectedRows(named.with_name(f"{named.name}.rejected.csv"), table.header)

            def rejected(batch: Sequence[tuple[Row, str]]) -> None:
                nonlocal rows, shown
                for row, reason in batch[: REASONS_SHOWN - shown]:
                    shown += 1
                    self.stderr.write(f"line {row.line}: {reason}")
                if rows is not None:
                    try:
                        rows.add(batch)
                    except OSError as error:
                        self.stderr.write(
                            f"{rows.path} cannot be written: {error.strerror}. Rejected rows are counted."
                        )
                        rows = None

            def saved(progress: Progress) -> None:
                nonlocal last_line
                if time.monotonic() - last_line >= 1:
                    last_line = time.monotonic()
                    share = 100 * progress.position // max(table.size, 1)
                    self.stderr.write(f"{progress.read:,} rows read, {share}%")

            run_import(
                table=table,
                importer=importer,
                mapping=mapping,
                zone=zone,
                by=None,
                progress=progress,
                rejected=rejected,
                saved=saved,
                dry_run=options["dry_run"],
            )
        finally:
            table.close()
        if rows is not None and progress.rejected:
            self.stderr.write(f"{progress.rejected:,} rejected rows are in {rows.path}")
        result: dict[str, Any] = {
            "read": progress.read,
            "imported": progress.imported,
            "duplicates": progress.duplicates,
            "rejected": progress.rejected,
        }
        if options["dry_run"]:
            result["dry_run"] = True
        self.stdout.write(json.dumps(result))

    @staticmethod
    def _asked(pairs: Sequence[str]) -> dict[str, str]:
        asked: dict[str, str] = {}
        for pair in pairs:
            name, equals, column = pair.partition("=")
            if not equals or not name.strip():
                raise CommandError(f'--map wants FIELD=COLUMN, not "{pair}".')
            asked[name.strip()] = column.strip()
        return asked

    @staticmethod
    def _spooled(stack: ExitStack) -> Path:
        """The standard input as a file: it is looked through before it is read."""
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = folder / "stdin"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        return path
