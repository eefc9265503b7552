"""What was spent on a channel, and when."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from activity.models import Channel
from members.acquisition.querysets import ChannelSpendQuerySet


class ChannelSpend(models.Model):
    """An amount that was spent on a channel, evenly over the days from `first_day` to `last_day`, both included.

    Without a branch it is the whole brand's. `key` is set where it came from a file, so that the same row of the same
    file is the same spend. One that was removed stays, so that it can be brought back.
    """

    channel = models.ForeignKey(Channel, verbose_name=_("channel"), on_delete=models.PROTECT, related_name="spends")
    branch = models.ForeignKey(
        Branch, verbose_name=_("branch"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    note = models.CharField(pgettext_lazy("spend", "note"), max_length=200, blank=True)
    key = models.UUIDField(null=True, blank=True, unique=True, editable=False)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1, help_text="grows with each change, so that two editors notice")

    objects = ChannelSpendQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["last_day", "first_day"], name="members_channelspend_days")]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="members_channelspend_amount_positive"),
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")), name="members_channelspend_days_in_order"
            ),
            models.CheckConstraint(
                condition=Q(currency__gte="AAA", currency__lte="ZZZ"), name="members_channelspend_currency"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.first_day:%Y-%m-%d}"

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1
