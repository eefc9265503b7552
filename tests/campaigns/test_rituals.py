"""The page "Rituals": what its parts tell, by stage, and for whom."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.rituals import parts
from campaigns.rituals.parts import Asked, Part, Row, Stage, register_part
from tests.builders import NOW, make_group, make_member
from tests.campaigns.activity_things import make_activity
from tests.campaigns.checkins.things import make_programme, press
from tests.members.questions.things import ask

pytestmark = pytest.mark.django_db
PAGE = "/rituals/"


@pytest.fixture
def lone_part(monkeypatch, time_machine):
    """No part but one, which has a ritual of each stage in every group."""
    time_machine.move_to(NOW, tick=False)
    monkeypatch.setattr(parts, "_PARTS", {})

    def rows(asked: Asked) -> list[Row]:
        day = timedelta(days=1)
        return [
            Row(f"{stage} {group.name}", stage, [group.name], "/somewhere/", asked.now + days * day, asked.now + day)
            for group in asked.groups
            for days, stage in ((-1, Stage.RUNNING), (2, Stage.COMING), (-3, Stage.OVER))
        ]

    part = Part("walks", "Walks", "star", 10, "campaigns:stories", "campaigns:stories", "Begin a walk", rows=rows)
    register_part(part)
    return part


def seen(client, query=""):
    context = client.get(f"{PAGE}{query}").context
    return {name: [row.title for _part, row in context[name]] for name in ("running", "coming", "results")}


def test_rituals_stand_under_their_stage_for_those_who_see_their_group(cast, client, lone_part):
    make_group("晨读", branch=cast.hangzhou)
    client.force_login(cast.mei)
    assert seen(client) == {"running": ["running 晨读"], "coming": ["coming 晨读"], "results": ["over 晨读"]}
    client.force_login(cast.out)
    assert seen(client) == {"running": [], "coming": [], "results": []}


def test_filters_of_the_address_narrow_it_by_kind_group_and_branch(cast, client, lone_part):
    here, there = make_group("晨读", branch=cast.hangzhou), make_group("夜读", branch=cast.chengdu)
    client.force_login(cast.lin)
    assert seen(client, f"?group={here.pk}")["running"] == ["running 晨读"]
    assert seen(client, f"?branch={there.branch_id}")["running"] == ["running 夜读"]
    assert len(seen(client, "?kind=walks")["running"]) == 2
    assert len(seen(client, "?kind=no-such-kind")["running"]) == 2, "what the page does not know is ignored"


def test_an_empty_page_says_what_to_begin_to_those_who_may(cast, client, lone_part):
    client.force_login(cast.mei)
    assert "Begin a walk" in client.get(PAGE).content.decode()
    client.force_login(cast.ana)
    page = client.get(PAGE).content.decode()
    assert "Nothing is running and nothing is planned" in page
    assert "Begin a walk" not in page


def test_the_lists_of_the_parts_are_reached_by_tabs(cast, client, lone_part):
    client.force_login(cast.ana)
    assert 'href="/stories/">Walks</a>' in client.get(PAGE).content.decode()


def test_the_page_of_a_group_shows_its_own_with_the_rate_of_today_and_the_ways_on(cast, client, time_machine):
    time_machine.move_to(NOW, tick=False)
    group, other = make_group("晨读", branch=cast.hangzhou), make_group("夜读", branch=cast.hangzhou)
    programme = make_programme(group, other, name="阅读打卡")
    press(programme, make_member(groups=[group]), group, NOW)
    make_member(groups=[group])
    activity = make_activity(cast.mei, [group])
    make_activity(cast.mei, [other], title="别的群")
    ask(make_member(groups=[group]), group, NOW)
    client.force_login(cast.mei)
    assert f"/groups/{group.pk}/rituals/" in client.get(f"/groups/{group.pk}/").content.decode()
    page = client.get(f"/groups/{group.pk}/rituals/")
    [row] = page.context["running"]
    assert (row.programme, row.counted, row.present) == (programme, 1, 3)
    assert [row.title for _part, row in page.context["rows"]] == [activity.title]
    text = page.content.decode()
    for address in (
        f"/rituals/check-ins/{programme.pk}/remind/?next=%2Fgroups%2F{group.pk}%2F",
        f"/rituals/?group={group.pk}&amp;kind=brainstorms",
        f"/questions/?group={group.pk}",
    ):
        assert address in text
    assert page.context["questions"] == 1
    client.force_login(cast.out)
    assert client.get(f"/groups/{group.pk}/rituals/").status_code == 404
