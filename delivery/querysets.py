from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from delivery.models import Delivery, FeedItem  # noqa: F401  named in the bases below


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Filter words of deliveries. Whose group a person may see is for the apps above to say: see `in_groups`."""

    def in_groups(self, groups: Iterable[int] | models.QuerySet[Any]) -> Self:
        """Deliveries to these groups, given by id or as a query of ids."""
        return self.filter(group_id__in=groups)

    def planned(self) -> Self:
        return self.filter(state="planned")

    def open(self) -> Self:
        """Deliveries that may still be sent."""
        return self.filter(Q(state__in=OPEN) | Q(state="failed", retry_at__isnull=False))

    def due(self, now: datetime) -> Self:
        """Planned deliveries whose time has come; those that wait for their turn, once it comes."""
        return self.filter(Q(retry_at=None) | Q(retry_at__lte=now), state="planned", due_at__lte=now)

    def missed(self, now: datetime) -> Self:
        """Planned deliveries whose time, with what lateness they may have, has passed. What was on time and waits for
        its turn is not late while the queue moves."""
        return self.filter(
            Q(retry_at=None) | Q(due_at__lt=now - LONGEST_QUEUE), state="planned", due_at__lte=now, late_until__lt=now
        )

    def to_retry(self, now: datetime) -> Self:
        return self.filter(state="failed", retry_at__lte=now)

    def need_a_person(self) -> Self:
        """Deliveries that go on only when a person decides."""
        return self.filter(Q(state__in=["waiting_for_owner", "unknown"]) | Q(state="failed", retry_at__isnull=True))


# How long a delivery may wait for its turn before the policy for missed times decides about it.
LONGEST_QUEUE = timedelta(minutes=30)
OPEN = ("planned", "queued", "sending", "waiting_for_owner", "unknown")


class FeedItemQuerySet(models.QuerySet["FeedItem"]):
    def of_group(self, group_id: int) -> Self:
        """What a group's member page shows, newest first."""
        return self.filter(group_id=group_id).select_related("message__picture").order_by("-published_at", "-id")
