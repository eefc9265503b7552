"""Applications, titles and clean-ups for other systems."""

from __future__ import annotations

from datetime import timedelta

import pytest

from groups.models import Group, RolePermission
from members.cleanup.conditions import Conditions
from members.cleanup.services import cleanup_advance, cleanup_start
from members.entry.models import Application, GroupTitle
from members.entry.services import QuestionDraft, entry_questions_save, titles_save
from members.merging.services import members_merge
from members.models import Member, StaffTask
from members.privacy.services import member_erase
from tests.api.base import Caller, assert_problem
from tests.base import Cast
from tests.builders import NOW, make_group, make_member

QUESTIONS = [QuestionDraft("几年级？", kind="choice", choices=["三", "四"]), QuestionDraft("为什么？", required=False)]


@pytest.fixture
def group(cast: Cast) -> Group:
    group = make_group("阅读群", branch=cast.hangzhou, external_id="g1")
    entry_questions_save(by=cast.mei, group=group, questions=QUESTIONS, changes={"is_open": True})
    return group


def body(**changes):
    return {"group": "g1", "name": "王妈妈", "answers": {"几年级？": "三"}, **changes}


class TestApplications:
    def test_an_application_is_made_once_for_a_key(self, cast: Cast, group):
        caller = Caller(cast.mei)
        first = caller.post("/applications/", body(), Idempotency_Key="k1")
        again = caller.post("/applications/", body(), Idempotency_Key="k1")
        assert first.status_code == again.status_code == 201
        assert first.json()["id"] == again.json()["id"]
        assert first.json()["state"] == "pending"
        assert f"/m/a/{Application.objects.get().token}/" in first.json()["page"]

    def test_what_is_wrong_is_pointed_at(self, cast: Cast, group):
        caller = Caller(cast.mei)
        question = group.entry_questions.first()
        wrong = assert_problem(caller.post("/applications/", body(answers={"几年级？": "九"})), 400, "invalid")
        assert wrong["errors"][0]["pointer"] == f"/answers/{question.pk}"
        wrong = assert_problem(caller.post("/applications/", body(answers={"哪里？": "杭州"})), 400, "invalid")
        assert wrong["errors"][0]["code"] == "unknown_question"
        assert_problem(caller.post("/applications/", body(group="nowhere")), 400, "unknown_group")
        assert_problem(Caller(cast.out).post("/applications/", body()), 400, "unknown_group")

    def test_a_group_that_takes_none_says_so(self, cast: Cast, group):
        make_group(branch=cast.hangzhou, external_id="closed")
        assert_problem(Caller(cast.mei).post("/applications/", body(group="closed", answers={})), 409, "not_open")

    def test_the_sending_systems_own_id_becomes_the_members(self, cast: Cast, group):
        caller = Caller(cast.mei)
        number = caller.post("/applications/", body(external_id="crm-7")).json()["id"]
        approved = caller.post(f"/applications/{number}/approve/", {})
        assert (approved.status_code, approved.json()["member"]) == (200, "crm-7")
        assert StaffTask.objects.get().member == Member.objects.get(external_id="crm-7")
        assert caller.post(f"/applications/{number}/approve/", {}).status_code == 200
        refused = caller.post(f"/applications/{number}/reject/", {"reason": "晚了"})
        assert_problem(refused, 409, "decided_already")

    def test_an_id_that_became_somebody_elses_meanwhile_is_not_taken_for_them(self, cast: Cast, group):
        caller = Caller(cast.mei)
        number = caller.post("/applications/", body(external_id="crm-8", contact="wx_new")).json()["id"]
        theirs = make_member("成都的", [make_group(branch=cast.chengdu)])
        Member.objects.filter(pk=theirs.pk).update(external_id="crm-8")
        approved = caller.post(f"/applications/{number}/approve/", {})
        assert (approved.status_code, approved.json()["member"]) == (200, f"application-{number}")
        theirs.refresh_from_db()
        assert theirs.contact == ""

    def test_who_was_merged_is_known_as_the_other_one(self, cast: Cast, group):
        stays, gone = make_member("王妈妈", [group]), make_member("王妈", [group])
        members_merge(by=cast.lin, now=NOW, winner=stays, loser=gone)
        number = Caller(cast.mei).post("/applications/", body(external_id=gone.external_id)).json()["id"]
        assert Caller(cast.mei).post(f"/applications/{number}/approve/", {}).json()["member"] == stays.external_id

    def test_an_erased_person_does_not_come_back_by_an_application(self, cast: Cast, group, settings):
        person = make_member("王妈妈", [group])
        member_erase(by=cast.lin, now=NOW, member=person)
        for _key in range(2):
            answer = Caller(cast.mei).post("/applications/", body(external_id=person.external_id))
            assert assert_problem(answer, 400, "invalid")["errors"][0]["code"] == "erased_member"
            # The key was changed since: the earlier one still tells.
            settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
            settings.SECRET_KEY = "a later key"
        assert not Application.objects.exists()

    def test_members_of_other_branches_cannot_be_named(self, cast: Cast, group):
        elsewhere = make_member("陈", [make_group(branch=cast.chengdu)])
        answer = Caller(cast.mei).post("/applications/", body(external_id=elsewhere.external_id))
        assert assert_problem(answer, 400, "invalid")["errors"][0]["code"] == "unknown_member"

    def test_a_full_group_is_in_conflict(self, cast: Cast, group):
        Group.objects.filter(pk=group.pk).update(capacity=0)
        caller = Caller(cast.mei)
        number = caller.post("/applications/", body()).json()["id"]
        assert_problem(caller.post(f"/applications/{number}/approve/", {}), 409, "group_full")

    def test_who_may_not_review_decides_nothing(self, cast: Cast, group):
        number = Caller(cast.mei).post("/applications/", body()).json()["id"]
        RolePermission.objects.create(role="operator", permission="review", allowed=False)
        assert Caller(cast.mei).post(f"/applications/{number}/approve/", {}).status_code == 403
        assert Caller(cast.out).post(f"/applications/{number}/approve/", {}).status_code == 404

    def test_the_list_is_limited_to_the_reach_and_narrowed(self, cast: Cast, group):
        Caller(cast.mei).post("/applications/", body())
        assert len(Caller(cast.ana).get("/applications/", state="pending", group="g1").json()["results"]) == 1
        assert Caller(cast.ana).get("/applications/", state="approved").json()["results"] == []
        assert Caller(cast.out).get("/applications/").json()["results"] == []

    def test_questions_are_listed(self, cast: Cast, group):
        found = Caller(cast.mei).get("/entry-questions/", group="g1").json()["results"]
        assert [(row["text"], row["choices"]) for row in found] == [("几年级？", ["三", "四"]), ("为什么？", [])]


