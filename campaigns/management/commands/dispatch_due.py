from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from celery import current_app
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from kombu.exceptions import OperationalError

from campaigns.dispatching import dispatch_due
from community_ops.lib.commands import ScriptCommand


class Command(ScriptCommand):
    help = "Queues what is due: posts are planned ahead, missed times decided, lost work found. Beat does this itself."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--now", metavar="ISO", help="act as if it were this time, like 2026-03-01T09:00:00+08:00 (default: now)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = _instant(options["now"]) if options["now"] else timezone.now()
        try:
            with current_app.connection_for_write(connect_timeout=3) as connection:
                connection.ensure_connection(max_retries=1, timeout=3)
            done = dispatch_due(now=now)
        except OperationalError as error:
            raise CommandError("The broker cannot be reached. Start the services, or check REDIS_URL.") from error
        self.stdout.write(
            json.dumps({"queued": len(done.queued), "skipped": len(done.skipped), "waiting": len(done.waiting)})
        )


def _instant(text: str) -> datetime:
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--now takes a time like 2026-03-01T09:00:00+08:00, not {text!r}.") from error
    return given if given.tzinfo else timezone.make_aware(given)
