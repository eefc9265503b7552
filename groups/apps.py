from __future__ import annotations

from django.apps import AppConfig


class GroupsConfig(AppConfig):
    name = "groups"

    def ready(self) -> None:
        from delivery import registry
        from groups import words
        from groups.bulk import for_groups
        from groups.bulk import words as bulk_words
        from groups.channel import refuse_closed_groups
        from groups.rules import history as rule_history

        registry.guard(refuse_closed_groups)
        words.register()
        rule_history.register()
        for_groups.register()
        bulk_words.register()
