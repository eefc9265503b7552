"""Groups and members through the API."""

from __future__ import annotations

import pytest

from groups.models import Grade, Group, RuleSet
from tests.api.base import Caller, assert_problem, sent
from tests.base import Cast, cast  # noqa: F401  the fixture
from tests.builders import NOW, make_group

WHOLE = {
    "external_id": "g1",
    "name": "三年级阅读群",
    "branch": "hangzhou",
    "motivation": "growth",
    "purpose": "Reading every day",
    "slogan": "One page a day",
    "delivery": {
        "kind": "webhook",
        "url": "https://example.com/hook",
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    },
}


@pytest.fixture
def caller(cast: Cast) -> Caller:  # noqa: F811
    return Caller(cast.lin)


class TestMakingGroups:
    def test_a_group_with_motivation_and_purpose_is_active_and_has_its_channel(self, caller: Caller):
        answer = caller.post("/groups/", WHOLE)
        assert answer.status_code == 201
        body = answer.json()
        group = Group.objects.get(pk=body["id"])
        assert (body["external_id"], body["branch"], body["state"]) == ("g1", "hangzhou", "active")
        assert body["member_count"] == 0
        assert body["delivery"] == {"kind": "webhook", "url": "https://example.com/hook", "disabled_at": None}
        assert "whsec" not in answer.content.decode()
        assert group.destination is not None
        assert group.destination.secret == WHOLE["delivery"]["secret"]  # type: ignore[index]

    def test_a_name_and_an_external_id_are_enough_for_a_forming_group(self, caller: Caller):
        answer = caller.post("/groups/", {"external_id": "g2", "name": "New"})
        assert answer.json()["state"] == "forming"
        assert answer.json()["branch"] is None

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"name": ""}, "/name"),
            ({"name": None}, "/name"),
            ({"external_id": "x" * 121}, "/external_id"),
            ({"motivation": "fun"}, "/motivation"),
            ({"branch": "nowhere"}, "/branch"),
            ({"capacity": 10**9}, "/capacity"),
            ({"delivery": {"kind": "pigeon"}}, "/delivery/kind"),
            ({"delivery": {"kind": "webhook", "url": "ftp://example.com"}}, "/delivery/url"),
            ({"delivery": {"kind": "webhook", "url": "https://example.com", "secret": "x"}}, "/delivery/secret"),
        ],
    )
    def test_what_is_wrong_is_pointed_at_and_nothing_is_made(self, caller: Caller, change, pointer):
        problem = assert_problem(caller.post("/groups/", {**WHOLE, **change}), 400, "invalid")
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
        assert not Group.objects.exists()

    def test_an_external_id_is_given_once(self, caller: Caller):
        caller.post("/groups/", WHOLE)
        problem = assert_problem(caller.post("/groups/", WHOLE), 400, "invalid")
        assert problem["errors"][0]["pointer"] == "/external_id"

    def test_the_same_request_by_its_key_makes_one_group(self, caller: Caller):
        first = caller.post("/groups/", WHOLE, Idempotency_Key="a")
        again = caller.post("/groups/", WHOLE, Idempotency_Key="a")
        assert (again.status_code, again.json()) == (201, first.json())
        other = {**WHOLE, "name": "Other"}
        assert_problem(caller.post("/groups/", other, Idempotency_Key="a"), 409, "idempotency_key_reused")

    def test_staff_of_a_branch_make_groups_of_their_branch(self, cast: Cast):  # noqa: F811
        mei = Caller(cast.mei)
        assert mei.post("/groups/", {"external_id": "g2", "name": "New"}).json()["branch"] == "hangzhou"
        other = {"external_id": "g3", "name": "New", "branch": "chengdu"}
        problem = assert_problem(mei.post("/groups/", other), 400, "invalid")
        assert problem["errors"][0]["code"] == "unknown_branch"

    def test_a_manager_reads_and_does_not_change(self, cast: Cast):  # noqa: F811
        ana = Caller(cast.ana)
        assert_problem(ana.post("/groups/", WHOLE), 403, "permission_denied")
        assert ana.get("/groups/").status_code == 200


