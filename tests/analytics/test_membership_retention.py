"""Retention by membership and by breakdown."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.analytics.test_best_hour import at_noon, clock, did
from tests.analytics.test_pages import page, people_of
from tests.builders import make_group, make_member

pytestmark = pytest.mark.django_db
assert at_noon

ADDRESS = "/reports/retention/?what=membership&period=day&intervals=5"
DAY = 4  # days ago, the first cohort


@pytest.fixture
def coming(cast):
    """Ann and Bob came four days ago, Cy a day later, Dee elsewhere; Bob left the day after he came, Ann was back."""
    mine, second = (make_group(name, branch=cast.hangzhou, now=clock(9, 9)) for name in ("Reading", "Writing"))
    theirs = make_group("Maths", branch=cast.chengdu, now=clock(9, 9))
    ann, bob = (make_member(name, [mine], now=clock(DAY, 9)) for name in ("Ann", "Bob"))
    cy = make_member("Cy", [mine], now=clock(3, 9))
    make_member("Dee", [theirs], now=clock(DAY, 9))
    did(
        [
            (bob, mine, "left", clock(3, 12)),
            (ann, mine, "left", clock(3, 12)),
            (ann, mine, "message", clock(3, 13)),
            # Left one of two groups: still there.
            (cy, second, "joined", clock(2, 9)),
            (cy, mine, "left", clock(2, 12)),
        ]
    )
    return cast


def cells(html):
    """Each cohort as its size and `there of size` for the later days."""
    body = html[html.index("heat-average") : html.index("</tbody>")]
    rows = [re.findall(r'<td class="num">(?:<a[^>]*>)?(\d+)|title="(\d+) of', row) for row in body.split("<tr>")[1:]]
    return [[int(size or there) for size, there in row] for row in rows]


def test_the_triangle_says_who_was_still_there_when_each_day_ended(coming):
    assert cells(page(coming.lin, ADDRESS)) == [[3, 2, 2, 2, 2], [1, 1, 1, 1], [0, 0, 0], [0, 0], [0]]
    assert cells(page(coming.mei, ADDRESS))[0] == [2, 1, 1, 1, 1]
    assert cells(page(coming.out, ADDRESS))[:2] == [[1, 1, 1, 1, 1], [0, 0, 0, 0]]


def test_every_cell_opens_those_who_were_there(coming):
    html = page(coming.lin, ADDRESS)
    found = re.findall(r'href="(/reports/people/[^"]+)">', html)
    assert people_of(coming.lin, unescape(found[0])) == ["Ann", "Bob", "Dee"]
    assert people_of(coming.lin, unescape(found[1])) == ["Ann", "Dee"]
    assert people_of(coming.mei, unescape(found[1])) == ["Ann"]


def test_each_branch_has_a_curve_and_a_triangle_of_its_own(coming):
    html = page(coming.lin, f"{ADDRESS}&by=branch")
    rows = page(coming.lin, f"{ADDRESS}&by=branch&export=csv&table=breakdown").lstrip("\ufeff").splitlines()
    assert [row.split(",")[:3] for row in rows[1:]] == [["杭州", "3", "66.7"], ["成都", "1", "100.0"]]
    link = re.search(r'href="(/reports/retention/[^"]*only=[^"]*hangzhou[^"]*)"', html)
    narrowed = page(coming.lin, unescape(link[1]))
    assert cells(narrowed)[0] == [2, 1, 1, 1, 1]
    people = unescape(re.findall(r'href="(/reports/people/[^"]+)">', narrowed)[0])
    assert people_of(coming.lin, people) == ["Ann", "Bob"]
    assert "杭州" not in page(coming.out, f"{ADDRESS}&by=branch")


def test_memberships_cannot_be_told_apart_by_channel(coming):
    assert "Who is in a group came by many channels" in page(coming.lin, f"{ADDRESS}&by=channel")


def test_coming_back_is_broken_down_by_what_the_cohort_began_with(coming):
    address = "/reports/retention/?period=day&intervals=5&start=joined&by=branch"
    rows = page(coming.lin, f"{address}&export=csv&table=breakdown").lstrip("\ufeff").splitlines()
    # Ann wrote the day after, Bob left, Cy joined another group: by what they began with, wherever they went on.
    assert rows[1].startswith("杭州,3,100.0,")
    assert rows[2].startswith("成都,1,0.0,")
    narrowed = page(coming.lin, f"{address}&only=%3Dchengdu")
    assert 'Who came back · <span translate="no">成都</span>' in narrowed
    assert cells(narrowed)[0][0] == 1


def test_the_number_of_queries_does_not_grow(coming):
    client = Client()
    client.force_login(coming.lin)

    def asks():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"{ADDRESS}&by=branch").status_code == 200
        return len(captured)

    before = asks()
    for number in range(5):
        make_member(f"M{number}", [make_group(f"G{number}", now=clock(9, 9))], now=clock(3, 10))
    assert asks() == before <= 14
