"""Members, tags, segments, merging and erasing for other systems."""

from __future__ import annotations

import pytest

from accounts.models import AuditEntry
from groups.models import Grade
from members.fields.services import field_define
from members.models import Member, MemberExport, MergeRun
from members.segments.services import segment_create
from members.tags.services import tag_create
from tests.api.base import Caller, assert_problem
from tests.base import Cast
from tests.builders import NOW, make_group, make_member

IN_GROUP = {"all": [{"field": "in_group", "op": "yes"}]}


@pytest.fixture
def ann(cast: Cast) -> Member:
    return make_member("ann", [make_group(branch=cast.hangzhou)])


def test_a_member_is_added_once_for_one_key(cast: Cast):
    field_define(by=cast.lin, label="年龄", key="age", kind="number")
    body = {"external_id": "u1", "name": "王", "contact": "wx", "no_marketing": True, "fields": {"age": 7}}
    caller = Caller(cast.lin)
    for _time in range(2):
        answer = caller.post("/members/", body, Idempotency_Key="k")
        assert answer.status_code == 201
        assert answer.json()["fields"] == {"age": 7}
    assert Member.objects.count() == 1
    problem = assert_problem(caller.post("/members/", body), 400, "invalid")
    assert problem["errors"][0]["pointer"] == "/external_id"


def test_wrong_own_fields_are_pointed_at(cast: Cast, ann):
    field_define(by=cast.lin, label="年龄", key="age", kind="number")
    field_define(by=cast.lin, label="风险", key="risk", kind="text", headquarters_only=True)
    caller = Caller(cast.mei)
    body = {"fields": {"age": "seven", "risk": "high", "gone": 1}}
    problem = assert_problem(caller.send("PATCH", f"/members/{ann.pk}/", body), 400, "invalid")
    assert {error["pointer"] for error in problem["errors"]} == {"/fields/age", "/fields/risk", "/fields/gone"}
    Caller(cast.lin).send("PATCH", f"/members/{ann.pk}/", {"fields": {"risk": "high"}})
    assert caller.get(f"/members/{ann.pk}/").json()["fields"] == {}


def test_a_change_is_written_and_recorded(cast: Cast, ann):
    Grade.objects.create(name="三年级", position=3)
    caller = Caller(cast.mei)
    answer = caller.send("PATCH", f"/members/{ann.pk}/", {"grade": "三年级", "no_marketing": True})
    assert (answer.json()["grade"], answer.json()["no_marketing"]) == ("三年级", True)
    assert AuditEntry.objects.get(action="member.updated").after == {"grade": "三年级", "no_marketing": True}
    assert_problem(caller.send("PATCH", f"/members/{ann.pk}/", {"grade": "九年级"}), 400, "invalid")
    assert list(Member.objects.marketable()) == []


def test_tags_are_put_on_and_taken_off_by_name(cast: Cast, ann):
    tag_create(by=cast.lin, now=NOW, name="VIP")
    tag_create(by=cast.lin, now=NOW, name="在群", rule=IN_GROUP)
    caller = Caller(cast.mei)
    answer = caller.post(f"/members/{ann.pk}/tags/", {"put_on": ["VIP"]})
    assert answer.json()["tags"] == ["VIP", "在群"], answer.content.decode()
    assert [row["name"] for row in caller.get("/members/", tag="VIP").json()["results"]] == ["ann"]
    assert caller.post(f"/members/{ann.pk}/tags/", {"take_off": ["VIP"]}).json()["tags"] == ["在群"]
    problem = assert_problem(caller.post(f"/members/{ann.pk}/tags/", {"put_on": ["在群"]}), 400, "invalid")
    assert problem["errors"][0]["pointer"] == "/put_on/0"


def test_segments_are_made_listed_counted_and_narrow_the_members(cast: Cast, ann):
    make_member("ben", [make_group(branch=cast.chengdu)])
    caller = Caller(cast.mei)
    made = caller.post("/segments/", {"name": "在群", "definition": IN_GROUP}).json()
    assert made["branch"] == "hangzhou"
    assert [row["id"] for row in caller.get("/segments/").json()["results"]] == [made["id"]]
    assert caller.get(f"/segments/{made['id']}/count/").json() == {"members": 1}
    assert [row["name"] for row in caller.get("/members/", segment=made["id"]).json()["results"]] == ["ann"]
    assert_problem(Caller(cast.out).get("/members/", segment=made["id"]), 404, "unknown_segment")
    bad = {"name": "x", "definition": {"all": [{"field": "salary", "op": "is"}]}}
    problem = assert_problem(caller.post("/segments/", bad), 400, "invalid")
    assert problem["errors"][0]["pointer"] == "/definition/all/0/field"


def test_administrators_merge_copy_and_erase(cast: Cast, ann):
    other = make_member("安")
    admin = Caller(cast.lin)
    assert_problem(admin.post(f"/members/{ann.pk}/merge/", {"other": "nobody"}), 404, "unknown_member")
    assert admin.post(f"/members/{ann.pk}/merge/", {"other": other.external_id}).status_code == 201
    assert MergeRun.objects.count() == 1
    assert_problem(admin.post(f"/members/{ann.pk}/merge/", {"other": other.external_id}), 409, "merge_refused")
    assert admin.post(f"/members/{ann.pk}/export/", {}).status_code == 201
    assert MemberExport.objects.count() == 1
    assert_problem(admin.post(f"/members/{ann.pk}/erase/", {"confirm": "x"}), 400, "invalid")
    answer = admin.post(f"/members/{ann.pk}/erase/", {"confirm": ann.external_id})
    assert answer.status_code == 200
    assert answer.json()["name"] == f"#{ann.pk}"
    rejected = admin.events({"id": "1", "member": ann.external_id, "kind": "message", "at": "2026-03-02T09:00:00Z"})
    assert rejected.json()["rejected"][0]["code"] == "erased_member"
    assert admin.get("/members/").json()["results"] == []
    assert_problem(Caller(cast.mei).post(f"/members/{ann.pk}/erase/", {"confirm": "x"}), 403, "permission_denied")


@pytest.mark.parametrize("rows", [2, 20])
def test_the_list_takes_a_constant_number_of_queries(cast: Cast, rows, django_assert_num_queries):
    group = make_group()
    for _row in range(rows):
        make_member(groups=[group])
    segment = segment_create(by=cast.lin, now=NOW, name="在群", definition=IN_GROUP)
    caller = Caller(cast.lin)
    caller.get("/members/")
    with django_assert_num_queries(6):
        assert len(caller.get("/members/", segment=segment.pk).json()["results"]) == rows
