"""The group's own member page: a message is there as soon as its feed item is written."""

from __future__ import annotations

from delivery.adapters.base import Outgoing
from delivery.models import FeedItem


class InApp:
    idempotent = True

    def send(self, outgoing: Outgoing) -> None:
        FeedItem.objects.get_or_create(
            delivery_id=outgoing.delivery_id,
            defaults={
                "group_id": outgoing.group_id,
                "message_id": outgoing.message_id,
                "published_at": outgoing.now,
            },
        )
