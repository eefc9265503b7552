"""Pieces over the API."""

from __future__ import annotations

import pytest

from campaigns.content.models import Piece
from campaigns.content.services import piece_create
from tests.api.base import Caller, assert_problem
from tests.builders import NOW

pytestmark = pytest.mark.django_db
SENT = {"title": "早安", "text": "{group}，早", "value": "information", "tags": ["晨读"]}


@pytest.fixture
def api(cast):
    return Caller(cast.mei)


def test_a_piece_is_added_once_read_and_changed(api):
    first, again = (api.post("/content/", SENT, Idempotency_Key="k1") for _time in range(2))
    assert first.status_code == 201
    assert first.json() == again.json()
    assert Piece.objects.count() == 1
    assert first.json() | {"id": 0} == first.json() | {
        "id": 0, "kind": "article", "tags": ["晨读"], "branch": "hangzhou", "state": "ready", "version": 1, "level": "",
    }  # fmt: skip
    path = f"/content/{first.json()['id']}/"
    changed = api.send("PATCH", path, {"text": "早上好", "version": 1})
    assert (changed.json()["text"], changed.json()["version"], changed.json()["tags"]) == ("早上好", 2, ["晨读"])
    assert_problem(api.send("PATCH", path, {"text": "晚上好", "version": 1}), 409, "conflict")


def test_what_cannot_be_sent_is_a_problem_with_its_field(api):
    problem = api.post("/content/", {**SENT, "text": "{groop}"})
    assert problem.status_code == 400
    assert problem.json()["errors"][0]["pointer"] == "/text"
    assert api.post("/content/", {**SENT, "kind": "question"}).json()["errors"][0]["pointer"] == "/level"
    assert api.post("/content/", {**SENT, "value": "fun"}).status_code == 400


def test_reach_and_scopes_hold(api, cast):
    shared = piece_create(by=None, now=NOW, title="大家的", text="早", value="link")
    others = piece_create(by=cast.out, now=NOW, title="别人的", text="早", value="link")
    assert [row["id"] for row in api.get("/content/").json()["results"]] == [shared.pk]
    assert api.get(f"/content/{others.pk}/").status_code == 404
    assert_problem(api.send("PATCH", f"/content/{shared.pk}/", {"title": "我的"}), 403, "not_yours")
    assert Caller(cast.mei, "campaigns:read").post("/content/", SENT).status_code == 403


def test_lists_are_filtered(api, cast):
    for value, tag in (("link", "甲"), ("benefit", "乙")):
        piece_create(by=cast.mei, now=NOW, title=value, text="早", value=value, tags=[tag])
    asked: list[tuple[dict[str, str], list[str]]] = [
        ({"value": "link"}, ["link"]),
        ({"tag": "乙"}, ["benefit"]),
        ({"kind": "x"}, []),
        ({"state": "ready"}, ["link", "benefit"]),
    ]
    for query, expected in asked:
        assert [row["title"] for row in api.get("/content/", **query).json()["results"]] == expected
