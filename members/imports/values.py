"""Reading the cells of a row."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from activity.services import to_millisecond
from members.ingestion.reading import EARLIEST, LATEST

CENT = Decimal("0.01")
# How far an amount may lie from full cents and still be a spreadsheet's way of writing them.
FLOAT_NOISE = Decimal("0.000001")
AMOUNT_LIMIT = 10**12
# Dates as people write them, with a year in front: 2026/3/1 9:05, 2026.3.1, 2026年3月1日 9:05:07.
WRITTEN = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[\sT]*(\d{1,2})[:：时](\d{1,2})分?(?:[:：]?(\d{1,2})秒?)?)?"
)
GROUPED = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
CURRENCY = re.compile(r"[A-Z]{3}")
DEFAULT_CURRENCY = "CNY"
RENMINBI = ("RMB", "CNH", "人民币", "元")
# The currencies that a sign beside an amount may stand for.
CURRENCY_SIGNS = {
    "¥": ("CNY", "JPY"),
    "元": ("CNY",),
    "$": ("USD", "HKD", "TWD", "SGD", "AUD", "CAD", "NZD"),
    "€": ("EUR",),
    "£": ("GBP",),
}


class RowError(Exception):
    """The row cannot be used; the text says why."""


def read_name(text: str, field: str, limit: int) -> str:
    """A name or id that must be there."""
    text = text.strip()
    if not text:
        raise RowError(_("%(field)s is empty.") % {"field": field})
    return read_optional(text, field, limit)


def read_optional(text: str, field: str, limit: int) -> str:
    text = text.strip()
    if len(text) > limit:
        raise RowError(_("%(field)s is longer than %(limit)d characters.") % {"field": field, "limit": limit})
    if "\x00" in text:
        raise RowError(_("%(field)s holds a NUL character.") % {"field": field})
    return text


def read_instant(text: str, field: str, zone: tzinfo) -> datetime:
    """An instant in UTC to the millisecond; a time without an offset is local to `zone`.

    Understands ISO 8601, seconds or milliseconds since 1970, and dates that start with the year. A date that starts
    with the day or the month could mean two things and is refused.
    """
    text = text.strip()
    if not text:
        raise RowError(_("%(field)s is empty.") % {"field": field})
    try:
        at = _understood(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone)
        at = to_millisecond(at)
    except (ValueError, OverflowError):
        raise RowError(
            _('%(field)s "%(text)s" is no time. Write it as 2026-03-01 09:00.') % {"field": field, "text": text[:60]}
        ) from None
    if not EARLIEST <= at < LATEST:
        raise RowError(_('%(field)s "%(text)s" lies before 1970 or after 2199.') % {"field": field, "text": text[:60]})
    return at


def read_day(text: str, field: str, zone: tzinfo) -> date:
    """A day, understood as read_instant does; of an instant that has an offset the day in `zone`."""
    text = text.strip()
    if not text:
        raise RowError(_("%(field)s is empty.") % {"field": field})
    try:
        at = _understood(text)
        return (at.astimezone(zone) if at.tzinfo else at).date()
    except (ValueError, OverflowError):
        raise RowError(
            _('%(field)s "%(text)s" is no day. Write it as 2026-03-01.') % {"field": field, "text": text[:60]}
        ) from None


def _understood(text: str) -> datetime:
    if text.isdecimal() and len(text) in (10, 13):
        return datetime.fromtimestamp(int(text) / (1000 if len(text) == 13 else 1), UTC)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        found = WRITTEN.fullmatch(text)
        if found is None:
            raise
        return datetime(*(int(part or 0) for part in found.groups()))  # type: ignore[arg-type]  # noqa: DTZ001


def read_currency(text: str) -> str:
    """The code of a currency; empty it is the renminbi, which people write in several ways."""
    code = text.strip().upper() or DEFAULT_CURRENCY
    if code in RENMINBI:
        return DEFAULT_CURRENCY
    if not CURRENCY.fullmatch(code):
        raise RowError(_('"%(currency)s" is no currency code like CNY.') % {"currency": text.strip()[:60]})
    return code


def read_amount(text: str, field: str, currency: str | None) -> Decimal:
    """An amount of money: not negative, in full cents.

    Understands 1,234.50, full-width digits, and the sign of its currency; a sign of another currency is refused, unless
    nobody knows the currency.
    """
    wide = unicodedata.normalize("NFKC", text).strip()
    plain = wide.strip("".join(CURRENCY_SIGNS)).strip()
    if not plain:
        raise RowError(_("%(field)s is empty.") % {"field": field})
    if GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    try:
        amount = Decimal(plain)
        if not amount.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise RowError(
            _('%(field)s "%(text)s" is no amount. Write it as 1234.50.') % {"field": field, "text": text.strip()[:60]}
        ) from None
    if amount < 0:
        raise RowError(
            _('%(field)s "%(text)s" is negative. Write what was paid; leave refunds out.')
            % {"field": field, "text": text.strip()[:60]}
        )
    if amount >= AMOUNT_LIMIT:
        raise RowError(_("%(field)s is too large.") % {"field": field})
    cents = amount.quantize(CENT)
    if abs(amount - cents) > FLOAT_NOISE:
        raise RowError(_("%(field)s has parts of a cent.") % {"field": field})
    for sign, currencies in CURRENCY_SIGNS.items():
        if currency and sign in wide and currency not in currencies:
            raise RowError(
                _('"%(text)s" is no amount in %(currency)s. Name its currency, or leave out the sign.')
                % {"text": text.strip()[:60], "currency": currency}
            )
    return cents


def read_count(text: str, field: str) -> int | None:
    """A whole number from 0, or nothing when the cell is empty."""
    text = text.strip().removesuffix(".0")
    if not text:
        return None
    if not text.isdecimal() or not text.isascii() or len(text) > 9:
        raise RowError(_('%(field)s "%(text)s" is no whole number.') % {"field": field, "text": text[:60]})
    return int(text)
