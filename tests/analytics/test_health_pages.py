"""Health as people and other systems read it, and what they do about it."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.policies import policy_get
from accounts.scopes import Scope
from accounts.services import token_issue
from activity.services import event_key
from analytics.health.policy import HealthPolicy
from analytics.health.services import health_walk
from analytics.models import GroupHealth
from analytics.pages.branches import branch_rows
from groups.models import Group
from members.ingestion import IncomingEvent, ingest
from members.models import StaffTask
from tests.analytics.test_health_walk import live
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
HEALTH, BRANCHES, POLICY = "/reports/health/", "/reports/branches/", "/settings/health/"


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def community(cast):
    """Two groups of Hangzhou, one in decline and one alive, and one of Chengdu."""
    sick = make_group("安静的群", branch=cast.hangzhou)
    well = make_group("热闹的群", branch=cast.hangzhou)
    other = make_group("成都的群", branch=cast.chengdu)
    live(sick, 100, until=NOW - 9 * DAY)
    live(well, 100)
    live(other, 100)
    health_walk(now=NOW)
    cast.sick, cast.well, cast.other = sick, well, other
    return cast


def ask(user, address, data=None):
    client = Client()
    client.force_login(user)
    response = client.get(address) if data is None else client.post(address, data)
    body = b"".join(response).decode() if response.streaming else response.content.decode()
    return response, body


def page(user, address):
    response, body = ask(user, address)
    assert response.status_code == 200, address
    return body


def test_the_list_shows_the_ones_in_need_first_and_only_what_one_may_see(community):
    html = page(community.lin, HEALTH)
    assert html.index("安静的群") < html.index("热闹的群")
    assert "Activity fell by" in html
    assert "成都的群" not in page(community.mei, HEALTH)
    assert "安静的群" not in page(community.out, HEALTH)


def test_the_list_narrows_to_stages_warnings_and_what_turned_lately(community):
    for query, expected in (
        ("?stage=declining", {"安静的群"}),
        ("?stage=active", {"热闹的群", "成都的群"}),
        ("?warning=any", {"安静的群"}),
        ("?warning=0", {"热闹的群", "成都的群"}),
        ("?turned=week", {"安静的群"}),
        (f"?branch={community.chengdu.pk}", {"成都的群"}),
        ("?q=热闹", {"热闹的群"}),
        ("?stage=dead", set()),
    ):
        html = page(community.lin, HEALTH + query)
        assert {name for name in ("安静的群", "热闹的群", "成都的群") if name in html} == expected, query


def test_the_list_can_be_taken_along_with_its_reasons(community):
    csv = page(community.lin, HEALTH + "?export=csv&stage=declining")
    assert "安静的群" in csv
    assert "Activity fell by" in csv
    assert "热闹的群" not in csv


@pytest.mark.parametrize("address", [HEALTH, BRANCHES, "/api/v1/health/"])
def test_the_queries_do_not_grow_with_the_groups(community, address):
    _token, secret = token_issue(by=None, user=community.lin, scopes=[Scope.REPORTS_READ])
    client = Client(headers={"authorization": f"Bearer {secret}"} if "api" in address else {})
    client.force_login(community.lin)

    def count():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        return len(queries)

    count()
    few = count()
    for number in range(20):
        live(make_group(f"群 {number}", branch=community.hangzhou), 40)
    health_walk(now=NOW + DAY)
    count()  # what is new is read once
    assert count() == few


def test_the_page_of_a_group_says_why_and_what_helps(community):
    html = page(community.mei, f"/groups/{community.sick.pk}/health/")
    for words in ("Declining", "Activity fell by", "Plan a rescue post", "Merge with another group", "Six mistakes"):
        assert words in html
    calm = page(community.mei, f"/groups/{community.well.pk}/health/")
    assert "Merge with another group" not in calm
    assert "Activity holds" in calm
    assert "Plan a rescue post" not in page(community.ana, f"/groups/{community.sick.pk}/health/")
    assert ask(community.out, f"/groups/{community.sick.pk}/health/")[0].status_code == 404


def test_a_rescue_post_comes_with_words_that_fit(community):
    html = page(community.mei, f"/groups/{community.sick.pk}/health/")
    link = next(part for part in html.split('"') if part.startswith("/posts/new/?") and "title" in part)
    asked = parse_qs(urlsplit(link.replace("&amp;", "&")).query)
    assert asked["group"] == [str(community.sick.pk)]
    form = page(community.mei, link.replace("&amp;", "&"))
    assert asked["title"][0] in form
    assert asked["body"][0][:40] in form
    assert "安静的群" in form


def test_a_group_before_its_first_night_says_so(community):
    new = make_group(branch=community.hangzhou)
    assert "Not judged yet" in page(community.mei, f"/groups/{new.pk}/health/")
    assert "this one is next" in page(community.mei, f"/groups/{new.pk}/health/card/")


def test_the_card_says_stage_and_reasons(community):
    card = page(community.mei, f"/groups/{community.sick.pk}/health/card/")
    assert "Declining" in card
    assert "Activity fell by" in card
    assert "<html" not in card


def test_a_merge_is_shown_before_it_is_done_and_can_be_taken_back(community):
    address = f"/groups/{community.sick.pk}/merge/"
    html = page(community.mei, address)
    assert "热闹的群" in html
    assert "成都的群" not in html
    response, html = ask(community.mei, address, {"into": community.other.pk})
    assert (response.status_code, "Choose the group to merge into." in html) == (422, True)
    response, _html = ask(community.mei, address, {"into": community.well.pk})
    assert response.status_code == 302
    community.sick.refresh_from_db()
    assert (community.sick.state, community.sick.merged_into) == ("archived", community.well)
    assert StaffTask.objects.filter(kind="merge_invite", state="open").count() == 6
    assert "热闹的群" in page(community.mei, f"/groups/{community.sick.pk}/health/")
    ask(community.mei, f"/groups/{community.sick.pk}/unmerge/", {})
    community.sick.refresh_from_db()
    assert community.sick.state == "active"


def test_closing_shows_what_ends_and_settles_the_warning(community):
    address = f"/groups/{community.sick.pk}/close/"
    assert "6 members are in it." in page(community.mei, address)
    assert ask(community.ana, address)[0].status_code == 403
    ask(community.mei, address, {})
    community.sick.refresh_from_db()
    assert community.sick.state == "archived"
    assert StaffTask.objects.get(kind="group_turned").outcome == "closed"


# Thresholds


def form_data(**changes):
    policy = HealthPolicy()
    data = {name: getattr(policy, name) for name in HealthPolicy.__dataclass_fields__ if name != "KEY"}
    data["selling_words"] = "，".join(policy.selling_words)
    return {**data, "version": 0, **changes}


def test_thresholds_are_tried_out_before_they_are_saved(community):
    response, html = ask(community.lin, POLICY, form_data(dead_activity=40, act="preview"))
    assert response.status_code == 200
    assert "1 of 3 groups would stand elsewhere." in html
    assert policy_get(HealthPolicy) == HealthPolicy()


def test_thresholds_are_saved_for_the_nights_to_come(community):
    response, _html = ask(community.lin, POLICY, form_data(decline=55, selling_words="优惠, 下单、优惠\n清仓"))
    assert response.status_code == 302
    assert policy_get(HealthPolicy).decline == 55
    assert policy_get(HealthPolicy).selling_words == ["优惠", "下单", "清仓"]
    assert "55% below" in page(community.lin, HEALTH)


def test_two_administrators_notice_each_other(community):
    ask(community.lin, POLICY, form_data(decline=55))
    response, html = ask(community.lin, POLICY, form_data(decline=30))
    assert response.status_code == 409
    assert 'value="30"' in html
    assert "55" in html
    assert policy_get(HealthPolicy).decline == 55
    assert ask(community.lin, POLICY, form_data(decline=30, version=1))[0].status_code == 302


def test_a_threshold_out_of_range_is_refused_with_what_was_typed(community):
    response, html = ask(community.lin, POLICY, form_data(decline=95))
    assert response.status_code == 422
    assert 'value="95"' in html
    assert ask(community.mei, POLICY)[0].status_code == 403


# Branches


def numbers(user):
    return {row.name: {number.key: number for number in row.numbers} for row in branch_rows(user, NOW)}


def test_branches_stand_beside_each_other_and_a_branch_sees_its_own(community):
    rows = numbers(community.lin)
    assert set(rows) == {"杭州", "成都"}
    assert (rows["杭州"]["groups"].value, rows["杭州"]["members"].value) == (2, 12)
    assert (rows["杭州"]["active"].value, rows["杭州"]["active_share"].value) == (6, 50.0)
    assert rows["杭州"]["active"].before == 12
    assert set(numbers(community.mei)) == {"杭州"}
    assert "成都" not in page(community.mei, BRANCHES)
    assert "成都" in page(community.ana, BRANCHES)


def test_every_number_of_a_branch_leads_to_as_many_members(community):
    newcomer = make_member("新人", groups=[community.well], now=NOW - 45 * DAY)
    for kind, days in (("answer", 14), ("ordered", 3), ("message", 2)):
        at = NOW - days * DAY
        event = IncomingEvent(
            event_key("t", kind), newcomer.external_id, community.well.external_id, kind, at, value=None
        )
        ingest(events=[event], source="t", by=None, create_missing=False, now=NOW)
    rows = numbers(community.lin)["杭州"]
    assert rows["stayed"].value == 100.0
    for key, count in (("members", 13), ("active", 7), ("stayed", 1)):
        html = page(community.lin, rows[key].url)
        assert f"1–{count} of {count}" in html, key
    assert ask(community.out, rows["members"].url)[0].status_code == 404


def test_what_happens_outside_of_groups_is_nobodys(community):
    circle = make_group("总部的群")
    live(circle, 10)
    buyer = make_member("买家", groups=[community.well])
    at = NOW - 2 * DAY
    event = IncomingEvent(event_key("t", "x"), buyer.external_id, "", "ordered", at, value=None)
    ingest(events=[event], source="t", by=None, create_missing=False, now=NOW)
    rows = numbers(community.lin)["Headquarters"]
    assert rows["active"].value == rows["members"].value
    assert f"of {rows['active'].value}" in page(community.lin, rows["active"].url)


def test_the_comparison_can_be_taken_along(community):
    csv = page(community.lin, BRANCHES + "?export=csv")
    assert "杭州" in csv
    assert csv.count("\n") == 3


# API


def api(user, address, scopes=(Scope.REPORTS_READ,)):
    _token, secret = token_issue(by=None, user=user, scopes=list(scopes))
    return Client(headers={"authorization": f"Bearer {secret}"}).get(address)


def test_other_systems_read_the_health_of_groups(community):
    answer = api(community.lin, "/api/v1/health/?stage=declining").json()
    (row,) = answer["results"]
    assert (row["group"], row["stage"], row["warning"]) == (community.sick.external_id, "declining", "act")
    assert row["reasons"][0]["code"] == "fell"
    assert row["reasons"][0]["figures"]["usual"] > row["reasons"][0]["figures"]["active"]
    assert [item["code"] for item in row["mistakes"]] == [
        *("no_focus", "wrong_centre", "size", "spam", "selling", "irregular"),
    ]
    one = api(community.mei, f"/api/v1/groups/{community.sick.pk}/health/").json()
    assert one == row
    assert api(community.out, f"/api/v1/groups/{community.sick.pk}/health/").status_code == 404
    assert api(community.lin, "/api/v1/health/", [Scope.GROUPS_READ]).status_code == 403
    assert len(api(community.mei, "/api/v1/health/").json()["results"]) == 2


def test_a_group_that_is_not_judged_is_not_found(community):
    new = make_group(branch=community.hangzhou)
    assert api(community.mei, f"/api/v1/groups/{new.pk}/health/").status_code == 404
    assert GroupHealth.objects.values("group").distinct().count() == Group.objects.count() - 1
