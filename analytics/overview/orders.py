"""The orders of some days, read once into columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from django.db.models import BigIntegerField, Exists, F, OuterRef, QuerySet
from django.db.models.functions import Cast, Coalesce, Round

from analytics.columns import Ints, marked
from analytics.health.days import Days
from analytics.overview.scope import Scope
from analytics.sources import EpochMillis, coded_of, visible_among
from campaigns.orders.models import Order
from members.models import Membership


def cents_of(amount: str) -> Cast:
    return Cast(Round(F(amount) * 100), BigIntegerField())


def orders_within(scope: Scope, first: Days, last: Days) -> QuerySet[Order]:
    """Orders of the members whom the viewer may see."""
    orders = Order.objects.filter(ordered_at__gte=first.start, ordered_at__lt=last.end)
    if scope.viewer.branch_id is None:
        return orders
    here = Membership.objects.visible_to(scope.viewer).filter(member=OuterRef("member"))
    return orders.filter(Exists(here))


@dataclass(frozen=True)
class Orders:
    """Of the members whom the viewer may see. `currency` is a place in `currencies`, amounts are in hundredths, and
    `group` is 0 where the order names none."""

    currencies: list[str]
    currency: Ints
    member: Ints
    at: Ints
    cents: Ints
    group: Ints

    @classmethod
    def read(cls, scope: Scope, first: Days, last: Days) -> Self:
        """All in one query, and whom of their members the viewer may see in another: asked for each order, that would
        take longer than everything else."""
        orders = Order.objects.filter(ordered_at__gte=first.start, ordered_at__lt=last.end).annotate(
            cents=cents_of("amount"),
            moment=EpochMillis(F("ordered_at")),
            place=Coalesce("group_id", 0),
        )
        currencies, columns = coded_of(orders, "currency", "member_id", "moment", "cents", "place")
        if scope.viewer.branch_id is not None:
            members, row = np.unique(columns[:, 1], return_inverse=True)
            columns = columns[marked(members, visible_among(members, scope.viewer))[row]]
        # What nobody of them ordered in is no currency of theirs.
        seen, currency = np.unique(columns[:, 0], return_inverse=True)
        return cls([currencies[place] for place in seen.tolist()], currency, *columns[:, 1:].T)
