"""`manage.py restore FILE`"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from community_ops.archive import ArchiveError, restore
from community_ops.embedded.supervisor import CannotStartError, hold_lock
from community_ops.lib.commands import ScriptCommand


class Command(ScriptCommand):
    help = (
        "Put back what `backup` wrote to FILE. Stop the installation first; it must be empty unless --force is given."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--force", action="store_true", help="replace everything this installation holds")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with hold_lock(Path(settings.DATA_DIR)):
                rows = restore(options["file"], force=options["force"])
        except (ArchiveError, CannotStartError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{rows:,} rows restored from {options['file']}")
