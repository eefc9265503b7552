from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

if TYPE_CHECKING:
    from members.models import Member
    from members.points.models import Account, Transfer  # noqa: F401  named in the bases below


class AccountQuerySet(models.QuerySet["Account"]):
    def with_balance(self) -> Self:
        """`held`: what each account holds. Reads the account's own part of two indexes of transfers, and no row."""
        transfers = self.model._meta.get_field("transfers_in").related_model._default_manager.order_by()

        def total(side: str) -> Coalesce:
            sums = transfers.filter(**{side: OuterRef("pk")}).values(side).annotate(n=Sum("amount")).values("n")
            return Coalesce(Subquery(sums), 0)

        return self.annotate(held=total("credit") - total("debit"))


class TransferQuerySet(models.QuerySet["Transfer"]):
    def of(self, account: Account) -> Self:
        """What an account got and gave."""
        return self.filter(Q(credit=account) | Q(debit=account))

    def between(self, one: Member, other: Member) -> Self:
        """What each of the two gave the other."""
        return self.filter(debit__member__in=[one, other], credit__member__in=[one, other]).order_by("pk")

    def signed(self, account: Account) -> Self:
        """`change`: the points as this account saw them, below zero where it gave."""
        return self.annotate(change=models.Case(models.When(credit=account, then=F("amount")), default=-F("amount")))
