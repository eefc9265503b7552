"""/api/v1/seed-users/ and what members say of themselves."""

from __future__ import annotations

import pytest
import time_machine

from accounts.scopes import Scope
from members.models import SeedProfile, SeedUser
from members.seeds.services import seeds_add
from tests.api.base import Caller, assert_problem
from tests.base import Cast
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _monday():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def seed(cast: Cast) -> SeedUser:
    ann = make_member("ann", [make_group(branch=cast.hangzhou)])
    SeedProfile.objects.create(member=ann, answers=15, score=22.2, certainty=45)
    return seeds_add(by=cast.mei, now=NOW, members=[ann], branch=cast.hangzhou, owner=cast.mei)[0]


def test_a_seed_user_comes_with_stage_score_and_explanation(cast: Cast, seed):
    (row,) = Caller(cast.mei).get("/seed-users/", stage="candidate").json()["results"]
    assert (row["member"], row["programme"], row["stage"], row["score"]) == (
        seed.member.external_id,
        "hangzhou",
        "candidate",
        22.2,
    )
    parts = {part["criterion"]: part for part in row["explanation"]}
    assert parts["answers"] == {
        "criterion": "answers",
        "value": 15,
        "points": 10.0,
        "weight": 10,
        "full_marks_at": 15,
    }
    assert parts["need"]["value"] is None
    assert Caller(cast.mei).get("/seed-users/", stage="active").json()["results"] == []
    assert Caller(cast.out).get("/seed-users/").json()["results"] == []
    assert Caller(cast.out).get(f"/seed-users/{seed.pk}/").status_code == 404


def test_a_member_is_put_onto_the_board_once(cast: Cast):
    ann = make_member("ann")
    caller = Caller(cast.lin)
    assert caller.post("/seed-users/", {"member": ann.external_id}, Idempotency_Key="k").status_code == 201
    assert caller.post("/seed-users/", {"member": ann.external_id}, Idempotency_Key="k").status_code == 201
    assert SeedUser.objects.count() == 1
    assert_problem(caller.post("/seed-users/", {"member": ann.external_id}), 409, "already_on_board")
    assert_problem(caller.post("/seed-users/", {"member": "nobody"}), 400, "unknown_member")


def test_a_move_is_refused_where_somebody_else_was_quicker(cast: Cast, seed):
    caller = Caller(cast.mei)
    moved = caller.post(f"/seed-users/{seed.pk}/move/", {"to": "accepted", "expected": "candidate"})
    assert (moved.status_code, moved.json()["stage"]) == (200, "accepted")
    late = caller.post(f"/seed-users/{seed.pk}/move/", {"to": "invited", "expected": "candidate"})
    assert_problem(late, 409, "moved_meanwhile")
    problem = assert_problem(caller.post(f"/seed-users/{seed.pk}/move/", {"to": "dropped"}), 400, "invalid")
    assert problem["errors"][0]["pointer"] == "/note"
    reader = Caller(cast.mei, Scope.MEMBERS_READ)
    assert reader.post(f"/seed-users/{seed.pk}/move/", {"to": "active"}).status_code == 403
    assert Caller(cast.ana).post(f"/seed-users/{seed.pk}/move/", {"to": "active"}).status_code == 403


def test_answers_are_changed_in_part(cast: Cast, seed):
    caller = Caller(cast.mei)
    path = f"/members/{seed.member_id}/seed-answers/"
    said = caller.send("PATCH", path, {"need": 9, "creates": True, "score": 100}).json()
    assert (said["need"], said["creates"], said["suggests"], said["certainty"]) == (9, True, None, 70)
    assert said["score"] < 100
    assert caller.send("PATCH", path, {"need": None}).json()["need"] is None
    assert caller.get(path).json()["creates"] is True
    assert_problem(caller.send("PATCH", path, {"need": 11}), 400, "invalid")
    assert Caller(cast.out).get(path).status_code == 404
