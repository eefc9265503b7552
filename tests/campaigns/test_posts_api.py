"""/api/v1/posts/ and /api/v1/deliveries/."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.models import AuditEntry
from accounts.scopes import Scope
from campaigns.models import Post
from delivery.models import Delivery, Message
from tests.api.base import Caller, assert_problem
from tests.base import Cast
from tests.builders import NOW, make_group

pytestmark = pytest.mark.django_db
DAILY = {"rrule": "FREQ=DAILY", "start": "2026-03-01T09:00", "timezone": "Asia/Shanghai"}


@pytest.fixture(autouse=True)
def _monday():
    with time_machine.travel(NOW, tick=False):
        yield


def body(*groups: str, **fields):
    return {"title": "Read aloud", "body": "Ten minutes.", "groups": list(groups), "schedule": DAILY, **fields}


def test_a_daily_post_is_planned_two_weeks_ahead(cast: Cast):
    make_group(external_id="g1")
    make_group(external_id="g2")

    response = Caller(cast.lin).post("/posts/", body("g1", "g2", "g1"))

    assert response.status_code == 201
    post = response.json()
    assert post["groups"] == ["g1", "g2"]
    assert post["schedule"] == {
        "at": None,
        "rrule": "FREQ=DAILY",
        "start": "2026-03-01T09:00:00",
        "timezone": "Asia/Shanghai",
        "slots": [],
        "scene": "",
        "scene_days": 0,
        "holidays": "send",
    }
    assert (post["state"], post["missed"], post["late_minutes"]) == ("active", "late", 30)
    assert post["next_at"] == "2026-03-03T09:00:00+08:00"
    planned = Caller(cast.lin).get("/deliveries/", post=post["id"]).json()["results"]
    assert len(planned) == 28
    assert set(planned[0]) == {"id", "post", "group", "state", "attempts", "due_at", "settled_at", "error", "key"}
    assert {row["state"] for row in planned} == {"planned"}
    assert planned[0]["due_at"] == "2026-03-03T09:00:00+08:00"
    assert len({row["key"] for row in planned}) == 28
    assert AuditEntry.objects.get(action="post.created").actor == cast.lin


def test_a_single_time_makes_one_delivery(cast: Cast):
    make_group(external_id="g1")
    schedule = {"at": "2026-03-02T15:00:00+08:00"}

    post = Caller(cast.lin).post("/posts/", body("g1", schedule=schedule)).json()

    (row,) = Caller(cast.lin).get("/deliveries/", post=post["id"]).json()["results"]
    assert (row["group"], row["state"], row["due_at"]) == ("g1", "planned", "2026-03-02T15:00:00+08:00")


def test_a_group_that_is_unknown_refuses_the_whole_post(cast: Cast):
    make_group(external_id="g1")

    problem = assert_problem(Caller(cast.lin).post("/posts/", body("g1", "nobody")), 400, "unknown_group")

    assert problem["errors"][0]["pointer"] == "/groups/1"
    assert not Post.objects.exists()
    assert not Message.objects.exists()


def test_a_group_of_another_branch_is_as_unknown_as_any(cast: Cast):
    make_group(external_id="g1", branch=cast.hangzhou)

    assert_problem(Caller(cast.out).post("/posts/", body("g1")), 400, "unknown_group")


def test_a_group_that_is_still_forming_cannot_be_posted_to(cast: Cast):
    make_group(external_id="g1", motivation="")

    assert_problem(Caller(cast.lin).post("/posts/", body("g1")), 400, "group_not_active")
    assert not Post.objects.exists()


@pytest.mark.parametrize(
    ("schedule", "pointer"),
    [
        ({"at": "2026-03-02T15:00:00"}, "/schedule/at"),
        ({"at": "soon"}, "/schedule/at"),
        ({"at": "2026-13-02T15:00:00Z"}, "/schedule/at"),
        ({"at": 5}, "/schedule/at"),
        ({}, "/schedule"),
        ([], "/schedule"),
        ({"at": "2026-03-02T15:00:00Z", **DAILY}, "/schedule"),
        ({"rrule": "FREQ=DAILY"}, "/schedule/start"),
        ({**DAILY, "start": "2026-03-01T09:00:00+08:00"}, "/schedule/start"),
        ({**DAILY, "start": "2026-02-30T09:00"}, "/schedule/start"),
        ({**DAILY, "timezone": "Mars/Olympus"}, "/schedule/timezone"),
        ({**DAILY, "timezone": "../../etc/passwd"}, "/schedule/timezone"),
        ({"at": "2026-03-02T15:00:00Z", "timezone": "x"}, "/schedule/timezone"),
        ({**DAILY, "rrule": "FREQ=MINUTELY"}, "/schedule/rrule"),
        ({**DAILY, "rrule": "every day"}, "/schedule/rrule"),
        ({**DAILY, "rrule": "FREQ=DAILY\nRRULE:FREQ=SECONDLY"}, "/schedule/rrule"),
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused_where_it_is_wrong(cast: Cast, schedule, pointer):
    make_group(external_id="g1")

    problem = assert_problem(Caller(cast.lin).post("/posts/", body("g1", schedule=schedule)), 400, "invalid")

    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert not Post.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"title": ""},
        {"title": "x" * 201},
        {"body": ""},
        {"body": "x" * 5001},
        {"groups": []},
        {"groups": "g1"},
        {"missed": "maybe"},
        {"late_minutes": -1},
        {"late_minutes": 99_999_999},
        {"title": None},
    ],
)
def test_other_fields_are_checked_too(cast: Cast, fields):
    make_group(external_id="g1")

    problem = assert_problem(Caller(cast.lin).post("/posts/", body("g1", **fields)), 400, "invalid")

    assert problem["errors"][0]["pointer"].startswith("/" + next(iter(fields)))


def test_the_same_idempotency_key_plans_once(cast: Cast):
    make_group(external_id="g1")
    caller = Caller(cast.lin)

    first = caller.post("/posts/", body("g1"), Idempotency_Key="k1")
    again = caller.post("/posts/", body("g1"), Idempotency_Key="k1")

    assert first.json() == again.json()
    assert Post.objects.count() == 1


def test_pause_cancels_and_resume_plans_again(cast: Cast):
    make_group(external_id="g1")
    caller = Caller(cast.lin)
    post = caller.post("/posts/", body("g1")).json()

    paused = caller.post(f"/posts/{post['id']}/pause/", {}).json()
    states = set(Delivery.objects.values_list("state", flat=True))

    assert (paused["state"], paused["next_at"]) == ("paused", None)
    assert states == {"cancelled"}
    assert caller.post(f"/posts/{post['id']}/pause/", {}).status_code == 200

    with time_machine.travel(NOW + timedelta(days=3), tick=False):
        resumed = caller.post(f"/posts/{post['id']}/resume/", {}).json()
    assert resumed["state"] == "active"
    planned = Delivery.objects.filter(state="planned")
    assert planned.order_by("due_at").first().due_at == datetime(2026, 3, 6, 1, tzinfo=UTC)
    assert planned.count() == 14
    assert Delivery.objects.filter(state="cancelled").count() == 3


def test_stop_is_for_good(cast: Cast):
    make_group(external_id="g1")
    caller = Caller(cast.lin)
    post = caller.post("/posts/", body("g1")).json()

    assert caller.post(f"/posts/{post['id']}/stop/", {}).json()["state"] == "stopped"

    assert set(Delivery.objects.values_list("state", flat=True)) == {"cancelled"}
    assert_problem(caller.post(f"/posts/{post['id']}/resume/", {}), 409, "post_over")
    assert caller.post(f"/posts/{post['id']}/stop/", {}).status_code == 200


def test_a_single_time_that_passed_during_the_pause_cannot_be_resumed(cast: Cast):
    make_group(external_id="g1")
    caller = Caller(cast.lin)
    post = caller.post("/posts/", body("g1", schedule={"at": "2026-03-02T15:00:00+08:00"})).json()
    caller.post(f"/posts/{post['id']}/pause/", {})

    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        assert_problem(caller.post(f"/posts/{post['id']}/resume/", {}), 409, "time_has_passed")


def test_a_branch_sees_its_part_and_cannot_stop_what_others_wait_for(cast: Cast):
    make_group(external_id="ours", branch=cast.hangzhou)
    make_group(external_id="theirs", branch=cast.chengdu)
    post = Caller(cast.lin).post("/posts/", body("ours", "theirs")).json()
    mei = Caller(cast.mei)

    assert mei.get(f"/posts/{post['id']}/").json()["groups"] == ["ours"]
    assert {row["group"] for row in mei.get("/deliveries/").json()["results"]} == {"ours"}
    assert_problem(mei.post(f"/posts/{post['id']}/stop/", {}), 403, "out_of_reach")


def test_a_post_of_another_branch_does_not_exist(cast: Cast):
    make_group(external_id="ours", branch=cast.hangzhou)
    post = Caller(cast.mei).post("/posts/", body("ours")).json()
    out = Caller(cast.out)

    assert out.get("/posts/").json()["results"] == []
    assert_problem(out.get(f"/posts/{post['id']}/"), 404, "not_found")
    assert_problem(out.post(f"/posts/{post['id']}/pause/", {}), 404, "not_found")
    assert out.get("/deliveries/").json()["results"] == []


def test_a_manager_reads_and_does_not_plan(cast: Cast):
    make_group(external_id="g1")

    assert Caller(cast.ana).get("/posts/").status_code == 200
    assert Caller(cast.ana).post("/posts/", body("g1")).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/posts/"), ("POST", "/posts/"), ("GET", "/deliveries/"), ("POST", "/posts/1/stop/")]
)
def test_each_address_needs_its_scope(cast: Cast, method, path):
    others = [scope for scope in Scope.values if not scope.startswith("campaigns")]

    assert Caller(cast.lin, *others).send(method, path, {}).status_code == 403


def test_deliveries_are_filtered_by_post_group_and_state(cast: Cast):
    make_group(external_id="g1")
    make_group(external_id="g2")
    caller = Caller(cast.lin)
    first = caller.post("/posts/", body("g1", "g2")).json()
    caller.post("/posts/", body("g1"))

    def count(**query):
        return len(caller.get("/deliveries/", **query).json()["results"])

    assert count() == 42
    assert count(post=first["id"]) == 28
    assert count(post=first["id"], group="g2") == 14
    assert count(state="sent") == 0
    assert count(state="planned", group="g1") == 28
    assert count(post="x") == count(post="9" * 30) == count(group="\x00") == count(state="x") == 0


@pytest.mark.parametrize("rows", [2, 20])
def test_lists_take_the_same_queries_whatever_they_hold(cast: Cast, django_assert_num_queries, rows):
    make_group(external_id="g1")
    caller = Caller(cast.lin)
    for _number in range(rows):
        caller.post("/posts/", body("g1"))

    with django_assert_num_queries(3):  # token, posts, their groups
        assert len(caller.get("/posts/").json()["results"]) == rows
    with django_assert_num_queries(2):  # token, deliveries
        caller.get("/deliveries/")
