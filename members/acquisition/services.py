"""Every change of what was spent on channels."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import Branch, User
from activity.models import Channel
from activity.services import channels_ensure
from members.acquisition.models import ChannelSpend
from members.imports.values import CURRENCY
from members.ingestion.reading import MAX_CHANNEL

LONGEST = 3 * 366  # days
EARLIEST = date(2000, 1, 1)
LARGEST = Decimal(10) ** 12
EDITED = ("channel", "branch", "first_day", "last_day", "amount", "currency", "note")


class StaleSpend(Exception):
    """Somebody else changed it since the page was opened."""


def spend_record(
    *,
    by: User,
    now: datetime,
    channel: str,
    first_day: date,
    last_day: date,
    amount: Decimal,
    currency: str,
    note: str = "",
    branch: Branch | None = None,
    key: str | None = None,
) -> ChannelSpend:
    """Writes a spend down; a channel that nobody heard of is registered. Raises ValidationError by field.

    A branch writes down what it spent itself, whatever branch is named.
    """
    spend = ChannelSpend(
        branch=by.branch if by.branch_id else branch,
        first_day=first_day,
        last_day=last_day,
        amount=amount,
        currency=currency,
        note=note,
        key=key,
        created_by=by,
        created_at=now,
    )
    with transaction.atomic():
        spend.channel = _channel(channel)
        _check(spend, now)
        spend.save()
        audit_record(
            by=by, action="spend.recorded", subject=spend, after={name: getattr(spend, name) for name in EDITED}
        )
    return spend


def spend_update(
    *, by: User, now: datetime, spend: ChannelSpend, version: int, changes: Mapping[str, Any]
) -> ChannelSpend:
    """Changes a spend; `channel` is a code. Raises StaleSpend for who saw an older version, else as spend_record."""
    with transaction.atomic():
        current = ChannelSpend.objects.select_for_update().get(pk=spend.pk)
        if current.version != version or current.removed_at is not None:
            raise StaleSpend
        wanted = {name: value for name, value in changes.items() if name in EDITED}
        if "channel" in wanted:
            wanted["channel"] = _channel(wanted["channel"])
        if by.branch_id:
            wanted.pop("branch", None)
        before, after = changed_fields(current, wanted)
        for name, value in after.items():
            setattr(current, name, value)
        _check(current, now)
        if after:
            current.version = version + 1
            current.save(update_fields=[*after, "version"])
            audit_record(by=by, action="spend.updated", subject=current, before=before, after=after)
    return current


def spend_remove(*, by: User, now: datetime, spend: ChannelSpend) -> bool:
    """Takes a spend out of every report. False when that was done before."""
    with transaction.atomic():
        done = bool(ChannelSpend.objects.in_force().filter(pk=spend.pk).update(removed_at=now))
        if done:
            before = {"amount": spend.amount, "currency": spend.currency}
            audit_record(by=by, action="spend.removed", subject=spend, before=before)
    return done


def spend_restore(*, by: User, spend: ChannelSpend) -> bool:
    """Takes spend_remove back."""
    with transaction.atomic():
        done = bool(ChannelSpend.objects.filter(pk=spend.pk, removed_at__isnull=False).update(removed_at=None))
        if done:
            audit_record(by=by, action="spend.restored", subject=spend)
    return done


def _channel(code: str) -> Channel:
    code = code.strip()
    if not code or len(code) > MAX_CHANNEL or "\x00" in code:
        raise ValidationError({"channel": _("Name the channel by its code, with at most %d characters.") % MAX_CHANNEL})
    return Channel(pk=channels_ensure([code])[code], code=code)


def _check(spend: ChannelSpend, now: datetime) -> None:
    mistakes = spend_mistakes(
        now=now,
        first_day=spend.first_day,
        last_day=spend.last_day,
        amount=spend.amount,
        currency=spend.currency,
    )
    if mistakes:
        raise ValidationError(mistakes)


def spend_mistakes(
    *, now: datetime, first_day: date | None, last_day: date | None, amount: Decimal | None, currency: str | None
) -> dict[str, str]:
    """Everything that is wrong with a spend at once, by field. What is None could not be read and is passed over."""
    mistakes: dict[str, str] = {}
    latest = timezone.localdate(now) + timedelta(days=LONGEST)
    # By day, so that one who spent on a single day is told once.
    for day, name in {last_day: "last_day", first_day: "first_day"}.items():
        if day and not EARLIEST <= day <= latest:
            words = _("%(day)s is no day on which money was spent: from %(first)s to %(last)s is possible.")
            mistakes[name] = words % {"day": day.isoformat(), "first": EARLIEST, "last": latest}
    if first_day and last_day and not mistakes:
        if last_day < first_day:
            mistakes["last_day"] = _("The last day lies before the first.")
        elif (last_day - first_day).days >= LONGEST:
            mistakes["last_day"] = _("More than three years: write it down year by year.")
    if amount is not None and not 0 < amount < LARGEST:
        mistakes["amount"] = _("An amount is more than 0.")
    if currency is not None and not CURRENCY.fullmatch(currency):
        mistakes["currency"] = _('"%(currency)s" is no currency code like CNY.') % {"currency": currency[:60]}
    return mistakes
