"""`manage.py backup FILE`"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from community_ops.archive import ArchiveError, back_up
from community_ops.lib.commands import ScriptCommand


class Command(ScriptCommand):
    help = (
        "Write rows, uploaded files and secret key to FILE, a .tar.gz; the installation may keep running. "
        "Guard the file: who has it can read everything."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rows = back_up(options["file"], timezone.now())
        except ArchiveError as error:
            raise CommandError(str(error)) from error
        size = options["file"].stat().st_size / 1_000_000
        self.stdout.write(f"{rows:,} rows, {size:,.1f} MB in {options['file']}")
