"""What revenue is made of: by the group and by the channel that it is owed to, without rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from django.db.models import F

from activity.models import BuiltInKind
from analytics import kernels
from analytics.columns import Ints, Shard
from analytics.kernels import Lens
from analytics.overview.crowd import Pairs, pairs_of
from analytics.overview.sales import Sales
from analytics.overview.scope import Scope
from analytics.queries.base import EventSpec, Where, lens_of
from analytics.queries.periods import millis
from analytics.queries.running import run
from analytics.sources import EpochMillis, groups_seen_by, numbers_of, with_ids
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
    orders = sales.bought
    of_it = np.zeros(len(orders.at), np.bool_)
    if currency in orders.currencies:
        of_it = orders.currency == orders.currencies.index(currency)
    start = scope.days.start
    back = [
        (refund.member, refund.group, -refund.cents, int(refund.at >= start))
        for refund in sales.refunds
        if refund.currency == currency
    ]
    is_now = (orders.at >= scope.days.edges[0]).astype(np.int64)
    found = np.stack([orders.member, _seen(scope, orders.group), orders.cents, is_now], axis=1)[of_it]
    member, group, cents, now = np.append(found, np.array(back, np.int64).reshape(-1, 4), axis=0).T
    unplaced = group == 0
    group = group.copy()
    group[unplaced] = _looked_up(_first_groups(scope, np.unique(member[unplaced])), member[unplaced])
    channel = _looked_up(_first_channels(scope, np.unique(member)), member)
    return Earnings(pairs_of(group, cents, now), pairs_of(channel, cents, now))


def _seen(scope: Scope, group: Ints) -> Ints:
    """0 in place of the groups that the viewer may not see."""
    if scope.viewer.branch_id is None:
        return group
    return np.where(np.isin(group, groups_seen_by(scope.viewer)), group, 0)


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
    places = with_ids(Membership.objects.order_by(), members.tolist(), "member_id")
    rows = numbers_of(places.values_list("member_id", EpochMillis(F("joined_at")), "pk", "group_id")).reshape(-1, 4)
    member, joined, number, group = rows[_seen(scope, rows[:, 3]) > 0].T
    order = np.lexsort((number, joined, member))
    return _first_of_each(member[order], group[order])


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
    of time; `in_groups`: events outside of any group do not count. The others are not looked at."""

    lens: Lens
    members: Ints
    in_groups: bool

    def __call__(self, shard: Shard) -> _Table:
        shard = shard.among(self.members)
        events, owners = kernels.matching(shard, self.lens)
        named = shard.channel[events] > 0
        if self.in_groups:
            named &= shard.group[events] > 0
        events, owners = events[named], owners[named]
        return shard.members[owners], shard.channel[events].astype(np.int64)
