"""`manage.py issue_token`: a key for another system, acting for a staff member."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.models import User
from accounts.scopes import Scope
from accounts.services import token_issue
from community_ops.lib.commands import ScriptCommand


class Command(ScriptCommand):
    help = "Issue an API token. It alone is printed, this once: it cannot be read again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            metavar="SCOPE",
            help=f"repeatable; one of {', '.join(Scope.values)}",
        )
        parser.add_argument("--name", default="", help="what the token is for, shown in the settings")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"No staff member is called {options['username']}.")
        _token, text = token_issue(by=None, user=user, scopes=options["scope"], name=options["name"])
        self.stdout.write(text)
