"""What members bought."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models import Member


class Order(models.Model):
    """An order as another system reported it. Each one is also an `ordered` event with its amount as the value.

    `group_id` is the group of that event, where it has one; events are many and keep no order of their keys.
    """

    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="orders")
    ordered_at = models.DateTimeField(_("ordered"))
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    order_id = models.CharField(_("order number"), max_length=120, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"), null=True, blank=True)
    product = models.CharField(_("product"), max_length=200, blank=True)
    key = models.UUIDField(unique=True, help_text="the same as the key of its event")
    group_id = models.BigIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["member", "-ordered_at"], name="campaigns_order_member"),
            # Whatever reports add up over a range of days, to be read without the rows.
            models.Index(
                fields=["ordered_at", "member", "currency", "amount", "group_id"], name="campaigns_order_sums"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="campaigns_order_amount_not_negative"),
        ]

    def __str__(self) -> str:
        return self.order_id or str(self.pk)
