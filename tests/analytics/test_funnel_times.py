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
        return {"joined": 1, "friended": 2, "ordered": 3}.get(slug)

    def known(self, attribute):
        return CHANNELS

    def having(self, attribute, values):
        return [number for number, value in CHANNELS.items() if value in values]

    def members(self, ids):
        return [str(number) for number in ids]


@pytest.mark.parametrize("few_rows", [funnel.FEW_ROWS, 1], ids=["row by row", "sorted"])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_times_of_each_row_are_the_average_and_the_median_of_its_members(monkeypatch, few_rows, step):
    monkeypatch.setattr(funnel, "FEW_ROWS", few_rows)
    random = np.random.default_rng(5)
    members = 6_001
    # How far each came, when they came to each step, and by which channel.
    came = random.choice(3, members, p=[0.3, 0.3, 0.4])
    took = random.integers(1, 10**8, (members, 3))
    at = START + took.cumsum(axis=1)
    channel = random.integers(0, 4, members)
    who, kind = np.nonzero(np.arange(3) <= came[:, None])
    columns = Columns.build(who, at[who, kind], kind + 1, np.zeros_like(who), channel[who])
    halves = [Columns.build(*columns.of(half)).shard() for half in (np.arange(2_500), np.arange(2_500, members))]
    question: dict[str, Any] = {
        "range": {"from": "2026-02-01", "to": "2026-02-28"},
        "steps": [{"kind": "joined"}, {"kind": "friended"}, {"kind": "ordered"}],
        "breakdown": {"by": "channel", "attribution": "step", "step": step},
    }
    query = funnel.FunnelQuery.read(question, zone=ZoneInfo("UTC"), now=NOW)
    result = query.compute(Held(halves), Names(), now=NOW)

    def told(mine):
        ways = [took[mine & (came >= k), k] / 1000 for k in (1, 2)]
        counts = [int((mine & (came >= k)).sum()) for k in range(3)]
        return counts, [way.mean() for way in ways], [np.median(way) for way in ways]

    # Who did not come to the step of the breakdown is in no row.
    rows = {label: told((channel == number) & (came >= step - 1)) for number, label in {0: "", **CHANNELS}.items()}
    rows["everybody"] = told(np.ones(members, np.bool_))
    for label, figures in {**result.breakdown, "everybody": result.all}.items():
        counts, averages, medians = rows[label]
        assert figures.counts == counts
        assert figures.avg_seconds[1:] == pytest.approx(averages)
        assert figures.median_seconds[1:] == pytest.approx(medians)
        assert sum(figures.times) == counts[2]
    assert set(result.breakdown) == {"", "a", "b", "c"}
