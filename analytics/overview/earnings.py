"""What revenue is made of: by the group and by the channel that it is owed to, without rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from django.db.models import BigIntegerField, Case, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce

from activity.models import BuiltInKind, Event
from analytics import kernels
from analytics.columns import Ints, Shard
from analytics.kernels import Lens
from analytics.overview.crowd import Pairs
from analytics.overview.sales import Sales, cents_of, orders_within
from analytics.overview.scope import Scope
from analytics.queries.base import EventSpec, Where, lens_of
from analytics.queries.periods import millis
from analytics.queries.running import run
from analytics.sources import numbers_of, with_ids
from members.models import Membership

ENDLESS = millis(datetime(9999, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Earnings:
    """Of one currency, in hundredths, now and before; 0 stands for what no group or no channel is known of."""

    by_group: Pairs
    by_channel: Pairs


def earnings_of(scope: Scope, sales: Sales, currency: str) -> Earnings:
    """By the group of the order's own event, or of the refund, else the one that the member joined first; by the
    channel through which the member first came. Groups and events that the viewer may not see are not looked at."""
    own = scope.within(Event.objects.filter(key=OuterRef("key")), "group_id").values("group_id")[:1]
    is_now = Case(When(ordered_at__gte=scope.days.start, then=1), default=0, output_field=BigIntegerField())
    orders = orders_within(scope, scope.before, scope.days).filter(currency=currency).order_by()
    rows = orders.values_list(
        "member_id",
        Coalesce(Subquery(own), Value(0), output_field=BigIntegerField()),
        cents_of("amount"),
        is_now,
    )
    back = [
        (refund.member, refund.group, -refund.cents, int(refund.at >= scope.days.start))
        for refund in sales.refunds
        if refund.currency == currency
    ]
    found = np.append(numbers_of(rows).reshape(-1, 4), np.array(back, np.int64).reshape(-1, 4), axis=0)
    member, group, cents, now = found.T
    unplaced = group == 0
    group = group.copy()
    group[unplaced] = _looked_up(_first_groups(scope, np.unique(member[unplaced])), member[unplaced])
    channel = _looked_up(_first_channels(scope, np.unique(member)), member)
    return Earnings(_pairs(group, cents, now), _pairs(channel, cents, now))


def _pairs(key: Ints, cents: Ints, now: Ints) -> Pairs:
    keys, place = np.unique(key, return_inverse=True)
    sums = np.zeros((2, len(keys)), np.int64)
    np.add.at(sums, (now, place), cents)
    return {key: (now, before) for key, before, now in zip(keys.tolist(), *sums.tolist(), strict=True)}


# Members in ascending order, and the number that belongs to each.
_Table = tuple[Ints, Ints]


def _looked_up(table: _Table, member: Ints) -> Ints:
    """What the table says of each member; 0 for those who are not in it."""
    members, values = table
    if not len(members):
        return np.zeros(len(member), np.int64)
    place = np.minimum(np.searchsorted(members, member), len(members) - 1)
    return np.where(members[place] == member, values[place], 0)


def _first_of_each(member: Ints, value: Ints) -> _Table:
    members, first = np.unique(member, return_index=True)
    return members, value[first]


def _first_groups(scope: Scope, members: Ints) -> _Table:
    places = with_ids(Membership.objects.visible_to(scope.viewer), members.tolist(), "member_id")
    rows = places.order_by("member_id", "joined_at", "pk").values_list("member_id", "group_id")
    return _first_of_each(*numbers_of(rows).reshape(-1, 2).T)


def _first_channels(scope: Scope, members: Ints) -> _Table:
    """By the first event of joining that names a channel."""
    kind = scope.names.kind(BuiltInKind.JOINED)
    if kind is None or not len(members):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    lens = lens_of([EventSpec(BuiltInKind.JOINED, Where({}))], Where({}), scope.names, since=None, until=ENDLESS)
    shards = scope.source.shards(since=None, until=ENDLESS, kinds={kind})
    found = run(shards, _Touches(lens, members, in_groups=scope.viewer.branch_id is not None))
    return _first_of_each(*(np.concatenate(column) for column in zip(*found, strict=True)))


@dataclass(frozen=True, slots=True)
class _Touches:
    """Of some members in a shard (their numbers ascend) the events that name a channel, member by member in the order
    of time; `in_groups`: events outside of any group do not count."""

    lens: Lens
    members: Ints
    in_groups: bool

    def __call__(self, shard: Shard) -> _Table:
        events, owners = kernels.matching(shard, self.lens)
        named = shard.channel[events] > 0
        if self.in_groups:
            named &= shard.group[events] > 0
        events, member = events[named], shard.members[owners[named]]
        place = np.minimum(np.searchsorted(self.members, member), len(self.members) - 1)
        wanted = self.members[place] == member
        return member[wanted], shard.channel[events[wanted]].astype(np.int64)
