from __future__ import annotations

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        from analytics import receivers
        from analytics.digest import words as digest_words
        from analytics.health import merging, warnings, words
        from analytics.saved import words as saved_words

        warnings.kind_register()
        merging.kind_register()
        words.register()
        saved_words.register()
        digest_words.register()
        receivers.connect()
