"""The rows of the ledger as the database has them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BigIntegerField, Case, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast, Coalesce, Round

from activity.models import BuiltInKind, Event, EventKind
from analytics.columns import Ints
from analytics.health.counting import FOREVER, GONE
from analytics.ledger.columns import Orders, Payments, Places
from analytics.sources import EpochMillis, coded_of, numbers_of
from campaigns.orders.models import Order
from members.models import Membership

# Values of events have four places.
PARTS = 10_000
PAID = (BuiltInKind.ORDERED, BuiltInKind.REFUNDED)
_LETTER = 21  # bits


def currency_code(word: str) -> int:
    """A currency of up to three letters as one number; nothing is 0."""
    return sum(ord(letter) << (_LETTER * place) for place, letter in enumerate(word))


def currency_word(code: int) -> str:
    letters = ((code >> (_LETTER * place)) & ((1 << _LETTER) - 1) for place in range(3))
    return "".join(chr(letter) for letter in letters if letter)


def place_rows(places: QuerySet[Membership]) -> Ints:
    """Rows for Places."""
    if places.query.is_empty():
        return _none(Places)
    gone = Case(When(GONE, then=EpochMillis(F("left_at"))), default=FOREVER)
    rows = places.values_list("member_id", "pk", EpochMillis(F("joined_at")), gone, "group_id")
    return numbers_of(rows).reshape(-1, _width(Places))


def order_rows(orders: QuerySet[Order]) -> Ints:
    """Rows for Orders."""
    if orders.query.is_empty():
        return _none(Orders)
    told = orders.annotate(
        moment=EpochMillis(F("ordered_at")),
        cents=Cast(Round(F("amount") * 100), BigIntegerField()),
        place=Coalesce("group_id", 0),
    )
    words, columns = coded_of(told, "currency", "member_id", "moment", "cents", "place")
    code, member, at, cents, group = columns.T
    codes = np.array([currency_code(word) for word in words], np.int64)
    return np.stack([member, at, cents, codes[code] if len(code) else code, group], axis=1)


def payment_rows(events: QuerySet[Event]) -> Ints:
    """Rows for Payments, out of these events. An order has the currency of its own row, a refund that of the order
    before it; there may be none."""
    if events.query.is_empty():
        return _none(Payments)
    kinds = dict(EventKind.objects.filter(slug__in=PAID).values_list("slug", "pk"))
    ordered, refunded = (kinds.get(kind, 0) for kind in PAID)
    orders = Order.objects.order_by("-ordered_at", "-pk")
    told = orders.filter(key=OuterRef("key")).values("currency")[:1]
    last = orders.filter(member=OuterRef("member_id"), ordered_at__lte=OuterRef("at")).values("currency")[:1]
    is_refund = Case(When(kind_id=refunded, then=Value(1)), default=Value(0), output_field=BigIntegerField())
    rows = events.filter(kind_id__in=[number for number in (ordered, refunded) if number]).values_list(
        "member_id",
        EpochMillis(F("at")),
        Coalesce("group_id", 0),
        is_refund,
        Cast(Round(Coalesce(F("value"), Value(Decimal(0))) * PARTS), BigIntegerField()),
        Coalesce(Case(When(kind_id=ordered, then=Subquery(told)), default=Subquery(last)), Value("")),
    )
    found = _fetched(rows)
    if not found:
        return _none(Payments)
    *numbers, words = zip(*found, strict=True)
    known = {word: currency_code(word) for word in set(words)}
    return np.array([*numbers, [known[word] for word in words]], np.int64).T


def _none(table: type[NamedTuple]) -> Ints:
    """No rows: mostly nobody changed, and putting a statement together takes as long as many a count."""
    return np.zeros((0, _width(table)), np.int64)


def _width(table: type[NamedTuple]) -> int:
    """All columns but the offsets."""
    return len(table._fields) - 1


def _fetched(rows: QuerySet[Any, Any]) -> list[tuple[Any, ...]]:
    try:
        sql, params = rows.query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
