"""`manage.py createstaff`: a person of the staff, with branch and password, from the command line."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts.models import Branch, Role
from accounts.services import branch_create, password_generate, staff_create
from community_ops.lib.commands import ScriptCommand


class Command(ScriptCommand):
    help = "Create a staff member. Without --password-stdin a password is made and printed once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--branch", metavar="CODE", help="made when it does not exist; without it: headquarters")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from the first input line")

    def handle(self, *args: Any, **options: Any) -> None:
        username = options["username"]
        given: str | None = None
        if options["password_stdin"]:
            given = sys.stdin.readline().rstrip("\r\n")
            if not given:
                raise CommandError("No password came on standard input.")
        password = given or password_generate()
        with transaction.atomic():
            branch = self._branch(options["branch"])
            staff_create(by=None, username=username, password=password, role=options["role"], branch=branch)
        self.stdout.write(
            f"{username} may sign in" if given else f"{username} may sign in with the password {password}"
        )

    def _branch(self, code: str | None) -> Branch | None:
        if code is None:
            return None
        return Branch.objects.filter(code=code).first() or branch_create(by=None, code=code, name=code)
