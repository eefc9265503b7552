"""The contract that every way out keeps. A new adapter joins by a line in WAYS."""

from __future__ import annotations

import html
import io
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import AuditEntry
from campaigns.posts.models import Post
from community_ops.health import broker
from community_ops.lib import http
from community_ops.lib.variables import filled
from delivery import registry
from delivery.models import Delivery, Destination, Picture
from delivery.services import (
    Content,
    NewDelivery,
    deliver,
    deliveries_plan,
    dispatch,
    message_create,
    picture_create,
)
from delivery.services.claiming import outgoing_of
from delivery.services.settling import RETRY_WAITS
from groups.channel import group_set_channel
from groups.models import Group
from tests.builders import NOW, make_group
from tests.campaigns.content.things import picture_bytes
from tests.campaigns.recorder import Received, recording
from tests.delivery.wecom import KEY, wecom

pytestmark = pytest.mark.django_db


@dataclass
class Way:
    """One way out as its receiver sees it. `words` are what people read there, `says` makes it answer with trouble."""

    kind: str
    channel: dict[str, str]
    words: Callable[[Delivery], list[str]]
    pictures: Callable[[Delivery], list[bytes]]
    says: Callable[[str], None]


TROUBLE: dict[str, dict[str, Any]] = {
    "webhook": {
        "refused": (404, {}),
        "fault": (503, {}),
        "gone": (410, {}),
        "slow down": (429, {"Retry-After": "60"}),
    },
    "robot": {"refused": 40058, "fault": -1, "gone": 93000, "slow down": 45009},
}


def webhook_way(monkeypatch: Any, settings: Any) -> Any:
    with recording() as recorder:

        def late(request: Received) -> tuple[int, dict[str, str]]:
            time.sleep(0.8)
            return 204, {}

        def says(trouble: str) -> None:
            recorder.answer = lambda request: TROUBLE["webhook"][trouble]
            if trouble == "timeout":
                recorder.answer = late

        def pictures(delivery: Delivery) -> list[bytes]:
            urls = [request.body["picture"] for request in recorder.received if request.body["picture"]]
            return [fetched(url.removeprefix(settings.PUBLIC_URL)) for url in urls]

        yield Way(
            "webhook",
            {"url": recorder.url},
            lambda delivery: [
                "\n".join(request.body[name] for name in ("title", "text", "link_title", "link"))
                for request in recorder.received
            ],
            pictures,
            says,
        )


def robot_way(monkeypatch: Any, settings: Any) -> Any:
    with wecom() as fake:
        settings.WECOM_API_BASE = fake.base

        def says(trouble: str) -> None:
            fake.says.append((lambda: time.sleep(0.8)) if trouble == "timeout" else TROUBLE["robot"][trouble])

        yield Way(
            "robot",
            {"secret": f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}"},
            lambda delivery: [call.words for call in fake.posted if call.body["msgtype"] != "image"],
            lambda delivery: [call.picture for call in fake.posted if call.body["msgtype"] == "image"],
            says,
        )


def inapp_way(monkeypatch: Any, settings: Any) -> Any:
    def page(delivery: Delivery) -> str:
        group = Group.objects.get(pk=delivery.group_id)
        return Client().get(f"/m/g/{group.page_token}/").content.decode()

    def words(delivery: Delivery) -> list[str]:
        articles = re.findall(r'<article class="member-card">(.*?)</article>', page(delivery), re.DOTALL)
        found = []
        for article in articles:
            link = re.findall(r'<p class="member-link"><a href="([^"]*)"', article)
            text = re.sub(r"<br>|</h3>|</p>", "\n", article)
            found.append(html.unescape("\n".join([re.sub(r"<[^>]*>", "", text), *link])))
        return found

    def pictures(delivery: Delivery) -> list[bytes]:
        return [fetched(path) for path in re.findall(r'class="member-picture" src="([^"]*)"', page(delivery))]

    yield Way("inapp", {}, words, pictures, lambda trouble: None)


WAYS = {"inapp": inapp_way, "webhook": webhook_way, "robot": robot_way}


@pytest.fixture(params=list(WAYS))
def way(request, monkeypatch, settings, tmp_path, valkey):
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    settings.MEDIA_ROOT = tmp_path
    with broker() as client:
        client.flushall()
    yield from WAYS[request.param](monkeypatch, settings)


# Those that wait for somebody else; the member page only writes to the database.
remote = pytest.mark.parametrize("way", [kind for kind in WAYS if kind not in registry.LOCAL_KINDS], indirect=True)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


def fetched(path: str) -> bytes:
    response = Client().get(path)
    assert response.status_code == 200
    return response.getvalue()


def planned(way: Way, **content: Any) -> Delivery:
    group = group_set_channel(by=None, group=make_group(), kind=way.kind, **way.channel)
    assert group.destination is not None
    row = NewDelivery(
        dedupe_key=f"test:{group.pk}",
        kind=way.kind,
        destination_id=group.destination.pk,
        group_id=group.pk,
        group_ref=group.external_id,
        due_at=NOW,
        missed="late",
        late_until=NOW,
    )
    deliveries_plan(
        message=message_create(content=Content(**{"title": "早安", "text": "今晚八点", **content})), rows=[row]
    )
    return Delivery.objects.get(dedupe_key=row.dedupe_key)


