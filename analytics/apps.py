from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from accounts.models import User


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        from analytics import receivers
        from analytics.digest import words as digest_words
        from analytics.health import merging, warnings, words
        from analytics.saved import words as saved_words
        from members.acquisition import offered

        warnings.kind_register()
        merging.kind_register()
        words.register()
        saved_words.register()
        digest_words.register()
        receivers.connect()
        offered.heard_register(_channels_heard)


def _channels_heard(user: User) -> Collection[int]:
    # The compiler of the reports is loaded with it, which no worker needs that only sends.
    from analytics.channels.heard import channels_heard

    return channels_heard(user)
