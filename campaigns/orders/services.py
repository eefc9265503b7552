"""Every change of orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from accounts.models import User
from activity.models import BuiltInKind
from community_ops.lib.sql import RowStatement
from members.ingestion import IncomingEvent, Outcome, ingest
from members.services import members_ensure


class NewOrder(NamedTuple):
    """An order as its source tells it; `key` is from activity.services.event_key()."""

    key: str
    member: str
    ordered_at: datetime
    amount: Decimal
    currency: str
    order_id: str = ""
    quantity: int | None = None
    product: str = ""


_COLUMNS = "member_id, ordered_at, amount, currency, order_id, quantity, product, key"
_INSERT = RowStatement(
    types=("bigint", "timestamptz", "numeric", "text", "text", "integer", "text", "uuid"),
    sqlite=f"INSERT INTO campaigns_order ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) "  # noqa: S608
    "ON CONFLICT (key) DO NOTHING",
    postgresql=f"INSERT INTO campaigns_order ({_COLUMNS}) SELECT * FROM {{rows}} ON CONFLICT (key) DO NOTHING",  # noqa: S608
)


def orders_record(*, orders: Sequence[NewOrder], source: str, by: User | None, now: datetime) -> Outcome:
    """Adds orders that are not known by their keys, each with its `ordered` event of the same key.

    Members who do not exist are made. See members.ingestion.ingest for `source`, `by` and what is rejected.
    """
    with transaction.atomic():
        outcome = ingest(
            events=[
                IncomingEvent(
                    order.key, order.member, "", BuiltInKind.ORDERED.value, order.ordered_at, "", order.amount
                )
                for order in orders
            ],
            source=source,
            by=by,
            create_missing=True,
            now=now,
        )
        refused = {rejection.index for rejection in outcome.rejected}
        kept = [order for index, order in enumerate(orders) if index not in refused]
        members = members_ensure(external_ids={order.member for order in kept})
        outcome.accepted = _INSERT.execute(
            [
                (
                    members[order.member],
                    order.ordered_at,
                    order.amount,
                    order.currency,
                    order.order_id,
                    order.quantity,
                    order.product,
                    order.key,
                )
                for order in kept
            ]
        )
        outcome.duplicates = len(kept) - outcome.accepted
    return outcome
