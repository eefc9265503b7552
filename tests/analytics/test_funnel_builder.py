"""The funnel is built in its page: steps and what they must meet, exclusions, comparison, ready-made ones."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs

import pytest
from django.http import QueryDict
from django.test import Client

from analytics.steps import change_steps
from tests.analytics.test_best_hour import at_noon, clock, did
from tests.analytics.test_pages import page, people_of
from tests.builders import make_group, make_member

pytestmark = pytest.mark.django_db
assert at_noon

ADDRESS = "/reports/funnel/"


@pytest.fixture
def steps(cast):
    """Ann and Bob go all the way, Ann leaves between; Cy joins a group of another type and stops."""
    mine = make_group("Reading", branch=cast.hangzhou, community_type="knowledge", now=clock(9, 9))
    other = make_group("Deals", branch=cast.chengdu, community_type="product", now=clock(9, 9))
    ann, bob, cy = (make_member(name) for name in ("Ann", "Bob", "Cy"))
    rows = [(member, mine, "joined", clock(5, 9)) for member in (ann, bob)]
    rows += [(cy, other, "joined", clock(5, 9)), (ann, mine, "left", clock(4, 9))]
    rows += [(member, mine, "message", clock(3, 9)) for member in (ann, bob)]
    rows += [(member, None, "ordered", clock(2, 9)) for member in (ann, bob)]
    did(rows)
    return cast


def counts(html):
    """Members of each step, and those lost before it."""
    table = html[html.index("<tbody>") : html.index("</tbody>")]
    return [int(number) for number in re.findall(r"reached=\d[^\"]*\">(\d+)</a>", table)]


STEPS = "step=joined&step=message&step=ordered"


def test_a_step_counts_only_where_its_conditions_are_met(steps):
    assert counts(page(steps.lin, f"{ADDRESS}?{STEPS}"))[0] == 3
    html = page(steps.lin, f"{ADDRESS}?{STEPS}&type=product&type=&type=")
    assert counts(html)[0] == 1
    assert "Joined the group · Product" in html
    assert people_of(steps.lin, unescape(re.search(r'href="(/reports/people/[^"]+)"', html)[1])) == ["Cy"]
    assert counts(page(steps.lin, f"{ADDRESS}?{STEPS}&in_branch=hangzhou"))[0] == 2
    assert counts(page(steps.lin, f"{ADDRESS}?{STEPS}&motive=growth"))[0] == 3
    # A branch knows no other branch to ask for.
    assert "chengdu" not in page(steps.mei, f"{ADDRESS}?{STEPS}&in_branch=hangzhou")


def test_an_exclusion_lies_between_the_two_steps_that_are_named(steps):
    between = f"{ADDRESS}?{STEPS}&exclude=left&after=1&before_step=2"
    assert counts(page(steps.lin, between)) == [2, 1, 1, 1]  # Ann is out; Cy is lost at the second step
    after = f"{ADDRESS}?{STEPS}&exclude=left&after=2&before_step=3"
    assert counts(page(steps.lin, after)) == [3, 2, 1, 2]
    # Without numbers it holds for the whole way, and a step that is gone takes none with it.
    assert counts(page(steps.lin, f"{ADDRESS}?{STEPS}&exclude=left")) == [2, 1, 1, 1]
    assert counts(page(steps.lin, f"{ADDRESS}?step=joined&step=message&exclude=left&after=1&before_step=3")) == [
        2,
        1,
        1,
    ]


def test_steps_keep_their_conditions_when_they_are_moved_and_exclusions_come_and_go_without_a_script(steps):
    client = Client()
    client.force_login(steps.ana)

    def after(act, query):
        return parse_qs(
            client.get(f"{ADDRESS}?{query}&act={act}")["Location"].partition("?")[2], keep_blank_values=True
        )

    moved = after("up:1", f"{STEPS}&through=&through=poster&through=")
    assert moved["step"] == ["message", "joined", "ordered"]
    assert moved["through"] == ["poster", "", ""]
    assert after("remove:1", f"{STEPS}&type=product&type=mixed&type=")["type"] == ["product", ""]
    assert after("exclude", STEPS)["exclude"] == ["left"]
    assert "exclude" not in after("include:0", f"{STEPS}&exclude=left&after=1&before_step=2")


@pytest.mark.parametrize("act", ["up:0", "down:2", "remove:9", "include:3", "nonsense"])
def test_what_cannot_be_done_to_the_steps_changes_nothing(act):
    asked = QueryDict(f"{STEPS}&act={act}", mutable=True)
    change_steps(asked)
    assert asked.urlencode() == STEPS


def test_the_range_before_stands_beside_it_once_there_was_a_community(steps):
    # Somebody joined in the days before, but the community was younger than these: half a range says nothing.
    did([(make_member(), None, "joined", clock(7, 9))])
    assert "in the range before" not in page(steps.lin, f"{ADDRESS}?{STEPS}&from=2026-02-25&to=2026-02-28")
    did([(make_member(), None, "like", clock(40, 9))])
    html = page(steps.lin, f"{ADDRESS}?{STEPS}&from=2026-02-25&to=2026-02-28")
    assert "against the range before" in html
    assert "Of the first, before" in html


def test_the_core_chain_and_others_are_ready_made(steps):
    html = page(steps.ana, ADDRESS)
    links = [unescape(link) for link in re.findall(r'<a href="(\?step=[^"]+)" title=', html)]
    assert len(links) == 6
    chain = page(steps.ana, f"{ADDRESS}{links[0]}")
    for name in ("Became a friend of the staff", "Took a trial", "Ordered (2)", "Invited somebody"):
        assert name in chain
    assert 'class="is-current" aria-current="true">The core chain' in chain
    assert "breakdown" in chain.lower()


def test_a_breakdown_can_be_counted_at_any_step(steps):
    html = page(steps.lin, f"{ADDRESS}?{STEPS}&by=group&touch=step&at_step=2")
    rows = page(steps.lin, f"{ADDRESS}?{STEPS}&by=group&touch=step&at_step=2&export=csv&table=breakdown")
    assert [row.split(",")[0] for row in rows.lstrip("\ufeff").splitlines()[1:]] == ["Reading"]
    assert "data-step-options" in html


def test_the_time_to_convert_is_shown_in_bars_that_open_who_took_so_long(steps):
    quick = make_member("Dee")
    did([(quick, None, kind, clock(2, 9, i)) for i, kind in enumerate(("joined", "message", "ordered"))])
    rows = page(steps.lin, f"{ADDRESS}?{STEPS}&export=csv&table=times").lstrip("\ufeff").splitlines()[1:]
    assert [row for row in rows if not row.endswith(",0,0.0")] == ["1–10 minutes,1,33.3", "3–7 days,2,66.7"]
    html = page(steps.lin, f"{ADDRESS}?{STEPS}")
    links = dict(re.findall(r'within=(\d+)">(\d)</a>', html))
    assert links == {"1": "1", "6": "2"}
    link = unescape(re.search(r'href="(/reports/people/[^"]+within=6)"', html)[1])
    assert people_of(steps.lin, link) == ["Ann", "Bob"]
    page(steps.lin, link.replace("within=6", "within=11"), status=404)
