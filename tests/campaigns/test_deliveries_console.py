"""Deliveries and channels in the console."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from accounts.models import AuditEntry, User
from delivery.models import Delivery
from delivery.services import deliver, dispatch
from groups.channel import group_set_channel
from groups.models import Group
from tests.base import Cast
from tests.builders import NOW, make_group
from tests.campaigns.test_posts_console import make_post
from tests.delivery.sending_things import plan

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def of_hangzhou(cast: Cast, **fields) -> Delivery:
    delivery = plan()
    Group.objects.filter(pk=delivery.group_id).update(branch=cast.hangzhou)
    Delivery.objects.filter(pk=delivery.pk).update(**fields)
    return Delivery.objects.get()


# --- Decisions ---


@pytest.mark.parametrize(
    ("state", "act", "after"),
    [
        ("waiting_for_owner", "send", "queued"),
        ("waiting_for_owner", "sent", "sent"),
        ("waiting_for_owner", "skip", "skipped"),
        ("unknown", "send", "queued"),
        ("unknown", "sent", "sent"),
        ("failed", "send", "queued"),
        ("failed", "skip", "skipped"),
        ("planned", "skip", "skipped"),
    ],
)
def test_a_person_decides(cast: Cast, state, act, after):
    delivery = of_hangzhou(cast, state=state, error_code="missed")

    response = signed_in(cast.mei).post(f"/deliveries/{delivery.pk}/{act}/", follow=True)

    delivery.refresh_from_db()
    assert response.status_code == 200
    assert delivery.state == after
    assert AuditEntry.objects.get(subject_type="delivery.delivery").actor == cast.mei
    assert b"mei" in response.content


@pytest.mark.parametrize(
    ("state", "act"), [("sent", "send"), ("sending", "skip"), ("cancelled", "send"), ("sent", "skip")]
)
def test_what_has_moved_on_is_left_alone(cast: Cast, state, act):
    delivery = of_hangzhou(cast, state=state, settled_at=NOW)

    response = signed_in(cast.mei).post(f"/deliveries/{delivery.pk}/{act}/", follow=True)

    delivery.refresh_from_db()
    assert delivery.state == state
    assert b"moved on" in response.content
    assert not AuditEntry.objects.filter(subject_type="delivery.delivery").exists()


def test_what_a_person_sends_late_is_not_skipped_for_being_late(cast: Cast, clock):
    delivery = of_hangzhou(cast, state="waiting_for_owner", missed="ask", due_at=NOW - timedelta(hours=3))
    signed_in(cast.mei).post(f"/deliveries/{delivery.pk}/send/")
    clock.shift(timedelta(minutes=5))

    later = NOW + timedelta(minutes=5)
    assert dispatch(now=later, clock=later).queued == [delivery.pk]
    deliver(delivery_id=delivery.pk)

    delivery.refresh_from_db()
    assert delivery.state == "sent"


@pytest.mark.parametrize("act", ["send", "sent", "skip"])
def test_others_decide_nothing(cast: Cast, act):
    delivery = of_hangzhou(cast, state="failed")

    assert signed_in(cast.out).post(f"/deliveries/{delivery.pk}/{act}/").status_code == 404
    assert signed_in(cast.ana).post(f"/deliveries/{delivery.pk}/{act}/").status_code == 403
    assert signed_in(cast.mei).get(f"/deliveries/{delivery.pk}/{act}/").status_code == 405
    delivery.refresh_from_db()
    assert delivery.state == "failed"


def test_a_delivery_says_why_it_did_not_arrive_in_the_readers_language(cast: Cast):
    delivery = of_hangzhou(cast, state="failed", error_code="refused", error="404")
    mei = signed_in(cast.mei)

    assert b"The receiver refused the message (404)." in mei.get(f"/deliveries/{delivery.pk}/").content
    mei.cookies["language"] = "zh-hans"
    assert "接收方拒收（404）。" in mei.get(f"/deliveries/{delivery.pk}/").content.decode()
    assert signed_in(cast.out).get(f"/deliveries/{delivery.pk}/").status_code == 404


# --- Lists ---


def test_deliveries_are_filtered(cast: Cast):
    ours = make_group(name="Ours", branch=cast.hangzhou)
    other = make_group(name="Other", branch=cast.hangzhou)
    post = make_post(ours, other)
    first = Delivery.objects.filter(group_id=ours.pk).order_by("due_at").first()
    Delivery.objects.filter(pk=first.pk).update(state="failed", due_at=NOW - timedelta(minutes=1))
    mei = signed_in(cast.mei)

    def count(**query):
        return mei.get("/deliveries/", query).context["listing"].total

    assert count() == 1
    assert count(state="planned") == 27
    assert count(state="planned", group=other.pk) == 14
    assert count(state="needs") == 1
    assert count(post=post.pk) == 28
    assert count(when="today") == 2
    assert count(when="yesterday") == 0
    assert count(when="coming") == 15
    assert count(state="planned", channel="webhook") == 0
    assert count(q="nothing like it") == 0
    assert count(state="x", group="999999999999999999999", post="x", when="x", channel="x") == 1
    assert signed_in(cast.out).get("/deliveries/?state=planned").context["listing"].total == 0


@pytest.mark.parametrize("path", ["posted", "sent", "channel", "channel/code.svg"])
def test_parts_of_a_group_of_another_branch_do_not_exist(cast: Cast, path):
    group = make_group(branch=cast.hangzhou)
    address = f"/groups/{group.pk}/{path}{'' if path.endswith('svg') else '/'}"

    assert signed_in(cast.mei).get(address).status_code == 200
    assert signed_in(cast.ana).get(address).status_code == 200
    assert signed_in(cast.out).get(address).status_code == 404


def test_the_feed_shows_what_was_sent_page_by_page(cast: Cast):
    delivery = of_hangzhou(cast)
    for pk in dispatch(now=NOW, clock=NOW).queued:
        deliver(delivery_id=pk)
    group = Group.objects.get()
    rows = [
        Delivery(dedupe_key=f"x{number}", kind="inapp", group_id=group.pk, group_ref="g", message=delivery.message,
                 state="sent", due_at=NOW, late_until=NOW, settled_at=NOW - timedelta(days=number))
        for number in range(1, 25)
    ]  # fmt: skip
    Delivery.objects.bulk_create(rows)
    mei = signed_in(cast.mei)

    assert mei.get(f"/groups/{group.pk}/posted/").content.count(b"feed-item") == 20
    assert mei.get(f"/groups/{group.pk}/posted/?page=2").content.count(b"feed-item") == 5
    assert mei.get(f"/groups/{group.pk}/posted/?page=x").status_code == 200
    assert b"&lt;b&gt;today" in mei.get(f"/groups/{group.pk}/posted/").content


@pytest.mark.parametrize("rows", [2, 20])
def test_lists_take_the_same_queries_whatever_they_hold(cast: Cast, django_assert_max_num_queries, rows):
    group = make_group()
    for _number in range(rows):
        make_post(group)
    lin = signed_in(cast.lin)

    for path, most in [
        ("/deliveries/?state=planned", 10),
        (f"/groups/{group.pk}/sent/", 5),
        (f"/groups/{group.pk}/posted/", 4),
    ]:
        with django_assert_max_num_queries(most):
            lin.get(path)


# --- The channel ---


def test_a_webhook_is_set_with_a_secret_of_its_own_and_what_is_planned_follows(cast: Cast):
    group = make_group(branch=cast.hangzhou)
    make_post(group)
    mei = signed_in(cast.mei)

    response = mei.post(f"/groups/{group.pk}/channel/", {"kind": "webhook", "url": "https://example.com/hook"})

    group.refresh_from_db()
    assert response.status_code == 302
    assert group.destination.secret.startswith("whsec_")
    assert group.destination.secret not in group.destination.secret_encrypted
    assert set(Delivery.objects.values_list("kind", "destination_id")) == {("webhook", group.destination_id)}
    page = mei.get(f"/groups/{group.pk}/channel/").content.decode()
    assert group.destination.secret not in page
    assert group.destination.secret_hint in page
    assert group.destination.secret in mei.post(f"/groups/{group.pk}/channel/secret/").content.decode()


def test_an_empty_secret_keeps_the_one_there_is(cast: Cast):
    group = group_set_channel(by=None, group=make_group(), kind="webhook", url="https://example.com/hook")
    secret = group.destination.secret

    signed_in(cast.lin).post(f"/groups/{group.pk}/channel/", {"kind": "webhook", "url": "https://example.com/other"})

    group.destination.refresh_from_db()
    assert (group.destination.secret, group.destination.url) == (secret, "https://example.com/other")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "webhook", "url": ""}, "A webhook needs an address."),
        ({"kind": "webhook", "url": "ftp://example.com/"}, "Enter an address that begins with"),
        ({"kind": "webhook", "url": "javascript:alert(1)"}, "Enter an address that begins with"),
        ({"kind": "webhook", "url": "https://a b/"}, "Enter an address that begins with"),
        ({"kind": "webhook", "url": "https://u:p@example.com/"}, "Leave user name and password out"),
        ({"kind": "webhook", "url": "https://example.com/", "secret": "hush"}, "A signing secret is whsec_"),
        ({"kind": "pigeon"}, "Select a valid choice"),
    ],
)
def test_a_channel_that_cannot_work_is_refused_in_words(cast: Cast, fields, says):
    group = make_group()

    response = signed_in(cast.lin).post(f"/groups/{group.pk}/channel/", fields)

    assert response.status_code == 422
    assert says in response.content.decode()


def test_a_channel_that_was_switched_off_is_switched_on_again(cast: Cast):
    group = group_set_channel(by=None, group=make_group(), kind="webhook", url="https://example.com/hook")
    group.destination.disabled_at, group.destination.disabled_code = NOW, "gone"
    group.destination.save()
    lin = signed_in(cast.lin)
    assert b"switched off" in lin.get(f"/groups/{group.pk}/channel/").content

    lin.post(f"/groups/{group.pk}/channel/enable/")

    group.destination.refresh_from_db()
    assert group.destination.disabled_at is None


def test_a_test_message_goes_the_way_of_all_others(cast: Cast, settings):
    group = group_set_channel(by=None, group=make_group(), kind="webhook", url="http://127.0.0.1:9/")
    lin = signed_in(cast.lin)

    part = lin.post(f"/groups/{group.pk}/channel/test/", headers={"HX-Request": "true"}).content.decode()
    delivery = Delivery.objects.get()
    assert f"/groups/{group.pk}/channel/test/{delivery.pk}/" in part
    for pk in dispatch(now=NOW, clock=NOW).queued:
        deliver(delivery_id=pk)

    part = lin.get(f"/groups/{group.pk}/channel/test/{delivery.pk}/").content.decode()
    assert "hx-get" not in part
    assert "private address" in part


@pytest.mark.parametrize("act", ["", "secret/", "enable/", "test/", "renew/"])
def test_only_writers_within_reach_touch_a_channel(cast: Cast, act):
    group = make_group(branch=cast.hangzhou)

    assert signed_in(cast.ana).post(f"/groups/{group.pk}/channel/{act}", {"kind": "inapp"}).status_code == 403
    assert signed_in(cast.out).post(f"/groups/{group.pk}/channel/{act}", {"kind": "inapp"}).status_code == 404
    assert not Delivery.objects.exists()
