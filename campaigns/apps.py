from __future__ import annotations

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        from campaigns import receivers, words
        from campaigns.orders.importer import OrdersImporter
        from members.imports.importers import register

        receivers.connect()
        register(OrdersImporter())
        words.register()
