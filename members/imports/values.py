"""Reading the cells of a row."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
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
CURRENCY_SIGNS = "¥￥$€£元"


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
        if text.isdecimal() and len(text) in (10, 13):
            at = datetime.fromtimestamp(int(text) / (1000 if len(text) == 13 else 1), UTC)
        else:
            at = _written(text)
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


def _written(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        found = WRITTEN.fullmatch(text)
        if found is None:
            raise
        return datetime(*(int(part or 0) for part in found.groups()))  # type: ignore[arg-type]  # noqa: DTZ001


def read_amount(text: str, field: str) -> Decimal:
    """An amount of money: not negative, in full cents. Understands 1,234.50 and signs of currencies."""
    plain = text.strip().strip(CURRENCY_SIGNS).strip()
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
        raise RowError(_("%(field)s is negative. A refund is no order.") % {"field": field})
    if amount >= AMOUNT_LIMIT:
        raise RowError(_("%(field)s is too large.") % {"field": field})
    cents = amount.quantize(CENT)
    if abs(amount - cents) > FLOAT_NOISE:
        raise RowError(_("%(field)s has parts of a cent.") % {"field": field})
    return cents


def read_count(text: str, field: str) -> int | None:
    """A whole number from 0, or nothing when the cell is empty."""
    text = text.strip().removesuffix(".0")
    if not text:
        return None
    if not text.isdecimal() or not text.isascii() or len(text) > 9:
        raise RowError(_('%(field)s "%(text)s" is no whole number.') % {"field": field, "text": text[:60]})
    return int(text)
