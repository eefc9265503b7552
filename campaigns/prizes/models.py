"""Prizes, and who was awarded one."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from campaigns.prizes.querysets import AwardQuerySet, PrizeQuerySet
from community_ops.lib.sealed import SealedTextField
from delivery.models import Picture
from groups.models import Group
from members.models import Member


class Prize(models.Model):
    """Something that members can get: a book, a signed copy, a seat.

    `stock` is how many there ever were (empty: as many as are wanted), `awarded` how many of them somebody got. With a
    `points_price` members may buy it while it `is_open`. A closed prize is still awarded to those it was promised to.
    """

    title = models.CharField(_("title"), max_length=100)
    text = models.TextField(_("description"), max_length=1000, blank=True)
    picture = models.ForeignKey(Picture, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    branch = models.ForeignKey(
        Branch, verbose_name=_("branch"), null=True, blank=True, on_delete=models.PROTECT, related_name="prizes"
    )
    stock = models.PositiveIntegerField(_("stock"), null=True, blank=True)
    awarded = models.PositiveIntegerField(_("awarded"), default=0)
    needs_address = models.BooleanField(_("is sent by mail"), default=False)
    points_price = models.PositiveIntegerField(_("price in points"), null=True, blank=True)
    is_open = models.BooleanField(_("on offer"), default=True)
    created_at = models.DateTimeField(_("created"))
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    version = models.PositiveIntegerField(default=1, help_text="grows with each change, so that two editors notice")

    objects = PrizeQuerySet.as_manager()

    class Meta:
        ordering = ["title", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(stock=None) | Q(awarded__lte=F("stock")), name="campaigns_prize_within_stock"
            ),
            models.CheckConstraint(
                condition=Q(points_price=None) | Q(points_price__gt=0), name="campaigns_prize_price_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def left(self) -> int | None:
        """How many can still be awarded; None when there is no limit."""
        return None if self.stock is None else self.stock - self.awarded


class AwardState(models.TextChoices):
    ADDRESS_MISSING = "address_missing", pgettext_lazy("award", "Address missing")
    TO_SEND = "to_send", pgettext_lazy("award", "To send")
    SENT = "sent", pgettext_lazy("award", "Sent")
    RECEIVED = "received", pgettext_lazy("award", "Received")
    CANCELLED = "cancelled", pgettext_lazy("award", "Cancelled")


class Award(models.Model):
    """A prize that a member got. `key` says what for, once and for all; `reason` says it to people.

    The address is the member's to enter and to change until it is sent; it is emptied some time after that
    (see retention.py). `points` is what the member paid, 0 for a prize that was given.
    """

    prize = models.ForeignKey(Prize, on_delete=models.PROTECT, related_name="awards")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="awards")
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    key = models.CharField(max_length=120, unique=True)
    reason = models.CharField(_("reason"), max_length=200)
    points = models.PositiveIntegerField(_("points paid"), default=0)
    state = models.CharField(_("state"), max_length=16, choices=AwardState)
    recipient = SealedTextField(_("recipient"), blank=True)
    phone = SealedTextField(_("phone"), blank=True)
    address = SealedTextField(_("address"), blank=True)
    tracking = models.CharField(_("tracking"), max_length=200, blank=True)
    awarded_at = models.DateTimeField(_("awarded"))
    address_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(pgettext_lazy("award", "sent"), null=True, blank=True)
    received_at = models.DateTimeField(_("received"), null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    objects = AwardQuerySet.as_manager()

    class Meta:
        ordering = ["-awarded_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=AwardState.values), name="campaigns_award_state_known"),
        ]
        indexes = [models.Index(fields=["state", "awarded_at"], name="campaigns_award_state")]

    def __str__(self) -> str:
        return str(self.prize)
