"""The agreed numbers, counted over arrays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics.queries.activity import ActivityQuery
from analytics.queries.funnel import FunnelQuery
from analytics.queries.retention import RetentionQuery
from tests.analytics.agreed import CASES, check, question
from tests.analytics.worlds import World

QUERIES: dict[str, Any] = {"funnel": FunnelQuery, "retention": RetentionQuery, "activity": ActivityQuery}
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_report_gives_the_agreed_numbers(case):
    world = World(case["events"])
    query = QUERIES[case["report"]].read(question(case), zone=ZoneInfo("Asia/Shanghai"), now=NOW)
    check(case, query.compute(world, world, now=NOW).as_dict())


def test_all_agreed_cases_are_here():
    assert len(CASES) == 125
