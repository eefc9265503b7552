from __future__ import annotations

from members.imports.command import ImportCommand


class Command(ImportCommand):
    help = "Imports pieces of content and questions. A row that is there already is left alone."
    importer = "pieces"
