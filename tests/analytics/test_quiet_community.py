"""A community whose last event is long ago, as one that was imported, does not open empty reports."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from analytics.health.services import stats_catch_up
from analytics.saved.services import report_save
from tests.analytics.test_pages import did, page
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db

LONG_AGO = 400
MOVED = "Nothing happened lately: the last event is of 2025-01-26."


@pytest.fixture
def community(cast):
    with time_machine.travel(NOW, tick=False):
        group = make_group("Imported", branch=cast.hangzhou, now=NOW - timedelta(days=500))
        for number in range(4):
            member = make_member(f"M{number}")
            for kind, days in (("joined", 20), ("message", 3), ("message", 0)):
                did(member, kind, LONG_AGO + days, group)
        stats_catch_up(now=NOW)
        yield cast


@pytest.mark.parametrize(
    ("report", "first"),
    [
        ("activity", "2024-12-28"),
        ("lifecycle", "2024-12-28"),
        ("stickiness", "2024-12-28"),
        ("leavers", "2024-12-28"),
        ("best_hour", "2024-10-29"),
        ("funnel", "2024-10-29"),
        ("channels", "2024-10-29"),
        ("carriers", "2024-10-29"),
        ("ranking", "2024-10-29"),
    ],
)
def test_the_days_up_to_the_last_event_are_shown_where_nobody_chose_any(community, report, first):
    address = reverse(f"analytics:{report}")
    html = page(community.mei, address)
    assert MOVED in html
    assert f'value="{first}"' in html
    assert 'value="2025-01-26"' in html
    assert re.search(r'preset=latest"[^>]*aria-current="true"', html)
    # Whoever chooses the last days gets them, and the way back.
    chosen = page(community.mei, f"{address}?preset=30d")
    assert MOVED not in chosen
    assert "preset=latest" in chosen


def test_the_overview_and_retention_move_as_well(community):
    overview = page(community.ana, reverse("analytics:overview"))
    assert MOVED in overview
    assert "<strong>2024-12-28</strong> to <strong>2025-01-26</strong>" in overview
    retention = page(community.ana, reverse("analytics:retention"))
    assert MOVED in retention
    assert 'data-plot="' in retention


def test_a_saved_report_moves_along_with_the_last_event(community):
    report = report_save(by=community.mei, now=NOW, kind="activity", question="preset=latest", name="Lately")
    card = reverse("analytics:dashboard_card", args=[report.pk])
    assert "28 Dec 2024 – 26 Jan 2025" in page(community.mei, card)
    did(make_member("New"), "message", 200)
    assert "16 Jul 2025 – 14 Aug 2025" in page(community.mei, card)


def test_a_community_that_is_alive_is_not_moved(community):
    did(make_member("New"), "message", 29)
    html = page(community.lin, reverse("analytics:activity"))
    assert MOVED not in html
    assert "preset=latest" not in html
