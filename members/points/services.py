"""Every movement of points."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.audit import audit_record
from accounts.models import User
from members.models import Member
from members.points.ceilings import BY_HAND, ceiling_of, has_ceiling
from members.points.models import ISSUER, Account, Transfer


class NotEnoughPoints(Exception):
    """The account holds fewer points than were to be taken; `balance` is what it holds."""

    def __init__(self, balance: int) -> None:
        super().__init__(balance)
        self.balance = balance


class BeyondCeiling(Exception):
    """More points than this person may book by hand; `left` is how many they still may, now."""

    def __init__(self, left: int) -> None:
        super().__init__(left)
        self.left = left


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
    """How many points a member holds. One query."""
    account = Account.objects.with_balance().filter(member=member).first()
    return account.held if account else 0


def points_book(*, by: User, now: datetime, member: Member, points: int, reason: str, key: str) -> Transfer:
    """Gives points by hand, or takes them where `points` is below zero. Raises NotEnoughPoints, and BeyondCeiling (see
    PointsPolicy)."""
    key, amount = f"{BY_HAND}{key}", abs(points)
    with transaction.atomic():
        if has_ceiling(by):
            # Held, so that of two bookings at once the second counts the first.
            User.objects.select_for_update(no_key=True).get(pk=by.pk)
            left = ceiling_of(user=by, now=now).left
            # What was booked before under this key is asked for again, not booked again.
            if left is not None and amount > left and not Transfer.objects.filter(key=key).exists():
                raise BeyondCeiling(left)
        ends = (issuer(), account_of(member)) if points > 0 else (account_of(member), issuer())
        return points_transfer(key=key, debit=ends[0], credit=ends[1], amount=amount, reason=reason, by=by, now=now)


def points_transfer(
    *,
    key: str,
    debit: Account,
    credit: Account,
    amount: int,
    reason: str,
    by: User | None,
    now: datetime,
    covered: bool = False,
) -> Transfer:
    """Moves `amount` points, once for each `key`: asked again, the answer is the transfer that was made. The part of
    the key before its first colon says what kind of movement it is (see reasons.py).

    `covered` says that a row of the caller's own stands for these points, which nobody else can take (a share of an
    envelope): then the account is not held, so that many draw from it at once, and that row is the record in the place
    of an audit entry.

    Raises NotEnoughPoints when the account would fall below zero (only the issuer may), and ValueError when the key
    stands for another movement or the amount is not positive.
    """
    if amount <= 0 or debit.pk == credit.pk:
        raise ValueError("a transfer moves at least one point from one account to another")
    with transaction.atomic():
        if debit.code != ISSUER and not covered:
            # Whoever takes points holds the account first, so that two cannot both spend the last ones.
            Account.objects.select_for_update(no_key=True).get(pk=debit.pk)
        made = Transfer.objects.filter(key=key).first()
        if made is None:
            if debit.code != ISSUER and not covered and (balance := debit.balance) < amount:
                raise NotEnoughPoints(balance)
            made, is_new = _transfer_new(key, debit, credit, amount, reason, by, now)
            if is_new and not covered:
                after = {"from": debit.code, "to": credit.code, "points": amount, "reason": reason}
                audit_record(by=by, action="points.transferred", subject=made, after=after)
    if (made.debit_id, made.credit_id, made.amount) != (debit.pk, credit.pk, amount):
        raise ValueError(f"the key {key} stands for another transfer")
    return made


def _transfer_new(
    key: str, debit: Account, credit: Account, amount: int, reason: str, by: User | None, now: datetime
) -> tuple[Transfer, bool]:
    row = Transfer(key=key, debit=debit, credit=credit, amount=amount, reason=reason[:200], at=now, by=by)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        # Somebody moved them with this key at the same moment; anything else that is wrong is raised again.
        if found := Transfer.objects.filter(key=key).first():
            return found, False
        raise
    return row, True
