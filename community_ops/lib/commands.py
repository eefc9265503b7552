"""Management commands that scripts can rely on: 0 when it worked, else one line on stderr and 1."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from community_ops.lib.way_in import coming_by


class ScriptCommand(BaseCommand):
    """A command whose arguments are refused like everything else: in one line, with exit code 1.

    Where a ValidationError leaves `handle`, its sentences become that line.
    """

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        if parser.called_from_command_line:
            parser.error = self._refuse  # type: ignore[method-assign]
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            with coming_by(f"command:{type(self).__module__.rpartition('.')[2]}"):
                return super().execute(*args, **options)
        except ValidationError as error:
            raise CommandError(one_line(error)) from error

    def _refuse(self, message: str) -> NoReturn:
        self.stderr.write(f"Error: {message} (--help shows the arguments)")
        sys.exit(1)


def one_line(error: ValidationError) -> str:
    """What is wrong, with the names of the fields where it is known."""
    if hasattr(error, "error_dict"):
        return " ".join(
            f"{field}: {' '.join(messages)}" if field != "__all__" else " ".join(messages)
            for field, messages in error.message_dict.items()
        )
    return " ".join(error.messages)
