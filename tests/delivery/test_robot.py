"""Robots of WeCom: their calls, their errors, their key."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import AuditEntry, User
from community_ops.health import broker
from delivery.limits import measure, plain_text
from delivery.models import Delivery, Destination
from delivery.services import Content, deliver, destination_create, dispatch, picture_create
from groups.channel import group_set_channel
from groups.models import Group
from groups.roles.services import staff_role_grant
from members.models import StaffTask
from tests.api.base import Caller
from tests.base import Cast
from tests.builders import NOW, make_group
from tests.campaigns.content.things import picture_bytes
from tests.delivery.test_adapters import Way, planned, sent
from tests.delivery.wecom import KEY, MOST, wecom

pytestmark = pytest.mark.django_db
ADDRESS = f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}"
ROBOT = Way("robot", {"secret": ADDRESS}, lambda _row: [], lambda _row: [], lambda _trouble: None)
PAGE = Way("inapp", {}, lambda _row: [], lambda _row: [], lambda _trouble: None)
LINK = {"link": "https://h5.example.cn/l/9", "link_title": "直播入口"}


@pytest.fixture(autouse=True)
def clock(valkey, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    with broker() as client:
        client.flushall()
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


@pytest.fixture
def fake(settings):
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    with wecom() as running:
        settings.WECOM_API_BASE = running.base
        yield running


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


# --- What is sent ---


def test_a_post_is_one_text(fake):
    sent(planned(ROBOT, title="早安", text="今晚八点 **共读**"))

    (call,) = fake.calls
    assert call.key == KEY
    assert call.body == {"msgtype": "text", "text": {"content": "早安\n\n今晚八点 **共读**"}}


def test_a_link_with_a_title_is_a_card_with_its_picture(fake, settings):
    picture = picture_create(file=io.BytesIO(picture_bytes()), branch_id=None, now=NOW)

    sent(planned(ROBOT, title="今晚直播", text="八点开始", picture_id=picture.pk, **LINK))

    (call,) = fake.calls
    (article,) = call.body["news"]["articles"]
    assert article == {
        "title": "今晚直播",
        "description": "八点开始\n\n直播入口",
        "url": LINK["link"],
        "picurl": f"{settings.PUBLIC_URL}/m/p/{picture.token}/",
    }


@pytest.mark.parametrize(("title", "text"), [("今" * 43, "八点"), ("今晚", "八" * 167)])
def test_what_a_card_would_cut_goes_as_a_text(fake, title, text):
    sent(planned(ROBOT, title=title, text=text, **LINK))

    (call,) = fake.calls
    assert call.body["text"]["content"] == f"{title}\n\n{text}\n\n直播入口\n{LINK['link']}"


def test_a_picture_follows_its_text(fake):
    picture = picture_create(file=io.BytesIO(picture_bytes()), branch_id=None, now=NOW)

    sent(planned(ROBOT, picture_id=picture.pk))

    assert [call.body["msgtype"] for call in fake.calls] == ["text", "image"]
    assert fake.calls[1].picture == picture.file.open("rb").read()


def test_what_is_too_long_is_refused_whole_and_never_cut(fake):
    fits = Content(title="题", text="字" * 681)
    assert (measure(fits, "robot").used, measure(fits, "robot").fits) == (2048, True)
    assert not measure(Content(title="题", text="字" * 681 + "."), "robot").fits
    assert measure(fits, "webhook").fits

    assert sent(planned(ROBOT, title="题", text="字" * 681)).state == "sent"
    delivery = sent(planned(ROBOT, title="题", text="字" * 681 + "."))

    assert (delivery.state, delivery.retry_at) == ("failed", None)
    assert "2049 / 2048" in delivery.reason
    assert len(fake.calls) == 1
    assert plain_text(fits) == fake.calls[0].words


def test_a_picture_that_fails_after_its_text_is_left_to_a_person(fake):
    """To send both again would post the text twice."""
    fake.says.extend([0, -1])
    picture = picture_create(file=io.BytesIO(picture_bytes()), branch_id=None, now=NOW)

    delivery = sent(planned(ROBOT, picture_id=picture.pk))

    assert (delivery.state, delivery.retry_at, delivery.error_code) == ("failed", None, "robot_half")
    assert len(fake.calls) == 2


# --- Errors ---


@pytest.mark.parametrize("errcode", [93000, 93001, 93004, 93008, 93019])
def test_a_robot_that_is_gone_is_switched_off_and_its_owner_told(fake, cast: Cast, errcode):
    fake.says.append(errcode)
    delivery = planned(ROBOT)
    group = Group.objects.get(pk=delivery.group_id)
    staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.lin, role="owner")
    twin = destination_create(kind="robot", secret=KEY)

    delivery = sent(delivery)

    assert (delivery.state, delivery.retry_at) == ("failed", None)
    assert not Destination.objects.filter(disabled_at=None).exists()
    assert twin.key_hash == Destination.objects.get(pk=delivery.destination_id).key_hash
    today = signed_in(cast.lin).get("/today/").content.decode()
    assert group.name in today
    assert f"/groups/{group.pk}/channel/enable/" in today
    assert StaffTask.objects.get().state == "open"

    signed_in(cast.lin).post(f"/groups/{group.pk}/channel/enable/")
    assert StaffTask.objects.get().state == "cancelled"


def test_a_robot_that_is_too_quick_waits_a_minute_and_loses_no_try(fake, clock):
    fake.says.append(45009)
    delivery = planned(ROBOT)
    other = planned(ROBOT)

    delivery = sent(delivery)
    assert (delivery.state, delivery.attempts, delivery.error_code) == ("planned", 0, "robot_too_fast")
    assert 60 <= (delivery.retry_at - NOW).total_seconds() <= 61

    # Whoever shares the robot waits without another call.
    deliver(delivery_id=other.pk)
    assert Delivery.objects.get(pk=other.pk).error_code == "rate_limited"
    assert len(fake.calls) == 1

    with broker() as client:
        client.flushall()  # its minute has passed
    Delivery.objects.update(claimed_at=NOW - timedelta(hours=1))
    later = NOW + timedelta(seconds=66)
    clock.move_to(later)
    assert sent(delivery, later).state == "sent"


@pytest.mark.parametrize("errcode", [-1, 45033])
def test_when_wecom_is_busy_it_is_asked_three_times(fake, clock, errcode):
    fake.says.extend([errcode] * 5)
    delivery = sent(planned(ROBOT))
    while delivery.retry_at:
        clock.move_to(delivery.retry_at)
        delivery = sent(delivery, delivery.retry_at)

    assert (delivery.state, delivery.attempts, delivery.error_code) == ("failed", 3, "robot_busy")
    assert len(fake.calls) == 3


@pytest.mark.parametrize("errcode", [40008, 40058, 44004, 45002, 93018, 301019, 12345])
def test_any_other_error_is_final_and_has_a_sentence(fake, errcode):
    fake.says.append(errcode)

    delivery = sent(planned(ROBOT))

    assert (delivery.state, delivery.retry_at) == ("failed", None)
    assert delivery.reason.endswith(".")


def test_an_answer_that_says_nothing_leaves_it_to_a_person(fake):
    fake.says.append({"status": 502})
    assert sent(planned(ROBOT)).state == "unknown"


def test_a_connection_that_was_never_made_is_tried_again(fake, settings):
    settings.WECOM_API_BASE = "http://127.0.0.1:1/cgi-bin/"
    delivery = sent(planned(ROBOT))
    assert (delivery.state, delivery.error_code) == ("failed", "unreachable")
    assert delivery.retry_at


def test_a_robot_may_not_call_inside(fake, settings):
    settings.OUTBOUND_ALLOWED_HOSTS = []
    delivery = sent(planned(ROBOT))
    assert (delivery.state, delivery.error_code) == ("failed", "address_refused")
    assert not fake.calls


# --- Twenty a minute ---


def test_what_is_too_much_waits_in_the_outbox_and_holds_nobody_up(fake, clock):
    rows = [planned(ROBOT, text=f"{number}") for number in range(MOST + 5)]
    page = planned(PAGE)
    queued = dispatch(now=NOW, clock=NOW).queued

    for pk in queued:
        deliver(delivery_id=pk)

    waiting = Delivery.objects.filter(pk__in=[row.pk for row in rows], state="planned")
    assert Delivery.objects.get(pk=page.pk).state == "sent"
    assert len(fake.posted) == len(fake.calls) == MOST
    assert waiting.count() == 5
    assert set(waiting.values_list("attempts", "error_code")) == {(0, "rate_limited")}
    assert all(NOW < row.retry_at <= NOW + timedelta(seconds=61) for row in waiting)
    assert not dispatch(now=NOW + timedelta(seconds=30), clock=NOW).queued


def test_it_holds_when_valkey_has_forgotten_everything(fake):
    rows = [planned(ROBOT) for _number in range(MOST + 5)]
    dispatch(now=NOW, clock=NOW)
    for row in rows[:15]:
        deliver(delivery_id=row.pk)
    with broker() as client:
        client.flushall()
    for row in rows[15:]:
        deliver(delivery_id=row.pk)

    assert len(fake.calls) == MOST


def test_a_picture_counts_twice(fake):
    picture = picture_create(file=io.BytesIO(picture_bytes()), branch_id=None, now=NOW)
    rows = [planned(ROBOT, picture_id=picture.pk) for _number in range(11)]
    dispatch(now=NOW, clock=NOW)
    for row in rows:
        deliver(delivery_id=row.pk)

    assert len(fake.calls) == MOST
    assert Delivery.objects.filter(state="planned").count() == 1


def test_without_its_counter_nothing_is_called(fake, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    delivery = sent(planned(ROBOT))
    assert (delivery.state, delivery.error_code, delivery.attempts) == ("planned", "limiter_away", 0)
    assert not fake.calls


# --- The key ---


@pytest.mark.parametrize("given", [ADDRESS, KEY, f" {ADDRESS}\n", f"{ADDRESS}&debug=1"])
def test_the_address_or_the_key_alone_will_do(given):
    destination = destination_create(kind="robot", secret=given)
    assert (destination.secret, destination.url) == (KEY, "")
    assert KEY not in destination.secret_encrypted
    assert destination.key_hash == destination_create(kind="robot", url=ADDRESS).key_hash


@pytest.mark.parametrize(
    "given", ["", "https://evil.example/cgi-bin/webhook/send?key=a-b-c", "https://qyapi.weixin.qq.com/", "a b", "钥匙"]
)
def test_what_is_no_robot_is_refused_without_being_repeated(given):
    with pytest.raises(ValidationError) as refused:
        destination_create(kind="robot", secret=given)
    assert set(refused.value.message_dict) == {"secret"}
    assert "evil" not in str(refused.value)


def test_the_channel_page_takes_a_robot_and_shows_four_signs_of_it(cast: Cast, fake):
    group = make_group(branch=cast.mei.branch)
    mei = signed_in(cast.mei)
    wrong = mei.post(f"/groups/{group.pk}/channel/", {"kind": "robot", "robot": "https://x.example/?key=secret-words"})
    assert wrong.status_code == 422
    assert b"secret-words" not in wrong.content
    assert b"Paste the address of the robot" in wrong.content

    assert mei.post(f"/groups/{group.pk}/channel/", {"kind": "robot", "robot": ADDRESS}).status_code == 302
    # Empty keeps it.
    assert mei.post(f"/groups/{group.pk}/channel/", {"kind": "robot", "robot": ""}).status_code == 302

    for page in (mei.get(f"/groups/{group.pk}/channel/"), mei.post(f"/groups/{group.pk}/channel/secret/")):
        assert f"…{KEY[-4:]}" in page.content.decode()
        assert KEY not in page.content.decode()
    assert KEY not in str(list(AuditEntry.objects.values()))

    part = mei.post(f"/groups/{group.pk}/channel/test/", headers={"HX-Request": "true"}).content.decode()
    delivery = Delivery.objects.get()
    assert f"/groups/{group.pk}/channel/test/{delivery.pk}/" in part
    assert sent(delivery).state == "sent"
    assert "This is a test" in fake.calls[0].words


@pytest.mark.parametrize("field", ["url", "secret"])
def test_the_api_takes_a_robot_and_does_not_tell_its_key(cast: Cast, field):
    answer = Caller(cast.lin).post(
        "/groups/",
        {
            "external_id": "r1",
            "name": "Robots",
            "motivation": "growth",
            "purpose": "x",
            "delivery": {"kind": "robot", field: ADDRESS},
        },
    )
    assert answer.status_code == 201, answer.content
    assert answer.json()["delivery"]["kind"] == "robot"
    assert KEY.encode() not in answer.content
    assert Destination.objects.get().secret == KEY


def test_another_kind_forgets_the_key():
    group = group_set_channel(by=None, group=make_group(), kind="robot", secret=KEY)
    group_set_channel(by=None, group=group, kind="webhook", url="https://example.com/hook")
    destination = Destination.objects.get()
    assert destination.secret.startswith("whsec_")
    assert destination.key_hash == ""
