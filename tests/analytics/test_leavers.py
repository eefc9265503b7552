"""Who left, and the last thing that they saw, beside what those saw who stayed."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.analytics.test_best_hour import at_noon, clock, did, posted
from tests.analytics.test_explained import boxes_of
from tests.analytics.test_pages import page
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db
assert at_noon

ADDRESS = "/reports/leavers/"


def cohort(cast, name, number, branch=None):
    """A group whose members joined 60 days ago, and a post to it six days ago."""
    group = make_group(name, branch=branch or cast.hangzhou, now=clock(70, 9))
    members = [make_member(f"{name}{i}", [group], now=clock(60, 9, i)) for i in range(number)]
    posted(cast, group, [clock(6, 9)])
    return group, members


@pytest.fixture
def leaving(cast):
    """Of 30 members twelve left; nine of them had just seen the post that only one of the others saw."""
    group, members = cohort(cast, "R", 30)
    left, stayed = members[::2][:12], [*members[1::2], *members[24::2]]
    rows = [(member, group, "post_seen", clock(6, 10)) for member in [*left[:9], stayed[0]]]
    rows += [(member, group, "message", clock(8, 10)) for member in [*left[9:], *stayed[1:]]]
    rows += [(member, group, "left", clock(5, 10)) for member in left]
    # What came after does not count, nor what was done elsewhere.
    rows += [(stayed[1], group, "post_seen", clock(4, 10)), (left[9], None, "link_click", clock(6, 12))]
    did(rows)
    return group


def rows_of(html):
    table = html[html.index("<tbody>") : html.index("</tbody>")]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("<tr>")[1:]]
    return [[unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row] for row in rows]


def test_the_last_thing_of_leavers_stands_beside_that_of_those_who_stayed(cast, leaving):
    html = page(cast.ana, ADDRESS)
    assert "12 members left" in html
    rows = rows_of(html)
    assert rows[0][:3] == ["Post “早安”", "9", "75.0%"]
    assert rows[0][4] == "more than those who stayed"
    assert rows[1][:3] == ["Message", "3", "25.0%"]
    assert float(rows[0][3][:-1]) < 12
    assert float(rows[1][3][:-1]) > 88
    assert "the last thing for 75.0% of those who left" in html
    explained = boxes_of(html)
    assert "Left: members whose last departure" in explained["left"]
    assert "Those who stayed: for each leaver" in explained["telling"]
    assert "2026-02-01 – 2026-03-02" in explained["left"]


def test_every_number_opens_those_who_left(cast, leaving):
    html = page(cast.mei, ADDRESS)
    for link, number in re.findall(r'href="(/reports/people/[^"]+)">(\d+)</a>', html):
        listed = page(cast.mei, f"{unescape(link)}&export=csv").splitlines()[1:]
        assert len(listed) == int(number)
        assert page(cast.out, unescape(link), status=404)
    page(cast.mei, "/reports/people/?report=leavers&thing=post:x", status=404)


def test_what_everybody_saw_last_is_not_blamed(cast):
    group, members = cohort(cast, "R", 30)
    did(
        [(member, group, "post_seen", clock(6, 10)) for member in members]
        + [(member, group, "left", clock(5, 10)) for member in members[:12]]
    )
    html = page(cast.lin, ADDRESS)
    assert rows_of(html)[0] == ["Post “早安”", "12", "100.0%", "100.0%", ""]
    assert "Nothing that leavers saw last stands out" in html


def test_who_is_back_did_not_leave_and_silence_is_a_last_thing_too(cast):
    group, members = cohort(cast, "R", 3)
    did(
        [
            (members[0], group, "left", clock(5, 10)),
            (members[0], group, "message", clock(4, 10)),
            (members[1], group, "left", clock(5, 10)),
        ]
    )
    assert rows_of(page(cast.lin, ADDRESS)) == [["Nothing in 30 days", "1", "100.0%", "100.0%", ""]]
    assert "Nobody left in this range" in page(cast.lin, f"{ADDRESS}?preset=7d&from=2026-01-01&to=2026-01-05")


def test_a_branch_sees_its_own_leavers_in_a_constant_number_of_queries(cast, leaving):
    assert "Nobody left in this range" in page(cast.out, ADDRESS)
    client = Client()
    client.force_login(cast.mei)
    client.get(ADDRESS)

    def asks():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(ADDRESS).status_code == 200
        return len(captured)

    before = asks()
    for number in range(5):
        group = make_group(f"More {number}", branch=cast.hangzhou, now=NOW)
        members = [make_member(f"More {number} {i}", [group], now=clock(20, 9)) for i in range(3)]
        did([(members[0], group, "left", clock(5, 10))])
    assert asks() == before
