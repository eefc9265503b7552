"""Compiles the kernels before anybody waits for them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from analytics.columns import Columns
from analytics.queries.activity import ActivityQuery, Metric
from analytics.queries.funnel import FunnelQuery
from analytics.queries.retention import RetentionQuery
from analytics.queries.running import events_read
from analytics.sources import Held


class _NoNames:
    """Knows no name at all: the questions below are about kinds that never occurred."""

    def kind(self, slug: str) -> int | None:
        return None

    def known(self, attribute: str) -> Mapping[int, str]:
        return {}

    def members(self, ids: Sequence[int]) -> Sequence[str]:
        return []


def warm_up() -> None:
    """Asks one small question of each kind, so that Numba compiles the kernels, or loads them from its cache.

    The first time on a machine this takes some ten seconds, later well under one.
    """
    zone, now = ZoneInfo("UTC"), datetime(2026, 1, 3, tzinfo=UTC)
    days = {"from": "2026-01-01", "to": "2026-01-02"}
    two = np.zeros(2, np.int64)
    source = Held([Columns.build(member=two, at=two, kind=two, group=two, channel=two).shard()])
    names = _NoNames()
    for order in ("ordered", "strict"):  # each has a kernel of its own
        FunnelQuery.read({"range": days, "steps": [{"kind": "joined"}], "order": order}, zone=zone, now=now).compute(
            source, names, now=now
        )
    RetentionQuery.read({"range": {"from": "2026-01-01"}, "period": "day"}, zone=zone, now=now).compute(
        source, names, now=now
    )
    for metric in Metric:
        ActivityQuery.read({"range": days, "metric": metric, "interval": "day"}, zone=zone, now=now).compute(
            source, names, now=now
        )
    events_read(source, names, since=None, until=1, kinds=None)


def warm_up_in_background() -> None:
    """Starts warm_up beside whatever the process does; it ends with the process."""
    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
