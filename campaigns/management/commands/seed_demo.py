"""`manage.py seed_demo`: fill an empty installation with a community to look at."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from campaigns.demo.seed import NotEmptyError, demo_seed
from community_ops.lib.commands import ScriptCommand


class Command(ScriptCommand):
    help = "Fill an empty installation with a demo brand: branches, groups, members and 120 days of events up to now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--members", type=int, default=6000, help="how many people (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        members: int = options["members"]
        if not 100 <= members <= 100_000:
            raise CommandError("--members must lie between 100 and 100000.")
        try:
            seeded = demo_seed(now=timezone.now(), members=members)
        except NotEmptyError as error:
            raise CommandError(
                "This installation already holds groups or staff. The demo is for an empty one: set DATA_DIR or "
                "DATABASE_URL to another place."
            ) from error
        if seeded is None:
            self.stdout.write("The demo community is already there; nothing was changed.")
            return
        self.stdout.write(
            f"{seeded.groups} groups, {seeded.members:,} members, {seeded.events:,} events, {seeded.orders:,} orders, "
            f"{seeded.posts} posts."
        )
        self.stdout.write("Staff (also in demo-sign-in.json of DATA_DIR):")
        for person in seeded.staff:
            self.stdout.write(f"  {person.username:<5} {person.password}  {person.role} {person.branch}".rstrip())
