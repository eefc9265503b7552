"""Rule sets by the API."""

from __future__ import annotations

import pytest

from accounts.models import User
from groups.models import RuleSet
from tests.api.base import Caller, assert_problem
from tests.builders import make_rules

RULES = [
    {
        "text": "不发广告",
        "code": "ads",
        "category": "advertising",
        "detector": "keywords",
        "params": {"words": ["代购"]},
    }
]


@pytest.fixture
def lin(cast):
    return Caller(cast.lin)


def test_a_rule_set_is_made_changed_and_put_in_force(lin):
    answer = lin.post("/rule-sets/", {"name": "家长群群规", "rules": RULES})
    assert answer.status_code == 201
    made = answer.json()
    address = f"/rule-sets/{made['id']}/"
    assert (made["version"], made["draft"]["number"], made["draft"]["revision"]) == (None, 1, 1)
    changed = {"revision": 1, "rules": [*RULES, {"text": "不聊无关话题"}], "strike_days": 30}
    draft = lin.post(f"{address}draft/", changed).json()
    assert (draft["revision"], [rule["code"] for rule in draft["rules"]]) == (2, ["ads", "other"])
    assert_problem(lin.post(f"{address}publish/", {"revision": 1}), 409, "stale_draft")
    version = lin.post(f"{address}publish/", {"revision": 2, "reacknowledge": True, "note": "新群规"}).json()
    assert (version["state"], version["reacknowledge"], version["strike_days"]) == ("published", True, 30)
    found = lin.get(address).json()
    assert (found["in_force"], found["has_draft"], found["version"]["note"]) == (1, False, "新群规")
    assert_problem(lin.post(f"{address}publish/", {"revision": 2}), 409, "no_draft")


def test_a_rule_set_without_rules_starts_with_the_shipped_ones(lin):
    made = lin.post("/rule-sets/", {"name": "新群规"}).json()
    assert len(made["draft"]["rules"]) >= 6


def test_the_same_request_again_makes_nothing_twice(lin):
    for _time in range(2):
        assert lin.post("/rule-sets/", {"name": "新群规", "rules": RULES}, Idempotency_Key="a").status_code == 201
    assert RuleSet.objects.count() == 1


def test_of_two_systems_that_save_one_draft_the_second_is_told(lin):
    made = lin.post("/rule-sets/", {"name": "群规", "rules": RULES}).json()
    address = f"/rule-sets/{made['id']}/draft/"
    assert lin.post(address, {"revision": 1, "rules": RULES, "preamble": "甲"}).status_code == 200
    assert_problem(lin.post(address, {"revision": 1, "rules": RULES, "preamble": "乙"}), 409, "stale_draft")
    assert lin.post(address, {}).json()["preamble"] == "甲"


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({"text": "坏", "detector": "pattern", "params": {"patterns": ["("]}}, "/rules/0/params/patterns"),
        ({"text": "坏", "detector": "keywords", "params": {"words": []}}, "/rules/0/params/words"),
        ({"text": "坏", "code": "A B"}, "/rules/0/code"),
        ({"text": ""}, "/rules/0/text"),
        ({"text": "坏", "detector": "telepathy"}, "/rules/0/detector"),
    ],
)
def test_what_is_wrong_is_pointed_at(lin, rule, pointer):
    body = assert_problem(lin.post("/rule-sets/", {"name": "群规", "rules": [rule]}), 400, "invalid")
    assert body["errors"][0]["pointer"] == pointer
    assert not RuleSet.objects.exists()


def test_a_name_that_is_taken_is_refused(lin):
    lin.post("/rule-sets/", {"name": "群规", "rules": RULES})
    assert_problem(lin.post("/rule-sets/", {"name": "群规", "rules": RULES}), 400, "invalid")


def test_a_text_is_tried_with_places_in_it(cast, lin):
    made = make_rules(cast.lin, None)
    address = f"/rule-sets/{made['rule_set']}/check/"
    answer = Caller(cast.ana, "groups:read").post(address, {"text": "👍🏻找我 代 購"}).json()
    [hit] = answer["hits"]
    assert "👍🏻找我 代 購"[hit["start"] : hit["end"]] == "代 購"
    assert (hit["rule"], hit["action"], hit["found"]) == ("ads", "remind", "“代购”")
    assert lin.post(address, {"text": "早上好", "draft": True}).json() == {"version": 2, "hits": []}


def test_rules_that_are_not_in_force_are_not_tried(lin):
    made = lin.post("/rule-sets/", {"name": "群规", "rules": RULES}).json()
    assert_problem(lin.post(f"/rule-sets/{made['id']}/check/", {"text": "代购"}), 409, "not_in_force")


def test_operators_read_and_do_not_change(cast):
    made = make_rules(cast.lin, cast.hangzhou)
    mei, out = Caller(cast.mei), Caller(cast.out)
    address = f"/rule-sets/{made['rule_set']}/"
    assert mei.get(address).json()["version"]["rules"][0]["code"] == "ads"
    for path, body in (("draft/", {}), ("publish/", {"revision": 1})):
        assert mei.post(address + path, body).status_code == 403
        assert out.post(address + path, body).status_code == 404
    assert mei.post("/rule-sets/", {"name": "群规"}).status_code == 403
    assert out.get("/rule-sets/").json()["results"] == []


def test_an_administrator_of_a_branch_makes_rules_of_the_branch(cast):
    chief = User.objects.create_user("chief", role="admin", branch=cast.hangzhou)
    made = Caller(chief).post("/rule-sets/", {"name": "杭州群规", "rules": RULES}).json()
    assert made["branch"] == "hangzhou"
    assert_problem(Caller(chief).post("/rule-sets/", {"name": "成都群规", "branch": "chengdu"}), 400, "invalid")
