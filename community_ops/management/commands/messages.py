"""`manage.py messages`: keep the message catalogues in step with the sources."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from community_ops.lib import translations

FALLBACK = "community_ops"


class Command(BaseCommand):
    help = "Extract translatable strings into the catalogues of their apps; --check only says what is wrong."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("apps", nargs="*", metavar="APP", help="only these apps")
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 with a list of what is wrong")
        parser.add_argument("--compile", action="store_true", help="only write the .mo files")

    def handle(self, *args: Any, **options: Any) -> None:
        base = Path(settings.BASE_DIR)
        known = local_apps()
        only: list[str] = options["apps"]
        if unknown := sorted(set(only) - set(known)):
            raise CommandError(f"No such app: {', '.join(unknown)}. There are: {', '.join(known)}")
        try:
            if options["compile"]:
                written = translations.compile_catalogues(base, only or known)
                self.stdout.write(f"{len(written)} catalogues compiled")
            elif options["check"]:
                if problems := translations.check(base, known, FALLBACK, only):
                    raise CommandError("\n".join([*problems, f"{len(problems)} problems in the catalogues"]))
                self.stdout.write("The catalogues are complete")
            else:
                for path in translations.update(base, known, FALLBACK, only):
                    self.stdout.write(f"Updated {path.relative_to(base)}")
        except ValueError as error:
            raise CommandError(str(error)) from error


def local_apps() -> list[str]:
    """Labels of the apps that live beside `manage.py`, the fallback last."""
    base = Path(settings.BASE_DIR)
    names = [config.name for config in apps.get_app_configs() if Path(config.path).parent == base]
    return sorted(names, key=lambda name: (name == FALLBACK, name))
