from __future__ import annotations

from members.imports.command import ImportCommand


class Command(ImportCommand):
    help = "Imports messages and other events of members. Members and groups that do not exist are made."
    importer = "messages"
