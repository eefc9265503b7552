from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils import timezone


class MembersConfig(AppConfig):
    name = "members"

    def ready(self) -> None:
        post_migrate.connect(_publish_first_text, sender=self)
        from members import knowledge, words
        from members.acquisition import words as acquisition_words
        from members.acquisition.importer import SpendImporter
        from members.classes import kinds as class_kinds
        from members.classes import words as class_words
        from members.cleanup import kinds as cleanup_kinds
        from members.cleanup import words as cleanup_words
        from members.conduct import history as conduct_words
        from members.conduct.kinds import register_kinds
        from members.conduct.views.member import rules_tile
        from members.consent import words as consent_words
        from members.entry import kinds as entry_kinds
        from members.entry import words as entry_words
        from members.feedback import words as feedback_words
        from members.feedback.tile import tile as feedback_tile
        from members.imports.importers import register
        from members.imports.messages import MessagesImporter
        from members.points.reasons import register_reasons
        from members.points.tiles import points_tile
        from members.questions import kinds as question_kinds
        from members.questions import tile as question_tile
        from members.questions import words as question_words
        from members.seeds import words as seed_words
        from members.seeds.invitation import INVITATION
        from members.visitors import words as visitor_words
        from members.visitors.tiles import data_tile, register_tile
        from members.work import kinds, notes

        register(MessagesImporter())
        register(SpendImporter())
        acquisition_words.register()
        register_kinds()
        conduct_words.register()
        register_tile("rules", 80, rules_tile)
        register_tile("data", 90, data_tile)
        consent_words.register()
        visitor_words.register()
        words.register()
        class_kinds.register_kinds()
        class_words.register()
        notes.register_kind()
        seed_words.register()
        kinds.register(INVITATION)
        entry_kinds.register_kinds()
        entry_words.register()
        cleanup_kinds.register_kinds()
        cleanup_words.register()
        question_kinds.register_kinds()
        question_words.register()
        question_tile.register()
        register_reasons()
        register_tile("points", 60, points_tile)
        knowledge.register()
        feedback_words.register()
        register_tile("feedback", 70, feedback_tile)


def _publish_first_text(*, using: str, **_more: Any) -> None:
    from members.consent.models import ConsentText
    from members.consent.services import first_text_ensure

    # After a part of the migrations, or back before the first one, there is no table yet.
    if ConsentText._meta.db_table in connections[using].introspection.table_names():
        first_text_ensure(now=timezone.now())
