"""Who joins is welcomed: together, once for each joining, and never for history."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.urls import reverse

from activity.services import event_key
from delivery.models import Delivery
from groups.models import Group, Rule, RuleSet, RuleSetVersion
from groups.services import group_archive
from members.entry.models import EntryPlan, Newcomer
from members.entry.services import entry_plan_save, newcomers_note, welcome_send, welcomes_due
from members.entry.tasks import welcome_newcomers
from members.ingestion import IncomingEvent, ingest
from members.models import Member
from tests.base import Cast
from tests.builders import NOW, make_group

MINUTE = timedelta(minutes=1)
TEXT = "欢迎 {name} 加入 {group}！{purpose} 群规：{rules_link}"


@pytest.fixture
def group(cast: Cast) -> Group:
    group = make_group("阅读群", branch=cast.hangzhou)
    entry_plan_save(by=cast.mei, group=group, changes={"welcomes": True, "welcome_text": TEXT})
    return group


def happen(name: str, group: Group, at, kind: str = "joined", source: str = "t") -> None:
    event = IncomingEvent(event_key(source, f"{name} {kind} {at}"), name, group.external_id, kind, at)
    ingest(events=[event], source=source, by=None, create_missing=True, now=at)


def sweep(now) -> None:
    with time_machine.travel(now, tick=False):
        welcome_newcomers()
        welcome_newcomers()


def texts() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("message__text", flat=True))


def test_who_joins_within_the_window_is_welcomed_in_one_message(group):
    for number in range(30):
        happen(f"新人{number:02}", group, NOW + number * MINUTE / 10)
    sweep(NOW + 5 * MINUTE)
    assert texts() == []
    sweep(NOW + 10 * MINUTE)
    (text,) = texts()
    assert text.startswith("欢迎 新人00、新人01、")
    assert "新人19" in text
    assert "新人20" not in text
    assert "10" in text
    assert group.page_token in text
    assert group.purpose in text


def test_the_next_ones_get_a_message_of_their_own(group):
    happen("甲", group, NOW)
    sweep(NOW + 11 * MINUTE)
    happen("乙", group, NOW + 12 * MINUTE)
    sweep(NOW + 23 * MINUTE)
    assert [text.split()[1] for text in texts()] == ["甲", "乙"]


def test_one_joining_told_by_two_systems_is_welcomed_once(group):
    happen("甲", group, NOW)
    sweep(NOW + 11 * MINUTE)
    happen("甲", group, NOW + 2 * MINUTE, source="wecom")
    happen("甲", group, NOW + 30 * MINUTE, source="staff")
    sweep(NOW + 60 * MINUTE)
    assert len(texts()) == 1


def test_who_left_and_came_back_is_welcomed_again(group):
    happen("甲", group, NOW)
    sweep(NOW + 11 * MINUTE)
    happen("甲", group, NOW + 20 * MINUTE, "left")
    happen("甲", group, NOW + 40 * MINUTE)
    sweep(NOW + 51 * MINUTE)
    assert len(texts()) == 2
    assert list(Newcomer.objects.order_by("number").values_list("number", flat=True)) == [1, 2]


def test_who_left_before_the_welcome_is_not_named(group):
    happen("甲", group, NOW)
    sweep(NOW + MINUTE)
    happen("甲", group, NOW + 5 * MINUTE, "left")
    happen("乙", group, NOW + 6 * MINUTE)
    sweep(NOW + 17 * MINUTE)
    (text,) = texts()
    assert "甲" not in text


def test_history_welcomes_nobody(group):
    happen("甲", group, NOW - timedelta(hours=7))
    sweep(NOW)
    assert not Newcomer.objects.exists()


def test_groups_that_do_not_welcome_or_are_closed_send_nothing(cast: Cast, group):
    quiet = make_group(branch=cast.hangzhou)
    happen("甲", quiet, NOW)
    happen("乙", group, NOW)
    sweep(NOW + MINUTE)
    group_archive(by=cast.mei, group=group)
    sweep(NOW + 11 * MINUTE)
    assert texts() == []


def test_the_message_leaves_by_the_channel_of_the_group(group):
    happen("甲", group, NOW)
    sweep(NOW + 11 * MINUTE)
    delivery = Delivery.objects.get()
    assert (delivery.kind, delivery.group_id, delivery.state) == ("inapp", group.pk, "planned")
    assert delivery.message.title == "欢迎加入阅读群"
    assert Newcomer.objects.get().delivery_id == delivery.pk


def test_what_a_name_holds_is_never_read_as_a_variable(group):
    happen("{purpose}", group, NOW)
    sweep(NOW + 11 * MINUTE)
    assert texts()[0].startswith("欢迎 {purpose} 加入")


def test_the_inviter_is_named(cast: Cast, group):
    entry_plan_save(by=cast.mei, group=group, changes={"welcome_text": "{name}，感谢 {inviter}"})
    happen("甲", group, NOW)
    Member.objects.filter(external_id="甲").update(invited_by=Member.objects.create(external_id="林", name="林妈"))
    sweep(NOW + 11 * MINUTE)
    assert texts() == ["甲，感谢 林妈"]


def test_an_unknown_variable_is_refused_with_those_that_are_known(cast: Cast, group):
    with pytest.raises(ValidationError) as caught:
        entry_plan_save(by=cast.mei, group=group, changes={"welcome_text": "欢迎 {nickname}"})
    (message,) = caught.value.message_dict["welcome_text"]
    assert "{nickname}" in message
    assert "{name}, {group}" in message


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite takes one writer at a time")
def test_two_sweeps_at_once_welcome_once(group):
    for number in range(5):
        happen(f"新人{number}", group, NOW)
    now = NOW + 11 * MINUTE
    barrier = threading.Barrier(4)

    def work() -> None:
        try:
            barrier.wait()
            newcomers_note(now=now)
            for number in welcomes_due(now=now):
                welcome_send(group_id=number, now=now)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Newcomer.objects.count() == 5
    assert sum(text.count("新人") for text in texts()) == 5


class TestPage:
    def form(self, **changes):
        plan = EntryPlan.objects.get()
        return {
            "revision": plan.revision,
            "welcomes": "on",
            "welcome_text": plan.welcome_text,
            "welcome_minutes": 10,
            "befriend_text": "",
            "tell_text": "",
            "remind_text": "",
            **changes,
        }

    def test_what_would_be_sent_is_shown_for_a_chosen_member(self, client, cast: Cast, group):
        happen("甲", group, NOW)
        happen("乙", group, NOW + MINUTE)
        client.force_login(cast.mei)
        address = reverse("members:group_welcome", args=[group.pk])
        first = Member.objects.get(external_id="甲").memberships.get()
        form = self.form(welcome_text="你好 {name}", member=first.pk, preview="1")
        page = client.post(address, form)
        assert page.context["preview"] == "你好 甲"
        assert EntryPlan.objects.get().welcome_text == TEXT

    def test_a_mistake_is_said_beside_the_field_and_what_was_typed_stays(self, client, cast: Cast, group):
        client.force_login(cast.mei)
        answer = client.post(
            reverse("members:group_welcome", args=[group.pk]), self.form(welcome_text="欢迎 {nickname}")
        )
        assert answer.status_code == 422
        assert "欢迎 {nickname}" in answer.content.decode()

    def test_two_editors_notice_each_other(self, client, cast: Cast, group):
        form = self.form(welcome_text="我的版本 {name}")
        entry_plan_save(by=cast.lin, group=group, changes={"welcome_text": "她的版本 {name}"})
        client.force_login(cast.mei)
        address = reverse("members:group_welcome", args=[group.pk])
        refused = client.post(address, form)
        assert refused.status_code == 409
        assert "我的版本" in refused.content.decode()
        form["revision"] = refused.context["form"]["revision"].value()
        assert client.post(address, form).status_code == 302
        assert EntryPlan.objects.get().welcome_text == "我的版本 {name}"


def test_the_link_in_the_welcome_leads_to_the_rules(client, cast: Cast, group):
    rule_set = RuleSet.objects.create(name="群规", created_at=NOW)
    version = RuleSetVersion.objects.create(rule_set=rule_set, number=1, state="published", created_at=NOW)
    Rule.objects.create(version=version, code="ads", text="不发广告")
    Group.objects.filter(pk=group.pk).update(rule_set=rule_set)
    happen("甲", group, NOW)
    sweep(NOW + 11 * MINUTE)
    address = reverse("member:group", args=[group.page_token])
    assert f"{address}#rules" in texts()[0]
    page = client.get(address).content.decode()
    assert page.index('id="rules"') < page.index("不发广告")
