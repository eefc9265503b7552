from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from analytics.health.days import midnight
from analytics.health.services import health_walk


class Command(BaseCommand):
    help = "Counts every group by day and judges how it is, as beat does every night."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as-of", metavar="DATE", help="last day to judge, by default yesterday")

    def handle(self, *_args: Any, as_of: str | None, **_options: Any) -> None:
        now: datetime = timezone.now()
        day: date | None = None
        if as_of:
            try:
                day = date.fromisoformat(as_of)
            except ValueError as error:
                raise CommandError(f"{as_of} is no day; write it as 2026-03-01.") from error
            # What is to do is due then, not today.
            now = midnight(day + timedelta(days=1))
        self.stdout.write(f"{health_walk(now=now, day=day)} groups judged")
