"""What revenue is made of: by the group and by the channel that it is owed to, without rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from activity.models import BuiltInKind
from analytics import kernels_overview
from analytics.columns import Ints, Shard
from analytics.overview.crowd import Pairs
from analytics.overview.sales import Sales
from analytics.overview.scope import Scope
from analytics.queries.adding import run_by_member
from analytics.queries.periods import millis

ENDLESS = millis(datetime(9999, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Earnings:
    """Of one currency, in hundredths, now and before; 0 stands for what no group or no channel is known of."""

    by_group: Pairs
    by_channel: Pairs


def earnings_of(scope: Scope, sales: Sales, currency: str) -> Earnings:
    """By the group of the order's own event, or of the refund, else the one that the member joined first; by the
    channel through which the member first came. Groups and events that the viewer may not see are not looked at."""
    columns = []
    for amounts, sign in ((sales.bought, 1), (sales.refunds, -1)):
        rows = amounts.which(currency)
        columns.append((amounts.member[rows], amounts.group[rows], sign * amounts.cents[rows], amounts.at[rows]))
    member, group, cents, at = (np.concatenate(column) for column in zip(*columns, strict=True))
    is_before = (at < scope.days.edges[0]).astype(np.int64)
    return Earnings(_pairs(group, is_before, cents), _pairs(_first_channels(scope, member), is_before, cents))


def _pairs(key: Ints, is_before: Ints, value: Ints) -> Pairs:
    sums = np.zeros(2 * (1 + int(key.max(initial=0))), np.int64)
    np.add.at(sums, 2 * key + is_before, value)
    return sums.reshape(-1, 2)


def _first_channels(scope: Scope, member: Ints) -> Ints:
    """The channel that the first event of joining names that names one, of each of these members; 0 for none."""
    found = np.zeros(len(member), np.int64)
    kind = scope.names.kind(BuiltInKind.JOINED)
    if kind is not None and len(member):
        shards = scope.source.shards(since=None, until=ENDLESS, kinds={kind})
        table = run_by_member(shards, _First(kind, inside=scope.viewer.branch_id is not None))
        known = member < len(table)
        found[known] = table[member[known]]
    return found


@dataclass(frozen=True, slots=True)
class _First:
    """The first channels in a shard (see the kernel)."""

    joined: int
    inside: bool

    def __call__(self, shard: Shard) -> tuple[Ints, Ints]:
        found: tuple[Ints, Ints] = kernels_overview.first_channel(shard, self.joined, self.inside)
        return found