class TestReadingGroups:
    def test_a_stranger_finds_nothing(self, cast: Cast):  # noqa: F811
        group = make_group(external_id="g1", branch=cast.hangzhou)
        out = Caller(cast.out)
        assert out.get("/groups/").json() == {"results": [], "next": None}
        assert_problem(out.get(f"/groups/{group.pk}/"), 404, "not_found")
        assert_problem(out.send("PATCH", f"/groups/{group.pk}/", {"name": "Mine"}), 404, "not_found")
        assert_problem(out.get("/members/", group="g1"), 404, "unknown_group")
        assert Caller(cast.mei).get(f"/groups/{group.pk}/").json()["external_id"] == "g1"

    def test_lists_come_in_pages_that_lead_to_each_other(self, caller: Caller):
        made = [make_group().external_id for _ in range(5)]
        page = caller.get("/groups/", page_size=2).json()
        seen = [group["external_id"] for group in page["results"]]
        while page["next"]:
            page = caller.client.get(page["next"], headers={"Authorization": f"Bearer {caller.text}"}).json()
            seen += [group["external_id"] for group in page["results"]]
        assert seen == made

    def test_a_broken_cursor_is_not_found(self, caller: Caller):
        for cursor in ("x", "cD14", "cD0lMDA=", "%00"):
            assert caller.get("/groups/", cursor=cursor).status_code == 404

    @pytest.mark.parametrize("rows", [2, 20])
    def test_the_number_of_queries_is_constant(self, caller: Caller, rows: int, django_assert_num_queries):
        for _ in range(rows):
            make_group()
        caller.get("/groups/")
        with django_assert_num_queries(3):
            caller.get("/groups/")

    def test_groups_are_found_by_state_and_external_id(self, caller: Caller):
        make_group(external_id="a", motivation="")
        make_group(external_id="b")
        assert [group["external_id"] for group in caller.get("/groups/", state="forming").json()["results"]] == ["a"]
        assert [group["external_id"] for group in caller.get("/groups/", external_id="b").json()["results"]] == ["b"]

    def test_a_change_that_completes_the_positioning_makes_a_group_active(self, caller: Caller):
        group = make_group(motivation="", purpose="")
        answer = caller.send("PATCH", f"/groups/{group.pk}/", {"motivation": "sales", "purpose": "Deals"})
        assert answer.json()["state"] == "active"


class TestMembers:
    def test_the_present_members_of_a_group_are_listed(self, caller: Caller):
        caller.events(
            sent("1", member="stays", kind="joined"),
            sent("2", member="goes", kind="joined"),
            sent("3", member="goes", kind="left", at="2026-03-02T10:00:00+08:00"),
            sent("4", member="elsewhere", group="g2"),
        )
        in_group = caller.get("/members/", group="g1").json()["results"]
        assert [(member["external_id"], member["name"]) for member in in_group] == [("stays", "stays")]
        everybody = caller.get("/members/").json()["results"]
        assert {member["external_id"] for member in everybody} == {"stays", "goes", "elsewhere"}

    def test_members_are_in_reach_by_their_groups(self, cast: Cast, caller: Caller):  # noqa: F811
        make_group(external_id="g1", branch=cast.hangzhou)
        caller.events(sent())
        (member,) = Caller(cast.mei).get("/members/").json()["results"]
        assert member["stage"] == "in_group"
        assert Caller(cast.mei).get(f"/members/{member['id']}/").json() == member
        assert Caller(cast.out).get("/members/").json()["results"] == []
        assert_problem(Caller(cast.out).get(f"/members/{member['id']}/"), 404, "not_found")

    def test_reading_needs_the_scope(self, cast: Cast):  # noqa: F811
        assert_problem(Caller(cast.lin, "groups:read").get("/members/"), 403, "permission_denied")

    def test_an_unknown_group_is_not_found(self, caller: Caller):
        for name in ("", "nowhere", "a\x00"):
            assert_problem(caller.get("/members/", group=name), 404, "unknown_group")


def test_a_group_carries_audience_rules_and_tags_and_the_list_is_narrowed_by_them(cast: Cast, caller: Caller):  # noqa: F811
    Grade.objects.create(name="三年级", position=1)
    rules = RuleSet.objects.create(name="群规", created_at=NOW)
    RuleSet.objects.create(name="成都群规", branch=cast.chengdu, created_at=NOW)
    body = {
        **WHOLE,
        "audience_tier": "senior",
        "audience_identity": "家长",
        "audience_grade": "三年级",
        "rule_set": "群规",
        "tags": ["重点", "新群"],
        "keeps_messages": True,
    }
    made = caller.post("/groups/", body)
    assert made.status_code == 201, made.content
    shown = made.json()
    plain = ("audience_tier", "audience_identity", "audience_grade", "rule_set", "keeps_messages")
    assert {name: shown[name] for name in plain} == {name: body[name] for name in plain}
    assert sorted(shown["tags"]) == ["新群", "重点"]
    make_group("Another", branch=cast.hangzhou)
    filters = {"tag": "重点", "rule_set": "群规", "audience_grade": "三年级", "audience_tier": "senior"}
    for name, value in filters.items():
        assert [row["id"] for row in caller.get("/groups/", **{name: value}).json()["results"]] == [shown["id"]], name
    assert caller.get("/groups/", stage="nonsense").json()["results"] == []
    path = f"/groups/{shown['id']}/"
    changed = caller.send("PATCH", path, {"tags": ["重点"], "rule_set": None, "audience_grade": None}).json()
    assert (changed["tags"], changed["rule_set"], changed["audience_grade"]) == (["重点"], None, None)
    assert rules.groups.count() == 0
    assert_problem(caller.send("PATCH", path, {"rule_set": "成都群规"}), 400, "invalid")
    assert_problem(Caller(cast.mei).send("PATCH", path, {"rule_set": "成都群规"}), 400, "invalid")
