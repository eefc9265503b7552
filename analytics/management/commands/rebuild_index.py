from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandError
from django.db import OperationalError
from django.utils import timezone

from analytics.index.building import index_build
from analytics.index.files import IndexBusy, IndexDiskFull
from community_ops.lib.commands import ScriptCommand


class Command(ScriptCommand):
    help = "Builds the index that reports over the whole community read, from the events in the database."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            manifest = index_build(now=timezone.now(), progress=self._progress)
        except IndexBusy as error:
            raise CommandError("The index is being built already. Wait until that is done.") from error
        except IndexDiskFull as error:
            raise CommandError("There is no room on the disk for a new index. The old one stays in use.") from error
        except OperationalError as error:
            raise CommandError("Somebody keeps writing events. Try again when their import is done.") from error
        self.stdout.write(f"{manifest.events} events in {manifest.parts} parts")

    def _progress(self, done: int, total: int) -> None:
        sys.stderr.write(f"{done} of {total} events\n")
