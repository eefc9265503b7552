"""Lifecycle and stickiness as people use them."""

from __future__ import annotations

import re
from html import unescape

import pytest
import time_machine
from django.test import Client

from tests.analytics.test_overview import did, page
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db

# Four weeks from Monday, 2 February to Sunday, 1 March; now is Monday, 2 March.
DAYS = "from=2026-02-02&to=2026-03-01"
LIFECYCLE, STICKINESS = f"/reports/lifecycle/?{DAYS}", f"/reports/stickiness/?{DAYS}&interval=week"
NAMES = "Ann|Bob|Cy|Dee|Eve"


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def community(cast):
    """Ann every week, Bob the first two, Cy since the last, Dee only before; Eve before and again, in Chengdu."""
    mine, theirs = make_group("Reading", branch=cast.hangzhou), make_group("Maths", branch=cast.chengdu)
    ann, bob, cy, dee, eve = (make_member(name) for name in NAMES.split("|"))
    for days_ago in (95, 40, 24, 17, 10, 3):
        did(ann, "message", days_ago, mine)
    for days_ago in (24, 17):
        did(bob, "message", days_ago, mine)
    did(cy, "message", 3, mine)
    did(dee, "message", 40, mine)
    for days_ago in (70, 3):
        did(eve, "message", days_ago, theirs)
    return cast


def numbers(html):
    """Each number that opens members, with its address."""
    found = re.findall(r'href="(/reports/people/[^"]+)">(\d+)</a>', html)
    return [(unescape(link), int(count)) for link, count in found]


def names(user, link):
    return sorted(re.findall(rf'translate="no">({NAMES})<', page(user, link)))


def boxes(html):
    """The key figures: label, number."""
    return dict(
        re.findall(
            r'<div class="figure-label">([^<]+?)\s+<button.*?<div class="figure num">(?:<a [^>]*>)?([^<]+)', html, re.S
        )
    )


def test_the_lifecycle_of_a_range_is_compared_and_its_net_growth_said(community):
    html = page(community.ana, LIFECYCLE)
    assert boxes(html) == {"New": "2", "Returning": "1", "Came back": "1", "Gone quiet": "1", "Net growth": "+2"}
    # Of the four weeks before: Dee was new, and Ann and Eve had been quiet.
    assert re.sub(r"\s+", " ", html).count("against the range before") == 4
    assert "before: +1" in html
    rows = page(community.ana, f"{LIFECYCLE}&interval=week&export=csv").splitlines()
    assert [row.rsplit(",", 5)[1:] for row in rows[1:]] == [
        ["1", "1", "1", "0", "2"],
        ["0", "1", "0", "1", "-1"],
        ["0", "2", "0", "0", "0"],
        ["1", "0", "1", "0", "2"],
    ]


@pytest.mark.parametrize("address", [LIFECYCLE, f"{LIFECYCLE}&interval=day", STICKINESS, f"{STICKINESS}&reach=least"])
def test_every_number_opens_its_members_those_of_the_range_before_too(community, address):
    found = numbers(page(community.ana, address))
    assert len(found) > 4
    for link, count in found:
        assert len(names(community.ana, link)) == count, link


def test_a_branch_counts_its_own(community):
    assert boxes(page(community.mei, LIFECYCLE))["Came back"] == "0"
    assert boxes(page(community.out, LIFECYCLE))["Came back"] == "1"
    link = next(link for link, _count in numbers(page(community.ana, LIFECYCLE)) if "figure=resurrecting" in link)
    assert names(community.ana, link) == ["Eve"]
    assert names(community.mei, link) == []


def test_without_a_whole_range_before_nothing_is_compared(community):
    html = page(community.ana, "/reports/lifecycle/?from=2025-12-01&to=2026-03-01")
    assert "No full range before to compare with" in html
    assert "against the range before" not in html


def test_stickiness_in_exactly_and_in_at_least_so_many_periods(community):
    def column(address):
        return [row.split(",")[:3] for row in page(community.ana, f"{address}&export=csv").splitlines()[1:]]

    assert column(STICKINESS) == [["1", "2", "50.0"], ["2", "1", "25.0"], ["3", "0", "0.0"], ["4", "1", "25.0"]]
    assert [row[1] for row in column(f"{STICKINESS}&reach=least")] == ["4", "2", "1", "1"]
    found = boxes(page(community.ana, STICKINESS))
    assert found == {
        "Active members": "4",
        "In one period only": "50.0%",
        "In half of the periods or more": "50.0%",
        "In every period": "25.0%",
    }


def test_old_addresses_lead_to_the_new_pages(community):
    client = Client()
    client.force_login(community.ana)
    moved = client.get(f"/reports/activity/?metric=lifecycle&interval=hour&{DAYS}")
    assert (moved.status_code, moved["Location"]) == (302, LIFECYCLE)
    moved = client.get(f"/reports/activity/?metric=stickiness&by=group&{DAYS}&interval=week")
    assert moved["Location"] == STICKINESS
    assert client.get(moved["Location"]).status_code == 200
    people = client.get(f"/reports/people/?metric=lifecycle&state=new&period=3&interval=week&{DAYS}")
    assert names(community.ana, people["Location"]) == ["Cy"]
    assert "Lifecycle</option>" not in page(community.ana, "/reports/activity/")


@pytest.mark.parametrize("query", ["figure=nonsense", "period=99", "state=nonsense"])
def test_a_number_that_is_not_there_is_not_found(community, query):
    page(community.ana, f"/reports/people/?report=lifecycle&{DAYS}&{query}", status=404)
