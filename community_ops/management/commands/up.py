"""`manage.py up`: run the whole installation on this machine."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from community_ops.embedded.supervisor import CannotStartError, Supervisor, never_block


class Command(BaseCommand):
    help = "Run broker, web server, worker and scheduler in the foreground; Ctrl-C or SIGTERM stops all of them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
        parser.add_argument("--concurrency", type=int, default=2, help="processes of the worker (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        never_block(sys.stdout)
        try:
            Supervisor(
                base_dir=Path(settings.BASE_DIR),
                data_dir=Path(settings.DATA_DIR),
                host=options["host"],
                port=options["port"],
                redis_url=os.environ.get("REDIS_URL", ""),
                concurrency=options["concurrency"],
            ).run(self.ready)
        except CannotStartError as error:
            raise CommandError(str(error)) from error

    def ready(self, url: str) -> None:
        """Say where it is and how to sign in; the demo's passwords are this machine's own."""
        self.stdout.write(f"Ready: {url}")
        try:
            found = json.loads((Path(settings.DATA_DIR) / "demo-sign-in.json").read_text("utf-8"))
        except (OSError, ValueError):
            found = []
        if found:
            self.stdout.write("Sign in as one of the demo staff:")
            for person in found:
                self.stdout.write(
                    f"  {person['username']:<12} {person['password']}   {person.get('role', '')}".rstrip()
                )
        else:
            self.stdout.write("Sign in as a member of staff; `python3 run.py manage createstaff NAME` makes one.")
        self.stdout.flush()
