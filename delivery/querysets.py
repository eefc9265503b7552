from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from delivery.models import Delivery  # noqa: F401  named in the base below


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Filter words of deliveries."""
