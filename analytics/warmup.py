"""Compiles the kernels before anybody waits for them."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from analytics.columns import Columns
from analytics.queries.activity import ActivityQuery, Metric
from analytics.queries.funnel import FunnelQuery
from analytics.queries.retention import RetentionQuery
from analytics.sources import Held


class _NoNames:
    """Knows no name at all: the questions below are about kinds that never occurred."""

    def kind(self, slug: str) -> int | None:
        return None

    def ids(self, attribute: str, values: Collection[str]) -> Collection[int]:
        return []

    def values(self, attribute: str, ids: Sequence[int]) -> Sequence[str]:
        return ["" for _number in ids]

    def members(self, ids: Sequence[int]) -> Sequence[str]:
        return []


def warm_up() -> None:
    """Asks one small question of each kind, so that Numba compiles the kernels, or loads them from its cache.

    The first time on a machine this takes some ten seconds, later well under one.
    """
    zone, now = ZoneInfo("UTC"), datetime(2026, 1, 3, tzinfo=UTC)
    days = {"from": "2026-01-01", "to": "2026-01-02"}
    longs, ints = np.zeros(2, np.int64), np.zeros(2, np.int32)
    source = Held(Columns.build(member=longs, at=longs, kind=ints, group=longs, channel=ints))
    names = _NoNames()
    FunnelQuery.read({"range": days, "steps": [{"kind": "joined"}]}, zone=zone, now=now).compute(source, names, now=now)
    RetentionQuery.read({"range": {"from": "2026-01-01"}, "period": "day"}, zone=zone, now=now).compute(
        source, names, now=now
    )
    for metric in Metric:
        ActivityQuery.read({"range": days, "metric": metric, "interval": "day"}, zone=zone, now=now).compute(
            source, names, now=now
        )


def warm_up_in_background() -> None:
    """Starts warm_up beside whatever the process does; it ends with the process."""
    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
