from __future__ import annotations

from django.apps import AppConfig


class CommunityOpsConfig(AppConfig):
    name = "community_ops"

    def ready(self) -> None:
        from community_ops.health import prepare

        prepare()
