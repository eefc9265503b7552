"""Conduct in the browser: the queue, the group's rules, the personal page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from activity.services import event_key
from groups.channel import group_renew_page
from groups.models import Permission
from groups.roles.services import role_permission_set
from members.conduct.reposting import group_keep_messages
from members.conduct.services import appeal_make, violation_confirm
from members.conduct.trial import dry_run_run
from members.ingestion import IncomingEvent, ingest
from members.links import membership_token
from members.models import Acknowledgement, Appeal, DryRun, GroupConduct, Violation
from tests.base import Cast, cast  # noqa: F401  the fixture
from tests.builders import make_member
from tests.members.conduct import make_ruled_group, write
from tests.members.visitors import phone_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(datetime(2026, 3, 2, 4, 0, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def world(cast: Cast) -> SimpleNamespace:  # noqa: F811
    group = make_ruled_group(branch=cast.hangzhou, name="杭州·阅读打卡")
    member = make_member("刘洋", groups=[group])
    return SimpleNamespace(group=group, member=member, membership=member.memberships.get())


def breach(world, number: int = 0, member=None) -> Violation:
    at = timezone.now() - timedelta(minutes=number + 1)
    write(world.group, member or world.member, f"想买的 <b>加微信</b> {number}", at=at, now=timezone.now())
    return Violation.objects.latest("pk")


def browser(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


class TestQueue:
    def test_evidence_is_shown_where_it_was_hit_and_as_text(self, world, cast: Cast):  # noqa: F811
        violation = breach(world)
        page = browser(cast.mei).get(reverse("members:violation", args=[violation.pk])).content.decode()
        assert "<mark>加微信</mark>" in page
        assert "&lt;b&gt;" in page

    def test_one_decision_leads_to_the_next(self, world, cast: Cast):  # noqa: F811
        first, second = breach(world, 0), breach(world, 1)
        mei = browser(cast.mei)
        answer = mei.post(reverse("members:violation_confirm", args=[first.pk]), {"note": "属实"})
        assert answer["Location"] == reverse("members:violation", args=[second.pk])
        answer = mei.post(reverse("members:violation_dismiss", args=[second.pk]))
        assert answer["Location"] == reverse("members:violations")
        assert sorted(Violation.objects.values_list("state", "note")) == [("confirmed", "属实"), ("dismissed", "")]

    def test_many_are_decided_at_once(self, world, cast: Cast):  # noqa: F811
        chosen = [breach(world, number).pk for number in range(3)]
        answer = browser(cast.mei).post(
            reverse("members:violations_decide"), {"violation": chosen[:2], "decision": "dismiss"}, follow=True
        )
        assert "2 violations dismissed." in answer.content.decode()
        assert Violation.objects.filter(state="open").count() == 1

    def test_who_may_not_moderate_reads_and_decides_nothing(self, world, cast: Cast):  # noqa: F811
        violation = breach(world)
        role_permission_set(by=cast.lin, role="operator", permission=Permission.MODERATE, allowed=False)
        mei = browser(cast.mei)
        address = reverse("members:violation", args=[violation.pk])
        assert reverse("members:violation_confirm", args=[violation.pk]) not in mei.get(address).content.decode()
        assert mei.post(reverse("members:violation_confirm", args=[violation.pk])).status_code == 403
        mei.post(reverse("members:violations_decide"), {"violation": [violation.pk]})
        assert Violation.objects.get().state == "open"

    def test_a_branch_decides_nothing_elsewhere(self, world, cast: Cast):  # noqa: F811
        violation = breach(world)
        browser(cast.out).post(reverse("members:violations_decide"), {"violation": [violation.pk]})
        assert Violation.objects.get().state == "open"
        assert "刘洋" not in browser(cast.out).get(reverse("members:violations")).content.decode()
        assert "刘洋" not in browser(cast.out).get(reverse("members:violations") + "?export=csv").getvalue().decode()

    def test_the_list_asks_as_much_of_the_database_for_twenty_as_for_two(self, world, cast: Cast):  # noqa: F811
        client = browser(cast.mei)
        counts = []
        for upto in (2, 20):
            while (number := Violation.objects.count()) < upto:
                breach(world, number, make_member(groups=[world.group]))
            client.get(reverse("members:violations"))
            with CaptureQueriesContext(connection) as queries:
                assert client.get(reverse("members:violations")).status_code == 200
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_the_first_judge_is_told_that_somebody_else_decides_on_the_appeal(self, world, cast: Cast):  # noqa: F811
        violation = breach(world)
        violation_confirm(by=cast.mei, now=timezone.now(), violation=violation)
        appeal_make(by=None, now=timezone.now(), violation=violation, text="误会")
        mei = browser(cast.mei)
        address = reverse("members:violation_overturn", args=[violation.pk])
        assert address not in mei.get(reverse("members:violation", args=[violation.pk])).content.decode()
        assert mei.post(address, {"reason": "同意"}).status_code == 422
        assert browser(cast.lin).post(address, {"reason": "同意"}).status_code == 302
        assert Violation.objects.get().state == "overturned"

    def test_staff_record_what_they_saw(self, world, cast: Cast):  # noqa: F811
        rule = world.group.rule_set.versions.get().rules.get()
        address = reverse("members:violation_new", args=[world.group.pk])
        mei = browser(cast.mei)
        assert mei.post(address, {"member": world.member.pk}).status_code == 422
        values = {
            "member": world.member.pk,
            "rule": rule.pk,
            "at": "2026-03-02T11:00",
            "type": "image",
            "text": "发了二维码",
        }
        assert mei.post(address, values).status_code == 302
        assert Violation.objects.get().source == "staff"


class TestGroup:
    def test_rules_are_chosen_posted_and_scheduled(self, world, cast: Cast):  # noqa: F811
        mei = browser(cast.mei)
        address = reverse("members:group_rules", args=[world.group.pk])
        assert "不发广告" in mei.get(address).content.decode()
        assert mei.post(reverse("members:rules_repost", args=[world.group.pk])).status_code == 302
        values = {"repost_every": "month", "weekday": "0", "month_day": "15", "repost_hour": "20"}
        assert mei.post(reverse("members:rules_schedule", args=[world.group.pk]), values).status_code == 302
        assert GroupConduct.objects.get().next_repost_at == datetime(2026, 3, 15, 12, tzinfo=UTC)
        mei.post(reverse("members:rules_assign", args=[world.group.pk]), {"rule_set": ""})
        world.group.refresh_from_db()
        assert world.group.rule_set is None

    def test_staff_note_who_has_read(self, world, cast: Cast):  # noqa: F811
        address = reverse("members:rules_read_by_hand", args=[world.group.pk, world.membership.pk])
        browser(cast.mei).post(address)
        acknowledgement = Acknowledgement.objects.get()
        assert (acknowledgement.source, acknowledgement.by) == ("staff", cast.mei)


class TestDryRun:
    def test_from_the_form_to_the_marks(self, world, cast: Cast):  # noqa: F811
        group_keep_messages(by=cast.lin, group=world.group, keeps=True)
        breach(world)
        version = world.group.rule_set.versions.get()
        mei = browser(cast.mei)
        address = reverse("members:rules_dry_run", args=[version.pk])
        assert mei.post(address, {}).status_code == 422
        mei.post(address, {"groups": [world.group.pk]})
        run = DryRun.objects.get()
        dry_run_run(run_id=run.pk)
        detail = reverse("members:dry_run", args=[run.pk])
        assert "<mark>加微信</mark>" in mei.get(detail).content.decode()
        mei.post(reverse("members:dry_run_mark", args=[run.pk]), {"hit": [run.hits.get().pk]})
        assert run.hits.get().is_false_alarm
        assert browser(cast.out).get(detail).status_code == 404
        assert "刘洋" in mei.get(detail + "?export=csv").getvalue().decode()


class TestPersonalPage:
    @pytest.fixture
    def address(self, world) -> str:
        return reverse("member:rules", args=[membership_token(world.membership)])

    def test_a_member_reads_the_rules_and_says_so(self, world, address):
        client = Client()
        assert "不发广告" in client.get(address).content.decode()
        assert client.post(f"{address}read/").status_code == 302
        assert Acknowledgement.objects.get().source == "link"
        assert "You have read them." in client.get(address).content.decode()

    @pytest.fixture(params=["link", "group"])
    def place(self, request, world, address) -> str:
        """The page of a signed-in member, at either of its addresses."""
        own = reverse("member:group_rules", args=[world.group.page_token])
        return address if request.param == "link" else own

    def test_a_member_reads_them_signed_in(self, world, place):
        phone = phone_of(world.member)
        assert "please read them" in phone.get(reverse("member:group", args=[world.group.page_token])).content.decode()
        assert phone.post(f"{place}read/")["Location"] == place
        assert "You have read them." in phone.get(place).content.decode()

    def test_a_member_objects(self, world, place):
        violation = breach(world)
        phone = phone_of(world.member)
        assert phone.post(f"{place}appeal/{violation.pk}/", {"text": " "}).status_code == 422
        assert phone.post(f"{place}appeal/{violation.pk}/", {"text": "误会"}).status_code == 302
        assert Violation.objects.get().appeal.text == "误会"

    def test_nobody_objects_for_somebody_else(self, world, place):
        other = make_member(groups=[world.group])
        violation = breach(world, member=other)
        phone = phone_of(world.member)
        assert phone.post(f"{place}appeal/{violation.pk}/", {"text": "误会"}).status_code == 404
        assert "想买的" not in phone.get(place).content.decode()

    def test_whoever_is_not_the_member_gets_the_rules_and_nothing_else(self, world, address):
        violation = breach(world)
        other = make_member("赵敏", groups=[world.group])
        for who, phone in {"stranger": Client(), "other member": phone_of(other)}.items():
            page = phone.get(address).content.decode()
            assert "不发广告" in page, who
            for own in ("想买的", "strike", "刘洋", "appeal/", "report/"):
                assert own not in page, (who, own)
            assert phone.post(f"{address}appeal/{violation.pk}/", {"text": "误会"}).status_code == 403
            assert phone.post(f"{address}report/", {"name": "赵敏"}).status_code == 403
        assert "staff send it to you" in Client().get(address).content.decode()
        assert phone_of(other).post(f"{address}read/").status_code == 403
        assert not Acknowledgement.objects.exists()
        assert not Appeal.objects.exists()

    def test_who_left_still_reads_and_objects_by_the_link_but_reports_nobody(self, world, address):
        violation = breach(world)
        left = [
            IncomingEvent(
                event_key("tests", "left"), world.member.external_id, world.group.external_id, "left", timezone.now()
            )
        ]
        ingest(events=left, source="tests", by=None, create_missing=False, now=timezone.now())
        phone = phone_of(world.member)
        assert phone.get(reverse("member:group_rules", args=[world.group.page_token])).status_code == 403
        assert "想买的" in phone.get(address).content.decode()
        assert phone.post(f"{address}report/", {}).status_code == 404
        assert phone.post(f"{address}appeal/{violation.pk}/", {"text": "误会"}).status_code == 302

    def test_nobody_acts_who_has_not_agreed_to_the_consent_text(self, world, place):
        violation = breach(world)
        phone = phone_of(world.member, agrees=False)
        for act in (f"{place}appeal/{violation.pk}/", f"{place}report/"):
            answer = phone.post(act, {"text": "误会"})
            assert answer.status_code == 403
            assert "I have read this and agree" in answer.content.decode()
        assert not Appeal.objects.exists()

    def test_a_member_reports_another_by_name(self, world, place):
        make_member("赵敏", groups=[world.group])
        rule = world.group.rule_set.versions.get().rules.get()
        phone = phone_of(world.member)
        assert phone.post(f"{place}report/", {"name": "没有这个人", "rule": rule.pk}).status_code == 422
        assert phone.post(f"{place}report/", {"name": "刘洋", "rule": rule.pk}).status_code == 422
        values = {"name": " 赵敏 ", "rule": rule.pk, "text": "私聊推销"}
        assert phone.post(f"{place}report/", values).status_code == 302
        violation = Violation.objects.get()
        assert (violation.source, violation.reporter) == ("report", world.member)
        assert phone.post(f"{place}report/", values).status_code == 302
        assert Violation.objects.count() == 1, "sent twice, it is one report"
        for number in range(9):
            phone.post(f"{place}report/", {**values, "text": f"私聊推销 {number}"})
        assert phone.post(f"{place}report/", values).status_code == 422
        assert Violation.objects.count() == 10

    def test_a_report_shows_to_the_one_it_is_about_only_when_it_is_confirmed(self, world, place, cast: Cast):  # noqa: F811
        reporter = make_member(groups=[world.group])
        rule = world.group.rule_set.versions.get().rules.get()
        link = reverse("member:group_rules", args=[world.group.page_token])
        phone_of(reporter).post(f"{link}report/", {"name": "刘洋", "rule": rule.pk, "text": "私聊推销"})
        own = phone_of(world.member)
        assert "私聊推销" not in own.get(place).content.decode()
        violation_confirm(by=cast.mei, now=timezone.now(), violation=Violation.objects.get())
        page = own.get(place).content.decode()
        assert "私聊推销" in page
        assert reporter.name not in page

    def test_a_link_that_was_ended_leads_to_a_page_that_says_so(self, world, address, cast: Cast):  # noqa: F811
        group_renew_page(by=cast.lin, group=world.group)
        for answer in (Client().get(address), Client().post(f"{address}read/")):
            assert answer.status_code == 404
            assert "This link leads nowhere any more" in answer.content.decode()


def test_administrators_decide_for_the_community_and_notice_each_other(cast: Cast):  # noqa: F811
    lin = browser(cast.lin)
    address = reverse("members:conduct_settings")
    values = {
        "version": 0,
        "history_hours": 48,
        "act_within_hours": 4,
        "unread_days": 7,
        "keep_days": 30,
        "evidence_days": 180,
        "exempt_roles": ["owner"],
    }
    assert lin.post(address, values).status_code == 302
    assert lin.post(address, {**values, "history_hours": 12}).status_code == 409
    assert lin.post(address, {**values, "history_hours": 0, "version": 1}).status_code == 422
    assert lin.post(address, {**values, "history_hours": 12, "version": 1}).status_code == 302
