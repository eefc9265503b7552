"""The recipients of a post in its form: groups that are listed and changed later, all but some, what each may get."""

from __future__ import annotations

from datetime import time

import pytest
import time_machine
from django.test import Client

from campaigns.models import GroupSending, Post
from delivery.models import Delivery, GroupDay
from groups.models import Group
from groups.services import group_archive
from tests.base import Cast
from tests.builders import NOW, make_group
from tests.campaigns.test_posts_console import make_post, signed_in, typed

pytestmark = pytest.mark.django_db
DAILY = {"repeat": "daily", "day": "2026-03-02", "clock": "18:00", "zone": "Asia/Shanghai"}


@pytest.fixture(autouse=True)
def _monday():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def lin(cast: Cast) -> Client:
    return signed_in(cast.lin)


def listed(post: Post) -> set[str]:
    return set(Group.objects.filter(posts=post).values_list("name", flat=True))


def planned(group: Group) -> int:
    return Delivery.objects.planned().filter(group_id=group.pk).count()


def test_groups_join_and_leave_a_post_in_its_form(lin: Client):
    stays, leaves, joins = make_group("Stays"), make_group("Leaves"), make_group("Joins")
    post = make_post(stays, leaves)
    address = f"/posts/{post.pk}/edit/"

    page = lin.get(address).content.decode()
    assert page.count("checked><span translate") == 2
    assert "Joins" in page
    assert lin.post(address, typed(stays, joins, **DAILY)).status_code == 302

    assert listed(post) == {"Stays", "Joins"}
    assert (planned(stays), planned(joins), planned(leaves)) == (14, 14, 0)
    refused = lin.post(address, typed(**DAILY))
    assert refused.status_code == 422
    assert "Choose at least one group." in refused.content.decode()


def test_a_group_that_closed_meanwhile_stays_listed_and_hinders_nobody(cast: Cast, lin: Client):
    open_group, closed = make_group("Open"), make_group("Closed")
    post = make_post(open_group, closed)
    group_archive(by=cast.lin, group=closed)
    assert lin.post(f"/posts/{post.pk}/edit/", typed(open_group, **DAILY, title="Other")).status_code == 302
    assert listed(post) == {"Open", "Closed"}
    # But it cannot be chosen anew.
    assert lin.post("/posts/new/", typed(open_group, closed)).status_code == 422


def test_nobody_adds_a_group_out_of_reach(cast: Cast):
    own, other = make_group("Own", branch=cast.hangzhou), make_group("Other", branch=cast.chengdu)
    post = make_post(own)
    assert signed_in(cast.mei).post(f"/posts/{post.pk}/edit/", typed(own, other, **DAILY)).status_code == 422
    assert listed(post) == {"Own"}


def test_all_but_some_groups(cast: Cast, lin: Client):
    one, two, closed = make_group("One"), make_group("Two"), make_group("Closed", external_id="closed")
    assert "Two" in lin.get(f"/posts/groups/?for=without&find=tw&without={one.pk}").content.decode()

    fields = typed(**DAILY, recipients="audience", motivations=["growth"])
    check = lin.post("/posts/check/", {**fields, "without": [two.pk]}).content.decode()
    assert "Goes to 2 groups." in check
    lin.post("/posts/new/", {**fields, "without": [two.pk, closed.pk]})
    post = Post.objects.get()
    assert post.audience == {"motivations": ["growth"], "except": sorted([two.external_id, "closed"])}
    assert (planned(one), planned(two)) == (14, 0)

    # An exception that is closed by now cannot be shown, and stays.
    group_archive(by=cast.lin, group=closed)
    page = lin.get(f"/posts/{post.pk}/edit/").content.decode()
    assert f'name="without" value="{two.pk}" checked' in page
    lin.post(f"/posts/{post.pk}/edit/", {**fields, "without": [one.pk]})
    post.refresh_from_db()
    assert post.audience["except"] == sorted([one.external_id, "closed"])
    lin.post(f"/posts/{post.pk}/edit/", {**fields, "without": []})
    post.refresh_from_db()
    assert post.audience["except"] == ["closed"]


def test_what_a_group_may_still_get_today_is_told(lin: Client):
    group = make_group("Reading")
    channel = f"/groups/{group.pk}/channel/"
    assert "left today" not in lin.get(channel).content.decode()
    GroupSending.objects.create(group=group, daily_quota=3, quiet_from=time(22, 30), quiet_until=time(7))
    GroupDay.objects.create(group_id=group.pk, day=NOW.date(), used=2)

    line = "at most 3 posts a day, 1 left today · quiet from 22:30 to 07:00"
    assert line in lin.get(channel).content.decode()
    assert line in lin.post("/posts/check/", typed(group)).content.decode()
