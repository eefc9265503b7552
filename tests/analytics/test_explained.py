"""Beside every figure stands a "?" that says what it is, over which days, on which clock, as of when and for whom."""

from __future__ import annotations

import re

import pytest
import time_machine
from django.urls import reverse
from django.utils.html import strip_tags

from analytics.health.services import health_walk
from analytics.saved.registry import KINDS
from analytics.saved.services import report_save
from tests.analytics.test_health_walk import live
from tests.builders import NOW, make_group

pytestmark = [pytest.mark.django_db, pytest.mark.once]

RANGE = "2026-02-21 – 2026-03-02"
# The page, what it is asked, the heads of its figures, and what one of the boxes says.
PAGES = {
    "channels": (
        {"from": "2026-01-01", "to": "2026-03-02", "branch": "hangzhou"},
        {"name", "clicked", "joins", "friends", "orders", "revenue", "spend", "per_join", "per_friend", "per_order"},
        ("payback", "Paid back: how many days", "2026-01-01 – 2026-03-02", "Branch杭州"),
    ),
    "ranking": (
        {"from": "2026-02-21", "to": "2026-03-02", "motivation": "growth"},
        {"stage", "active_change", "joined_change", "orders_change", "messages_change"},
        ("active_change", "counted by day", RANGE, "Motivation"),
    ),
    "carriers": (
        {"from": "2026-02-21", "to": "2026-03-02"},
        {"most-1", "most-2", "most-3", "leaders", "gini", "part", "board"},
        ("gini", "near 1 when one does everything", RANGE, "everything that you may see"),
    ),
    "health": (
        {"motivation": "growth"},
        {
            "stage",
            "why",
            "members",
            "active",
            "noise",
            "is-forming",
            "is-growing",
            "is-active",
            "is-declining",
            "is-dead",
        },
        ("is-dead", "Dead: an activity of at most 2 in two weeks", "up to the end of 2026-03-01", "Motivation"),
    ),
    "branches": (
        {},
        {"groups", "members", "active", "active_share", "stayed", "orders", "conversion", "floor", "answers", "stages"},
        ("stayed", "28 to 34 days later", "2025-12-29 – 2026-01-25", "everything that you may see"),
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_every_figure_of_a_page_is_explained(client, cast, name):
    with time_machine.travel(NOW, tick=False):
        group = make_group("热闹的群", branch=cast.hangzhou, motivation="growth")
        live(group, 40)
        health_walk(now=NOW)
        client.force_login(cast.ana)
        asked, heads, (box, *told) = PAGES[name]
        html = client.get(reverse(f"analytics:{name}"), asked).content.decode()
    boxes = boxes_of(html)
    assert heads <= boxes.keys()
    for words in told:
        assert words in boxes[box], boxes[box]


def boxes_of(html):
    """What each "?" of a page opens, as text; each opens one box of its own that says range, zone and moment."""
    buttons = re.findall(r'popovertarget="explain-([^"]+)"', html)
    found = re.findall(r'(<div popover class="explain-box" id="explain-([^"]+)".*?</dl>)', html, re.DOTALL)
    boxes = {box: " ".join(strip_tags(inside).split()) for inside, box in found}
    assert len(boxes) == len(found)
    assert boxes.keys() == set(buttons), "each button opens one box of its own"
    for text in boxes.values():
        for words in ("Range", "Time zoneAsia/Shanghai (UTC+08:00)", "As of"):
            assert words in text, text
    return boxes


@pytest.mark.parametrize("kind", KINDS)
def test_the_figure_of_a_pinned_report_is_explained_on_its_card(client, cast, kind):
    with time_machine.travel(NOW, tick=False):
        live(make_group("热闹的群", branch=cast.hangzhou), 40)
        health_walk(now=NOW)
        question = "step=joined&step=message" if kind == "funnel" else ""
        report = report_save(by=cast.ana, now=NOW, kind=kind, question=question, name="Kept", sharing="owner")
        client.force_login(cast.ana)
        html = client.get(reverse("analytics:dashboard_card", args=[report.pk])).content.decode()
    label = " ".join(strip_tags(re.search(r'class="explain-head".*?</div>', html, re.DOTALL)[0]).split())
    [text] = boxes_of(html).values()
    assert re.search(r'figure-label">(.*?)\s*<button', html)[1] in label
    assert len(text) > len(label) + 100
    assert re.search(r"Range\d{4}-\d\d-\d\d – 2026-03-0[12]", text)
