"""Which channels somebody of a branch hears of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from django.db.models import Max

from accounts.models import User
from activity.models import Channel
from analytics import kernels
from analytics.channels.cohort import EVER
from analytics.columns import Ints, Shard
from analytics.index.source import source_of
from analytics.kernels_events import ALWAYS, NEVER, Lens, Split
from analytics.queries.adding import run_adding
from analytics.sources import Selection, SqlSource

NOTHING = np.zeros(0, np.int64)
EVERYTHING = Lens(ALWAYS, NEVER, 1, NOTHING, NOTHING, NOTHING)


def channels_heard(user: User) -> Collection[int]:
    """The numbers of the channels that anything came by which this person may see: what happened in their groups, or
    what their members did outside of any. What the parts of the index say is counted once and kept."""
    selection = Selection(user)
    source = source_of(selection)
    if isinstance(source, SqlSource):
        channels = selection.events().order_by().exclude(channel=None).values_list("channel", flat=True)
        return list(channels.distinct())
    most = Channel.objects.aggregate(most=Max("pk"))["most"] or 0
    shards = source.shards(since=None, until=EVER, kinds=None)
    carried = sum(run_adding(shards, _Carried(1 + most)), np.zeros(1 + most, np.int64))
    found: list[int] = (1 + np.flatnonzero(carried[1:])).tolist()
    return found


@dataclass(frozen=True, slots=True)
class _Carried:
    """How many events of a shard came by each channel, by its number up to `size`."""

    size: int

    def __call__(self, shard: Shard) -> Ints:
        split = Split(True, np.arange(self.size, dtype=np.int32), self.size)
        whole: Ints = kernels.total(shard, EVERYTHING, np.array([0, EVER]), split)[1]
        return whole
