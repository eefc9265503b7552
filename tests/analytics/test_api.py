"""Reports over HTTP: what is asked, what is answered, and what a token's owner may see."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.services import token_issue
from analytics import sources
from analytics.index.building import index_refresh
from tests.analytics.agreed import check_all, send_all
from tests.builders import NOW, make_group

pytestmark = pytest.mark.django_db
WRITE = ("events:write", "members:write", "groups:write", "reports:read")
MARCH = {"from": "2026-03-01", "to": "2026-03-02"}
FUNNEL = {"timezone": "UTC", "range": MARCH, "steps": [{"kind": "message"}, {"kind": "ordered"}]}
TOTAL = {"timezone": "UTC", "range": MARCH, "metric": "total"}
UNIQUE = {**TOTAL, "metric": "unique"}


def asker(user, *scopes):
    """A function that posts as this person and returns the answer."""
    _token, text = token_issue(by=None, user=user, scopes=scopes or ("reports:read",))
    client = Client(headers={"authorization": f"Bearer {text}"})

    def ask(path, body, status=200):
        response = client.post(f"/api/v1/{path}/", body, content_type="application/json")
        assert response.status_code == status, response.content
        return response.json()

    return ask


@pytest.fixture
def ask(cast):
    return asker(cast.lin, *WRITE)


def send(ask, *events):
    rows = [
        {"id": f"{number}", "member": member, "kind": kind, "at": f"2026-03-{at}Z", **more}
        for number, (member, kind, at, more) in enumerate(events)
    ]
    answer = ask("events", {"create_missing": True, "events": rows})
    assert answer["accepted"] == len(rows)


@pytest.mark.parametrize("way", ["database", "index"])
def test_all_agreed_numbers_come_back_through_the_database_and_the_index(ask, way, settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr("analytics.index.source.FEW_MEMBERS", 0)
    send_all(ask)
    if way == "index":
        assert index_refresh(now=NOW)
    check_all(ask)


def test_events_of_one_instant_count_in_any_order_and_times_are_kept_to_the_millisecond(ask):
    send(
        ask,
        ("m", "ordered", "01T10:00:00.250", {}),
        ("m", "message", "01T10:00:00.250", {}),
        ("n", "message", "01T10:00:00.001", {}),
        ("n", "ordered", "01T10:00:01", {}),
    )
    answer = ask("reports/funnel", {**FUNNEL, "window_seconds": 1})
    assert answer["counts"] == [2, 2]
    assert answer["avg_seconds"] == [None, pytest.approx(0.4995)]


def test_the_answer_says_what_it_is_about(ask):
    answer = ask("reports/funnel", {**FUNNEL, "timezone": "Asia/Shanghai"})
    assert answer["timezone"] == "Asia/Shanghai"
    assert answer["range"] == {"from": "2026-03-01T00:00:00+08:00", "to": "2026-03-02T23:59:59.999+08:00"}
    assert answer["as_of"].endswith("+08:00")
    assert (
        ask("reports/funnel", {**FUNNEL, "range": answer["range"], "timezone": "Asia/Shanghai"})["range"]
        == (answer["range"])
    )


def test_a_report_can_be_limited_to_groups_and_members_and_unknown_names_match_nobody(ask):
    send(
        ask,
        ("m", "message", "01T10:00:00", {"group": "g"}),
        ("m", "message", "01T11:00:00", {"group": "h"}),
        ("n", "message", "01T12:00:00", {"group": "g"}),
        ("n", "message", "01T13:00:00", {}),
    )
    cases: list[tuple[dict[str, Any], int]] = [
        ({}, 4),
        ({"groups": ["g"]}, 2),
        ({"members": ["n"]}, 2),
        ({"groups": ["g", "h"], "members": ["m"]}, 2),
        ({"groups": ["nowhere"]}, 0),
        ({"members": []}, 0),
        ({"filter": {"group": "g"}}, 2),
        ({"filter": {"group": ["g", ""]}}, 3),
        ({"filter": {"channel": "nowhere"}}, 0),
        ({"event": {"kind": "nothing"}}, 0),
    ]
    for limits, want in cases:
        assert ask("reports/activity", {**TOTAL, **limits})["sum"] == want, limits


def test_ten_thousand_members_can_be_named_and_not_one_more(ask):
    names = [f"m{number}" for number in range(10_000)]
    send(ask, ("m9999", "message", "01T10:00:00", {}), ("other", "message", "01T10:00:00", {}))
    assert ask("reports/activity", {**UNIQUE, "members": names})["overall"] == 1
    answer = ask("reports/activity", {**UNIQUE, "members": [*names, "one more"]}, 400)
    assert answer["errors"][0]["pointer"] == "/members"


def test_a_long_list_of_members_is_sent_as_one_value(ask, monkeypatch):
    monkeypatch.setattr(sources, "LONG_LIST", 1)
    send(ask, *((f"m{n}", "message", f"01T10:00:0{n}", {"group": f"g{n}"}) for n in range(5)))
    asked = {**UNIQUE, "members": ["m1", "m2", "m3"], "groups": ["g2", "g3", "g4"]}
    assert ask("reports/activity", asked)["overall"] == 2
    answer = ask("reports/funnel", {**FUNNEL, "include": ["members"], "breakdown": {"by": "group"}})
    assert answer["members"] == [["m0", "m1", "m2", "m3", "m4"], []]
    assert sorted(answer["breakdown"]) == ["g0", "g1", "g2", "g3", "g4"]


def test_a_breakdown_speaks_of_the_group_of_the_event(ask, cast):
    make_group(external_id="g", branch=cast.hangzhou, motivation="sales")
    make_group(external_id="h", branch=cast.chengdu, motivation="growth")
    send(
        ask,
        ("m", "message", "01T10:00:00", {"group": "g"}),
        ("n", "message", "01T10:00:00", {"group": "h"}),
        ("o", "message", "01T10:00:00", {}),
    )
    for by, want in [("branch", {"hangzhou", "chengdu", ""}), ("motivation", {"sales", "growth", ""})]:
        assert set(ask("reports/funnel", {**FUNNEL, "breakdown": {"by": by}})["breakdown"]) == want
        assert set(ask("reports/activity", {**UNIQUE, "breakdown": {"by": by}})["breakdown"]) == want
    assert ask("reports/activity", {**UNIQUE, "filter": {"branch": "hangzhou"}})["overall"] == 1
    assert ask("reports/activity", {**UNIQUE, "filter": {"motivation": ""}})["overall"] == 1


def test_a_branch_sees_its_groups_and_what_its_members_did_outside_of_groups(ask, cast):
    make_group(external_id="mine", branch=cast.hangzhou)
    make_group(external_id="theirs", branch=cast.chengdu)
    send(
        ask,
        ("a", "message", "01T10:00:00", {"group": "mine"}),
        ("a", "message", "01T11:00:00", {"group": "theirs"}),
        ("a", "ordered", "01T12:00:00", {}),
        ("b", "message", "01T10:00:00", {"group": "theirs"}),
        ("b", "ordered", "01T12:00:00", {}),
    )
    assert ask("reports/activity", TOTAL)["sum"] == 5
    assert asker(cast.mei)("reports/activity", TOTAL)["sum"] == 2
    assert asker(cast.mei)("reports/funnel", FUNNEL)["counts"] == [1, 1]
    assert asker(cast.out)("reports/activity", TOTAL)["sum"] == 4
    assert asker(cast.out)("reports/activity", {**TOTAL, "groups": ["mine"]})["sum"] == 0


def test_a_manager_may_ask_and_a_token_without_the_scope_may_not(cast):
    assert asker(cast.ana)("reports/activity", TOTAL)["sum"] == 0
    assert asker(cast.lin, "groups:read")("reports/activity", TOTAL, 403)["status"] == 403
    assert Client().post("/api/v1/reports/activity/", {}, content_type="application/json").status_code == 401


def test_a_wrong_question_is_told_all_that_is_wrong_with_it(ask):
    answer = ask(
        "reports/funnel",
        {
            "timezone": "Mars/Base",
            "range": {"from": "2026-13-01"},
            "order": "sorted",
            "steps": [{"kind": "a", "when": "now"}, "b"],
            "filter": {"kind": "a"},
            "stpes": [],
        },
        400,
    )
    assert answer["code"] == "invalid_query"
    assert {(error["pointer"], error["code"]) for error in answer["errors"]} == {
        ("/stpes", "unknown_field"),
        ("/timezone", "unknown_timezone"),
        ("/range/from", "invalid_date"),
        ("/steps/0/when", "unknown_field"),
        ("/steps/1", "invalid_type"),
        ("/order", "unknown_value"),
        ("/filter/kind", "kind_in_filter"),
    }
    assert ask("reports/funnel", [], 400)["code"] == "invalid_query"