class TestMemberships:
    def test_a_title_is_given_and_shown(self, cast: Cast, group):
        titles_save(by=cast.mei, group=group, titles=[GroupTitle(name="班长", exclusive=True)])
        member = make_member("甲", [group])
        caller = Caller(cast.mei)
        (row,) = caller.get("/memberships/", member=member.external_id).json()["results"]
        assert (row["group"], row["is_present"], row["introduced_at"], row["title"]) == ("g1", True, None, "")
        given = caller.send("PATCH", f"/memberships/{row['id']}/", {"title": "班长"})
        assert given.json()["title"] == "班长"
        assert_problem(caller.send("PATCH", f"/memberships/{row['id']}/", {"title": "校长"}), 400, "invalid")
        assert Caller(cast.out).get(f"/memberships/{row['id']}/").status_code == 404


def test_clean_ups_are_told_with_what_became_of_each_person(cast: Cast, group):
    make_member("甲", [group], now=NOW - timedelta(days=100))
    run = cleanup_start(by=cast.mei, now=NOW, conditions=Conditions(silent_days=30), reason="半年没说话", at_once=True)
    cleanup_advance(run_id=run.pk, now=NOW)
    caller = Caller(cast.ana)
    (told,) = caller.get("/cleanup-runs/").json()["results"]
    assert (told["reason"], told["listed"], told["removed"], told["open"]) == ("半年没说话", 1, 1, 0)
    (item,) = caller.get("/cleanup-items/", run=run.pk, state="removed").json()["results"]
    assert (item["why"], item["settled_by"], item["group"]) == ({"silent": 100}, "mei", "g1")
    assert Caller(cast.out).get("/cleanup-items/").json()["results"] == []
    assert caller.get("/cleanup-items/", run="x").json()["results"] == []
