"""Reads of posts and deliveries that more than one page or address needs."""

from __future__ import annotations

from accounts.models import User
from delivery.models import Delivery
from delivery.querysets import DeliveryQuerySet
from groups.models import Group


def deliveries_visible_to(user: User) -> DeliveryQuerySet:
    """Deliveries to groups that a person may see. The one door to deliveries for pages and API."""
    if user.branch_id is None:
        return Delivery.objects.all()
    return Delivery.objects.in_groups(Group.objects.visible_to(user).values("pk"))
