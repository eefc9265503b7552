"""Every change of a prize, and every award."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from accounts.audit import audit_record, changed_fields
from accounts.models import Branch, User
from campaigns.prizes.models import Award, AwardState, Prize
from delivery.models import Picture
from groups.models import Group
from members.models import Member
from members.points.services import account_of, points_transfer, purpose

# What members paid for prizes.
SPENT = "prizes"
# What was sent and never said to have arrived counts as received after so long.
UNHEARD = timedelta(days=60)


class OutOfStock(Exception):
    """Nothing is left of this prize."""


class NotOffered(Exception):
    """The prize cannot be had for points, or not at the price that was shown."""


class StalePrize(Exception):
    """Somebody else changed it since the page was opened."""


def prize_create(
    *,
    by: User | None,
    now: datetime,
    title: str,
    text: str = "",
    picture: Picture | None = None,
    branch: Branch | None = None,
    stock: int | None = None,
    needs_address: bool = False,
    points_price: int | None = None,
    is_open: bool = True,
) -> Prize:
    with transaction.atomic():
        prize = Prize.objects.create(
            title=title,
            text=text,
            picture=picture,
            branch=branch,
            stock=stock,
            needs_address=needs_address,
            points_price=points_price,
            is_open=is_open,
            created_at=now,
            created_by=by,
        )
        after = {"title": title, "stock": stock, "points_price": points_price, "is_open": is_open}
        audit_record(by=by, action="prize.created", subject=prize, after=after)
    return prize


def prize_update(*, by: User, prize: Prize, changes: dict[str, Any], version: int) -> Prize:
    """Changes what a prize is; its stock has stock_set and stock_add. Raises StalePrize for who saw an older one."""
    before, after = changed_fields(prize, changes)
    with transaction.atomic():
        ours = Prize.objects.filter(pk=prize.pk, version=version)
        if not ours.update(**changes, version=version + 1):
            raise StalePrize
        audit_record(by=by, action="prize.updated", subject=prize, before=before, after=after)
    prize.refresh_from_db()
    return prize


def stock_set(*, by: User, prize: Prize, left: int | None, reason: str = "") -> Prize:
    """Says how many are left, as after counting; None: as many as are wanted."""
    return _stock_change(by, prize, None if left is None else F("awarded") + left, reason)


def stock_add(*, by: User, prize: Prize, number: int, reason: str = "") -> Prize:
    """Adds to the stock, or with a negative number takes from it. Raises OutOfStock when fewer are left than that."""
    return _stock_change(by, prize, F("stock") + number, reason, adding=number)


def _stock_change(by: User, prize: Prize, stock: Any, reason: str, *, adding: int | None = None) -> Prize:
    with transaction.atomic():
        locked = Prize.objects.select_for_update(no_key=True).get(pk=prize.pk)
        before = locked.left
        if adding is not None and (before is None or before + adding < 0):
            raise OutOfStock
        Prize.objects.filter(pk=prize.pk).update(stock=stock)
        prize.refresh_from_db()
        after = {"left": prize.left, "reason": reason}
        audit_record(by=by, action="prize.stock_changed", subject=prize, before={"left": before}, after=after)
    return prize


def prize_award(
    *, prize: Prize, member: Member, group: Group | None, key: str, reason: str, now: datetime, points: int = 0
) -> Award:
    """Awards a prize, once for each `key`: asked again, the answer is the award that was made.

    Raises OutOfStock when nothing is left, and ValueError when the key stands for another award.
    """
    with transaction.atomic():
        made = Award.objects.filter(key=key).first()
        if made is None:
            made = _award_new(prize, member, group, key, reason, now, points)
    if (made.prize_id, made.member_id) != (prize.pk, member.pk):
        raise ValueError(f"the key {key} stands for another award")
    return made


def _award_new(
    prize: Prize, member: Member, group: Group | None, key: str, reason: str, now: datetime, points: int
) -> Award:
    # Asking and taking are one statement, so however many ask at once, no more are awarded than there are.
    taken = Prize.objects.in_stock().filter(pk=prize.pk).update(awarded=F("awarded") + 1)
    if not taken:
        # Whoever asked with this key at the same moment may have got the last one.
        if found := Award.objects.filter(key=key).first():
            return found
        raise OutOfStock
    award, is_new = Award.objects.get_or_create(
        key=key,
        defaults={
            "prize": prize,
            "member": member,
            "group": group,
            "reason": reason[:200],
            "points": points,
            "state": AwardState.ADDRESS_MISSING if prize.needs_address else AwardState.TO_SEND,
            "awarded_at": now,
        },
    )
    if is_new:
        audit_record(by=None, action="award.made", subject=award, after={"reason": reason})
    else:
        Prize.objects.filter(pk=prize.pk).update(awarded=F("awarded") - 1)
    return award


def prize_buy(
    *, prize: Prize, member: Member, group: Group | None, key: str, price: int, reason: str, now: datetime
) -> Award:
    """A member takes a prize for points: the piece and the points go together or not at all, once for each `key`.

    `price` is what the member was shown. Raises NotOffered, OutOfStock, and NotEnoughPoints as points_transfer does.
    """
    with transaction.atomic():
        made = Award.objects.filter(key=key, member=member).first()
        if made is not None:
            return made
        # Held, so that the price cannot change between the look and the payment.
        offered = Prize.objects.select_for_update(no_key=True).filter(pk=prize.pk).first()
        if offered is None or not offered.is_open or offered.points_price != price:
            raise NotOffered
        award = prize_award(prize=offered, member=member, group=group, key=key, reason=reason, now=now, points=price)
        points_transfer(
            key=f"award:{award.pk}",
            debit=account_of(member),
            credit=purpose(SPENT),
            amount=price,
            reason=offered.title,
            by=None,
            now=now,
        )
    return award


def award_address_set(
    *, now: datetime, award: Award, recipient: str, phone: str, address: str, by: User | None = None
) -> bool:
    """Writes down where to send it, until it is sent. False when it is, or was cancelled."""
    with transaction.atomic():
        open_ones = Award.objects.filter(pk=award.pk, state__in=(AwardState.ADDRESS_MISSING, AwardState.TO_SEND))
        done = open_ones.update(
            recipient=recipient, phone=phone, address=address, address_at=now, state=AwardState.TO_SEND
        )
        if done:
            # That it was entered, never what: the audit trail outlives the address.
            audit_record(by=by, action="award.address_entered", subject=award)
    return bool(done)


def awards_mark_sent(*, by: User, now: datetime, awards: Iterable[Award], tracking: str = "") -> int:
    """Marks awards as sent; those that are not waiting to be sent (any more) stay as they are. Returns how many."""
    count = 0
    with transaction.atomic():
        for award in sorted(awards, key=lambda award: award.pk):
            ready = Award.objects.filter(pk=award.pk, state=AwardState.TO_SEND)
            if ready.update(state=AwardState.SENT, sent_at=now, tracking=tracking):
                audit_record(by=by, action="award.sent", subject=award, after={"tracking": tracking})
                count += 1
    return count


def award_unsend(*, by: User, award: Award) -> bool:
    """Takes awards_mark_sent back."""
    with transaction.atomic():
        sent = Award.objects.filter(pk=award.pk, state=AwardState.SENT)
        done = bool(sent.update(state=AwardState.TO_SEND, sent_at=None, tracking=""))
        if done:
            audit_record(by=by, action="award.unsent", subject=award)
    return done


def award_receive(*, now: datetime, award: Award, by: User | None = None) -> bool:
    """Notes that it arrived; the member says so, or staff do."""
    with transaction.atomic():
        done = bool(
            Award.objects.filter(pk=award.pk, state=AwardState.SENT).update(state=AwardState.RECEIVED, received_at=now)
        )
        if done:
            audit_record(by=by, action="award.received", subject=award)
    return done


def award_cancel(*, by: User, now: datetime, award: Award, reason: str) -> bool:
    """Takes an award back that was not sent: the piece returns to the stock and the points to the member, once."""
    with transaction.atomic():
        open_ones = Award.objects.filter(pk=award.pk, state__in=(AwardState.ADDRESS_MISSING, AwardState.TO_SEND))
        if not open_ones.update(
            state=AwardState.CANCELLED, cancelled_at=now, recipient="", phone="", address="", address_at=None
        ):
            return False
        Prize.objects.filter(pk=award.prize_id).update(awarded=F("awarded") - 1)
        if award.points:
            points_transfer(
                key=f"award:{award.pk}:back",
                debit=purpose(SPENT),
                credit=account_of(award.member),
                amount=award.points,
                reason=award.prize.title,
                by=by,
                now=now,
            )
        audit_record(by=by, action="award.cancelled", subject=award, after={"reason": reason})
    return True


def addresses_exported(*, by: User, awards: Sequence[Award]) -> None:
    """Writes down that somebody took the addresses of these awards as a file: at each, for whoever asks about one."""
    with transaction.atomic():
        for award in awards:
            audit_record(by=by, action="award.address_exported", subject=award)


def addresses_forget(*, before: datetime) -> int:
    """Empties the addresses of what was received before an instant, or was sent so long before that nobody will say so
    any more. Returns how many."""
    done = addresses_old(before=before).update(recipient="", phone="", address="", tracking="")
    return int(done)


def addresses_old(*, before: datetime) -> QuerySet[Award]:
    """Awards whose address is of no more use."""
    over = Q(received_at__lt=before) | Q(state=AwardState.SENT, sent_at__lt=before - UNHEARD)
    return Award.objects.filter(over).exclude(recipient="", phone="", address="")
