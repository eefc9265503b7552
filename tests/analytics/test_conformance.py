"""The agreed meaning of every number, as small worlds with the answers they must give."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics.queries.activity import ActivityQuery
from analytics.queries.funnel import FunnelQuery
from analytics.queries.retention import RetentionQuery
from tests.analytics.worlds import World

FOLDER = Path(__file__).parents[1] / "data" / "conformance"
CASES = [
    case for name in ("funnels", "retention", "activity") for case in json.loads((FOLDER / f"{name}.json").read_text())
]
QUERIES: dict[str, Any] = {"funnel": FunnelQuery, "retention": RetentionQuery, "activity": ActivityQuery}
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_report_gives_the_agreed_numbers(case):
    world, asked, expected = World(case["events"]), dict(case["ask"]), case["expected"]
    if isinstance(expected.get("members"), list):
        asked["include"] = ["members"]
    query = QUERIES[case["report"]].read(asked, zone=ZoneInfo("Asia/Shanghai"), now=NOW)
    answer = query.compute(world, world, now=NOW).as_dict()
    for name, want in expected.items():
        got = answer[name]
        if name == "periods":
            got = [period[:16] for period in got]
        if name == "members" and isinstance(want, list):
            want, got = [sorted(step) for step in want], [sorted(step) for step in got]
        if name == "breakdown":
            assert set(got) == set(want)
            got = {label: {field: got[label][field] for field in want[label]} for label in want}
        if name == "series":
            got = {field: got[field] for field in want}
        assert json.loads(json.dumps(got)) == approximately(want), name


def approximately(value):
    if isinstance(value, dict):
        return {name: approximately(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [approximately(inner) for inner in value]
    return pytest.approx(value, abs=1e-3) if isinstance(value, float) else value


def test_all_agreed_cases_are_here():
    assert len(CASES) == 125
