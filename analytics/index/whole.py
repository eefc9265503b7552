"""The whole index, for kernels that ask of each event themselves whether it may be looked at."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from accounts.models import User
from analytics.columns import Ints
from analytics.index.source import IndexSource, source_of
from analytics.queries.base import Stored
from analytics.sources import Selection


def whole_index(
    *, since: int | None, until: int, kinds: Collection[int] | None, groups: Ints | None = None
) -> Sequence[Stored]:
    """All events of these kinds with since <= at < until, whoever may see them, and perhaps others; nothing where there
    is no index. Of `groups`, if any are named, those of others may be missing: only who did something in them is looked
    at.

    To have the index leave out what a branch may not see takes longer than to count it. Whoever asks for this answers
    for what is shown.
    """
    source = source_of(Selection(User()))
    if not isinstance(source, IndexSource):
        return []
    return source.shards(since=since, until=until, kinds=kinds, groups=None if groups is None else np.sort(groups))
