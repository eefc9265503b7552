"""Every movement of points."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.audit import audit_record
from accounts.models import User
from members.models import Member
from members.points.models import ISSUER, Account, Transfer


class NotEnoughPoints(Exception):
    """The account holds fewer points than were to be taken; `balance` is what it holds."""

    def __init__(self, balance: int) -> None:
        super().__init__(balance)
        self.balance = balance


def issuer() -> Account:
    """The account that points come from."""
    return Account.objects.get_or_create(code=ISSUER)[0]


def purpose(code: str) -> Account:
    """The account of a purpose ("prizes", "envelope:3"), made when it is asked for first."""
    return Account.objects.get_or_create(code=code)[0]


def account_of(member: Member) -> Account:
    """A member's account, made when it is asked for first."""
    return Account.objects.get_or_create(member=member, defaults={"code": f"member:{member.pk}"})[0]


def points_of(member: Member) -> int:
    """How many points a member holds. At most two queries."""
    account = Account.objects.filter(member=member).first()
    return account.balance if account else 0


def points_transfer(
    *, key: str, debit: Account, credit: Account, amount: int, reason: str, by: User | None, now: datetime
) -> Transfer:
    """Moves `amount` points, once for each `key`: asked again, the answer is the transfer that was made.

    Raises NotEnoughPoints when the account would fall below zero (only the issuer may), and ValueError when the key
    stands for another movement or the amount is not positive.
    """
    if amount <= 0 or debit.pk == credit.pk:
        raise ValueError("a transfer moves at least one point from one account to another")
    with transaction.atomic():
        # Whoever takes points holds the account first, so that two cannot both spend the last ones.
        locked = Account.objects.select_for_update(no_key=True).get(pk=debit.pk)
        made = Transfer.objects.filter(key=key).first()
        if made is None and locked.code != ISSUER and (balance := locked.balance) < amount:
            raise NotEnoughPoints(balance)
        if made is None:
            made, is_new = Transfer.objects.get_or_create(
                key=key,
                defaults={
                    "debit": debit,
                    "credit": credit,
                    "amount": amount,
                    "reason": reason,
                    "at": now,
                    "by": by,
                },
            )
            if is_new:
                after = {"from": debit.code, "to": credit.code, "points": amount, "reason": reason}
                audit_record(by=by, action="points.transferred", subject=made, after=after)
    if (made.debit_id, made.credit_id, made.amount) != (debit.pk, credit.pk, amount):
        raise ValueError(f"the key {key} stands for another transfer")
    return made
