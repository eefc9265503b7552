"""Posting is for those whose role in the group lets them: on every page, and through the API."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from accounts.scopes import Scope
from accounts.services import token_issue
from campaigns.models import Post
from campaigns.posts.services import Schedule, post_create
from delivery.models import Delivery
from groups.roles.models import GroupRole, Permission
from groups.roles.permissions import OPERATOR
from groups.roles.services import role_permission_set, staff_role_grant
from tests.builders import NOW, make_group

TOMORROW = Schedule(timezone="Asia/Shanghai", at=NOW + timedelta(days=1))


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def group(cast):
    return make_group("杭州·阅读", branch=cast.hangzhou, external_id="g1")


def allow(cast, role, allowed):
    role_permission_set(by=cast.lin, role=role, permission=Permission.POST, allowed=allowed)


class Person:
    """The same deeds through pages and through the API; each tells whether it was let through."""

    def __init__(self, user, group):
        self.user, self.group = user, group
        self.client = Client()
        self.client.force_login(user)
        self.token = token_issue(by=None, user=user, scopes=list(Scope.values))[1]

    def api(self, address, body=None):
        headers = {"authorization": f"Bearer {self.token}"}
        return self.client.post(address, json.dumps(body or {}), content_type="application/json", headers=headers)

    def plans_on_the_page(self):
        data = {
            "title": "早安", "body": "今日书单", "groups": [self.group.pk], "repeat": "once", "day": "2026-03-05",
            "clock": "09:00", "missed": "late", "late_minutes": "30",
        }  # fmt: skip
        return self.client.post("/posts/new/", data).status_code == 302

    def plans_by_api(self):
        body = {"title": "a", "body": "b", "groups": [self.group.external_id]}
        response = self.api("/api/v1/posts/", body | {"schedule": {"at": "2026-03-05T09:00:00+08:00"}})
        assert response.status_code == 201 or response.json()["code"] == "not_permitted"
        return response.status_code == 201

    def is_offered_the_group(self):
        return self.group.name in self.client.get("/posts/groups/").content.decode()

    def pauses(self):
        post = post_create(by=None, now=NOW, title="a", body="b", groups=[self.group], schedule=TOMORROW)
        by_page = self.client.post(f"/posts/{post.pk}/pause/").status_code == 302
        by_api = self.api(f"/api/v1/posts/{post.pk}/resume/").status_code == 200
        assert by_page == by_api
        return by_page

    def skips_a_delivery(self):
        post = post_create(by=None, now=NOW, title="a", body="b", groups=[self.group], schedule=TOMORROW)
        delivery = Delivery.objects.get(post_id=post.pk)
        shown = 'name="decision" value="skip"' in self.client.get(f"/deliveries/{delivery.pk}/").content.decode()
        done = self.client.post(f"/deliveries/{delivery.pk}/skip/").status_code == 302
        assert shown == done
        return done

    def sets_the_channel(self):
        address = f"/groups/{self.group.pk}/channel/"
        shown = 'name="kind"' in self.client.get(address).content.decode()
        done = self.client.post(address, {"kind": "inapp", "url": ""}).status_code == 302
        assert shown == done
        return done


DEEDS = ["plans_on_the_page", "plans_by_api", "is_offered_the_group", "pauses", "skips_a_delivery", "sets_the_channel"]


@pytest.mark.parametrize("role", [GroupRole.OWNER, GroupRole.ADMINISTRATOR, OPERATOR])
@pytest.mark.parametrize("deed", DEEDS)
def test_a_change_of_the_matrix_works_at_the_next_request(cast, group, role, deed):
    if role != OPERATOR:
        staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.mei, role=role)
    mei = Person(cast.mei, group)
    assert getattr(mei, deed)()
    allow(cast, role, False)
    assert not getattr(mei, deed)()
    allow(cast, role, True)
    assert getattr(mei, deed)()


@pytest.mark.parametrize("deed", DEEDS)
def test_administrators_are_let_through_whatever_the_matrix_says(cast, group, deed):
    for role in [*GroupRole.values, OPERATOR]:
        allow(cast, role, False)
    assert getattr(Person(cast.lin, group), deed)()


def test_a_post_with_one_refused_group_is_refused_whole_and_names_it(cast, group):
    mine = make_group("我的群", branch=cast.hangzhou, external_id="g2")
    staff_role_grant(by=cast.lin, now=NOW, group=mine, user=cast.mei, role=GroupRole.OWNER)
    allow(cast, OPERATOR, False)
    body = {"title": "a", "body": "b", "groups": ["g2", "g1"], "schedule": {"at": "2026-03-05T09:00:00+08:00"}}
    response = Person(cast.mei, group).api("/api/v1/posts/", body)
    assert (response.status_code, response.json()["code"]) == (403, "not_permitted")
    assert "杭州·阅读" in response.json()["detail"]
    assert "我的群" not in response.json()["detail"]
    assert not Post.objects.exists()


def test_the_button_on_a_group_explains_instead_of_showing_an_empty_form(client, cast, group):
    allow(cast, OPERATOR, False)
    client.force_login(cast.mei)
    response = client.get(f"/posts/new/?group={group.pk}", follow=True)
    assert response.redirect_chain
    assert "杭州·阅读" in str(next(iter(response.context["messages"])))
