"""Accounts of points, and what was moved between them. Nothing is ever changed: a correction is a transfer back."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from members.points.querysets import AccountQuerySet, TransferQuerySet

# The account that points come from and go back to. It alone may be below zero: minus all points that are out.
ISSUER = "issuer"


class Account(models.Model):
    """Somebody or something that holds points: a member, or a purpose by its `code` ("issuer", "envelope:3").

    What an account holds is always the sum of its transfers; there is no figure that could differ from it.
    """

    code = models.CharField(max_length=60, unique=True)
    member = models.OneToOneField(
        "members.Member", null=True, blank=True, on_delete=models.CASCADE, related_name="points_account"
    )

    objects = AccountQuerySet.as_manager()

    held: int  # by with_balance()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(code=ISSUER) | Q(member=None), name="members_account_issuer_is_nobody")
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def balance(self) -> int:
        """Points held. One query."""
        return type(self).objects.with_balance().get(pk=self.pk).held


class Transfer(models.Model):
    """`amount` points moved from the account `debit` to the account `credit`. `key` says what for, once and for all."""

    key = models.CharField(max_length=120, unique=True)
    # The indexes below begin with these.
    debit = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="transfers_out", db_index=False)
    credit = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="transfers_in", db_index=False)
    amount = models.PositiveIntegerField(_("points"))
    reason = models.CharField(_("reason"), max_length=200)
    at = models.DateTimeField()
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = TransferQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="members_transfer_amount_positive"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="members_transfer_between_two"),
        ]
        # Each answers the sum of an account and its newest entries alone.
        indexes = [
            models.Index(fields=["debit", "at", "amount"], name="members_transfer_out"),
            models.Index(fields=["credit", "at", "amount"], name="members_transfer_in"),
        ]

    def __str__(self) -> str:
        return self.key
