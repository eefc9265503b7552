from __future__ import annotations

from django.apps import AppConfig


class MembersConfig(AppConfig):
    name = "members"

    def ready(self) -> None:
        from members import words
        from members.conduct.kinds import register_kinds
        from members.imports.importers import register
        from members.imports.messages import MessagesImporter
        from members.seeds import words as seed_words
        from members.seeds.invitation import INVITATION
        from members.work import kinds, notes

        register(MessagesImporter())
        register_kinds()
        words.register()
        notes.register_kind()
        seed_words.register()
        kinds.register(INVITATION)
