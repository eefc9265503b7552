from __future__ import annotations

from django.apps import AppConfig


class MembersConfig(AppConfig):
    name = "members"

    def ready(self) -> None:
        from members import words
        from members.imports.importers import register
        from members.imports.messages import MessagesImporter

        register(MessagesImporter())
        words.register()
