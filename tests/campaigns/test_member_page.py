"""The page of a group that members open on their phone."""

from __future__ import annotations

import gzip
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as django_settings
from django.contrib.staticfiles import finders
from django.test import Client

from delivery.models import Delivery, FeedItem
from delivery.services import Content, deliver, dispatch, message_create
from groups.models import Group
from groups.services import group_archive
from tests.base import Cast
from tests.builders import NOW, make_group
from tests.delivery.sending_things import plan

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _monday():
    with time_machine.travel(NOW, tick=False):
        yield


def address(group: Group) -> str:
    return f"/m/g/{group.page_token}/"


def test_members_read_what_the_group_is_for_and_what_was_posted():
    delivery = plan()
    for pk in dispatch(now=NOW, clock=NOW).queued:
        deliver(delivery_id=pk)
    group = Group.objects.get(pk=delivery.group_id)

    page = Client().get(address(group)).content.decode()

    assert "Help parents of grade 3 with reading" in page
    assert "Read aloud" in page
    assert "Ten minutes &lt;b&gt;today&lt;/b&gt;." in page
    assert "<script" not in page


def test_it_is_not_signed_in_and_does_not_leak():
    response = Client().get(address(make_group()))

    assert response.status_code == 200
    assert (response["Referrer-Policy"], response["X-Robots-Tag"]) == ("same-origin", "noindex")
    assert (
        "script-src" in response["Content-Security-Policy"]
        or "default-src 'self'" in response["Content-Security-Policy"]
    )


@pytest.mark.parametrize("token", ["x", "1", "%00", "a" * 22, "../../sign-in"])
def test_a_token_cannot_be_guessed(token):
    make_group()

    assert Client().get(f"/m/g/{token}/").status_code == 404


def test_a_closed_group_has_no_page(cast: Cast):
    group = make_group()
    group_archive(by=cast.lin, group=group)

    assert Client().get(address(group)).status_code == 404


def test_a_new_address_ends_the_old_one(cast: Cast):
    group = make_group(branch=cast.hangzhou)
    old = address(group)
    mei = Client()
    mei.force_login(cast.mei)

    mei.post(f"/groups/{group.pk}/channel/renew/")

    group.refresh_from_db()
    assert Client().get(old).status_code == 404
    assert Client().get(address(group)).status_code == 200
    assert address(group) in mei.get(f"/groups/{group.pk}/channel/").content.decode()


def test_the_code_leads_to_the_page(cast: Cast):
    lin = Client()
    lin.force_login(cast.lin)

    code = lin.get(f"/groups/{make_group().pk}/channel/code.svg")

    assert code["Content-Type"] == "image/svg+xml"
    assert code.content.startswith(b"<?xml")


def test_older_posts_are_a_page_away_and_only_of_this_group():
    group, other = make_group(), make_group()
    message = message_create(content=Content(title="Read aloud", text="See https://example.com/a?b=1&c=2"))
    for number in range(25):
        delivery = Delivery.objects.create(
            dedupe_key=f"x{number}", kind="inapp", group_id=group.pk, group_ref="g", message=message, due_at=NOW,
            late_until=NOW,
        )  # fmt: skip
        FeedItem.objects.create(
            delivery=delivery, group_id=group.pk, message=message, published_at=NOW - timedelta(hours=number)
        )

    page = Client().get(address(group)).content.decode()
    assert page.count("<article") == 20
    assert 'href="https://example.com/a?b=1&amp;c=2"' in page
    assert Client().get(address(group) + "?page=2").content.count(b"<article") == 5
    assert Client().get(address(group) + "?page=-3").content.count(b"<article") == 20
    assert Client().get(address(other)).content.count(b"<article") == 0


def test_the_page_speaks_the_language_of_the_phone():
    group = make_group()

    assert "What this group is for" in Client().get(address(group)).content.decode()
    chinese = Client().get(address(group), headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert "本群是做什么的" in chinese.content.decode()
    switched = Client()
    switched.post("/language/", {"language": "zh-hans", "next": address(group)})
    assert "本群是做什么的" in switched.get(address(group)).content.decode()


def test_it_is_light_enough_for_a_slow_network():
    page = Client().get(address(make_group())).content.decode()
    files = [
        part.split('"')[0] for part in page.split(f'href="{django_settings.STATIC_URL}')[1:] if ".css" in part[:80]
    ]
    size = 0
    for name in files:
        found = finders.find(name)
        assert found, name
        with open(found, "rb") as file:
            size += len(gzip.compress(file.read()))

    assert len(files) == 2
    assert size < 60_000


@pytest.mark.parametrize("items", [2, 20])
def test_it_takes_the_same_queries_whatever_it_holds(django_assert_num_queries, items):
    group = make_group()
    message = message_create(content=Content(title="x", text="y"))
    for number in range(items):
        delivery = Delivery.objects.create(
            dedupe_key=f"x{number}", kind="inapp", group_id=group.pk, group_ref="g", message=message, due_at=NOW,
            late_until=NOW,
        )  # fmt: skip
        FeedItem.objects.create(delivery=delivery, group_id=group.pk, message=message, published_at=NOW)

    with django_assert_num_queries(5):
        Client().get(address(group))


def test_only_reading_is_offered():
    assert Client().post(address(make_group())).status_code == 405
