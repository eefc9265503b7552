from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.columns import Columns
from analytics.queries import funnel
from analytics.sources import Held

pytestmark = pytest.mark.once

NOW = datetime(2026, 3, 1, tzinfo=UTC)
START = int(datetime(2026, 2, 1, tzinfo=UTC).timestamp()) * 1000
CHANNELS = {1: "a", 2: "b", 3: "c"}


class Names:
    def kind(self, slug):
        return {"joined": 1, "ordered": 2}.get(slug)

    def known(self, attribute):
        return CHANNELS

    def having(self, attribute, values):
        return [number for number, value in CHANNELS.items() if value in values]

    def members(self, ids):
        return [str(number) for number in ids]


@pytest.mark.parametrize("few_rows", [funnel.FEW_ROWS, 1], ids=["row by row", "sorted"])
@pytest.mark.parametrize("step", [1, 2])
def test_times_of_each_row_are_the_average_and_the_median_of_its_members(monkeypatch, few_rows, step):
    monkeypatch.setattr(funnel, "FEW_ROWS", few_rows)
    random = np.random.default_rng(5)
    members = 6_001
    joined = START + random.integers(0, 10**8, members)
    took = random.integers(1, 10**8, members)
    has_ordered = random.random(members) < 0.7
    channel = random.integers(0, 4, members)
    who = np.arange(members)
    columns = Columns.build(
        np.concatenate([who, who[has_ordered]]),
        np.concatenate([joined, (joined + took)[has_ordered]]),
        np.repeat([1, 2], [members, has_ordered.sum()]),
        np.zeros(members + has_ordered.sum(), np.int64),
        np.concatenate([channel, channel[has_ordered]]),
    )
    halves = [Columns.build(*columns.of(half)).shard() for half in (who[:2_500], who[2_500:])]
    question: dict[str, Any] = {
        "range": {"from": "2026-02-01", "to": "2026-02-28"},
        "steps": [{"kind": "joined"}, {"kind": "ordered"}],
        "breakdown": {"by": "channel", "attribution": "step", "step": step},
    }
    query = funnel.FunnelQuery.read(question, zone=ZoneInfo("UTC"), now=NOW)
    result = query.compute(Held(halves), Names(), now=NOW)

    def told(mine):
        seconds = took[mine & has_ordered] / 1000
        counts = [mine.sum(), len(seconds)]
        return [counts[1], counts[1]] if step == 2 else counts, seconds.mean(), np.median(seconds), len(seconds)

    rows = {label: told(channel == number) for number, label in {0: "", **CHANNELS}.items()}
    counts, *rest = told(np.ones(members, np.bool_))
    rows["everybody"] = [members, counts[1]], *rest
    for label, figures in {**result.breakdown, "everybody": result.all}.items():
        counts, average, median, times = rows[label]
        assert figures.counts == list(counts)
        assert figures.avg_seconds[1] == pytest.approx(average)
        assert figures.median_seconds[1] == pytest.approx(median)
        assert sum(figures.times) == times
    assert set(result.breakdown) == {"", "a", "b", "c"}