def sent(delivery: Delivery, now=NOW) -> Delivery:
    assert delivery.pk in dispatch(now=now, clock=now).queued
    deliver(delivery_id=delivery.pk)
    return Delivery.objects.get(pk=delivery.pk)


def test_every_kind_has_kept_the_contract():
    assert set(WAYS) == set(registry.ADAPTERS)


def test_it_hands_over_once(way):
    delivery = sent(planned(way))

    deliver(delivery_id=delivery.pk)

    assert (delivery.state, delivery.attempts, delivery.reason) == ("sent", 1, "")
    (words,) = way.words(delivery)
    assert "早安" in words
    assert "今晚八点" in words


def test_what_may_be_repeated_has_the_effect_of_once(way):
    delivery = planned(way)
    adapter = registry.ADAPTERS[way.kind]
    for _time in range(2 if adapter.idempotent else 1):
        adapter.send(outgoing_of(delivery=delivery, now=NOW))

    # The page shows it once; whoever gets requests knows a repeated one by its id.
    assert len(set(way.words(delivery))) == 1
    assert len(way.words(delivery)) == (2 if way.kind == "webhook" else 1)


SIGNS = "小林 <script>alert(1)</script> & \"'> **粗** [x](http://a) `k` {{ 7|add:1 }} {% now %} {members} 👩‍🏫 \u202e"


def test_signs_in_the_name_of_a_member_arrive_as_text(way):
    """What a member is called is read as it is written, by whatever reads it."""
    delivery = planned(way, title="欢迎", text=filled("欢迎 {name}!", {"name": SIGNS}))

    (words,) = way.words(sent(delivery))

    assert f"欢迎 {SIGNS}!" in words


def test_a_name_calls_nobody(way):
    (words,) = way.words(sent(planned(way, text="欢迎 <@all> 和 <@zhangsan>")))

    assert "all> 和 <" in words
    if way.kind == "robot":
        assert "<@" not in words


def test_link_and_picture_arrive(way):
    picture = picture_create(file=io.BytesIO(picture_bytes()), branch_id=None, now=NOW)
    link = "https://h5.example.cn/l/9?a=1&b=2"

    delivery = sent(planned(way, text="问" * 300, link=link, link_title="直播入口", picture_id=picture.pk))

    assert delivery.state == "sent"
    (words,) = way.words(delivery)
    assert all(part in words for part in ("问" * 300, link, "直播入口"))
    assert way.pictures(delivery) == [picture.file.open("rb").read()]


@remote
def test_a_refusal_is_final(way):
    way.says("refused")

    delivery = sent(planned(way))

    assert (delivery.state, delivery.retry_at, delivery.attempts) == ("failed", None, 1)
    assert delivery.reason


@remote
def test_a_fault_is_tried_again(way, clock):
    way.says("fault")

    delivery = sent(planned(way))

    assert (delivery.state, delivery.attempts) == ("failed", 1)
    assert RETRY_WAITS[0] <= (delivery.retry_at - NOW).total_seconds() <= RETRY_WAITS[0] * 1.1
    assert delivery.reason


@remote
def test_a_receiver_that_is_gone_switches_the_channel_off(way):
    way.says("gone")

    delivery = sent(planned(way))

    destination = Destination.objects.get()
    assert (delivery.state, delivery.retry_at) == ("failed", None)
    assert destination.disabled_at == NOW
    assert destination.disabled_reason


@remote
def test_a_receiver_that_asks_for_patience_gets_it(way):
    way.says("slow down")

    delivery = sent(planned(way))

    assert delivery.state in ("failed", "planned")
    assert 60 <= (delivery.retry_at - NOW).total_seconds() <= 66
    assert delivery.reason


@remote
def test_a_silent_receiver_is_asked_again_only_where_that_does_no_harm(way, monkeypatch):
    monkeypatch.setattr(http, "TIMEOUT", 0.3)
    monkeypatch.setattr(http.send, "__kwdefaults__", {**http.send.__kwdefaults__, "timeout": 0.3})
    way.says("timeout")

    delivery = sent(planned(way))

    if registry.ADAPTERS[way.kind].idempotent:
        assert (delivery.state, delivery.error_code) == ("failed", "timeout")
        assert delivery.retry_at
    else:
        assert (delivery.state, delivery.retry_at, delivery.settled_at) == ("unknown", None, None)


@remote
def test_the_secret_is_kept_encrypted_and_said_nowhere(way, caplog, capfd):
    for trouble in ("fault", "refused"):
        way.says(trouble)
        delivery = sent(planned(way))
    destination = Destination.objects.order_by("pk").last()
    secret = destination.secret
    rows = [str(list(model.objects.values())) for model in (Delivery, Destination, AuditEntry, Group, Post, Picture)]
    said = capfd.readouterr()
    heard = [caplog.text, said.out, said.err, delivery.error, delivery.reason, *rows]

    assert destination.secret_hint == secret[-4:]
    assert secret
    assert not any(secret in text for text in heard)
