from __future__ import annotations

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        from campaigns import receivers, words
        from campaigns.orders.importer import OrdersImporter
        from members.imports.importers import register
        from members.privacy.treatments import Fate, Treatment, treat

        receivers.connect()
        register(OrdersImporter())
        words.register()
        treat("campaigns.order", Treatment(Fate.STAYS, blank={"order_id": ""}))
