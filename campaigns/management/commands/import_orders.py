from __future__ import annotations

from members.imports.command import ImportCommand


class Command(ImportCommand):
    help = "Imports orders. Each is also an event of its member, who is made when they do not exist."
    importer = "orders"
