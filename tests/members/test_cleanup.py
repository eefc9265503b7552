"""Cleaning up groups: who is listed, who is spared, who is removed, and how that is taken back."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.urls import reverse

from accounts.models import AuditEntry
from activity.models import Event
from activity.services import event_key
from groups.models import Group, RolePermission, Rule, RuleSet, RuleSetVersion
from members.cleanup.conditions import Conditions, cleanup_groups, cleanup_listed, why
from members.cleanup.models import CleanupItem, CleanupRun
from members.cleanup.services import (
    cleanup_advance,
    cleanup_item_undo,
    cleanup_rule_save,
    cleanup_start,
    cleanup_undo,
    cleanups_unattended,
    exemption_end,
    exemption_grant,
)
from members.cleanup.tasks import resume_cleanups, run_cleanup
from members.conduct.models import Violation
from members.ingestion import IncomingEvent, ingest
from members.models import Member, MemberRole, Membership, StaffTask
from members.work.services import task_reopen, task_settle
from tests.base import Cast
from tests.builders import NOW, make_group, make_member

DAY = timedelta(days=1)
SILENT = Conditions(silent_days=30)


@pytest.fixture
def group(cast: Cast) -> Group:
    """Three who were not seen for 100 days, and one who spoke yesterday."""
    group = make_group("阅读群", branch=cast.hangzhou)
    for name in ("甲", "乙", "丙"):
        make_member(name, [group], now=NOW - 100 * DAY)
    lively = make_member("活跃", [group], now=NOW - 100 * DAY)
    happen(lively, group, "message", NOW - DAY)
    return group


def happen(member: Member, group: Group, kind: str, at) -> None:
    key = event_key("t", f"{member.pk} {kind} {at}")
    event = IncomingEvent(key, member.external_id, group.external_id, kind, at)
    ingest(events=[event], source="t", by=None, create_missing=False, now=NOW)


def listed(cast: Cast, conditions: Conditions = SILENT, user=None) -> dict[str, str]:
    """Who is listed, with why they are spared."""
    groups = cleanup_groups(conditions, user=user or cast.mei)
    rows = cleanup_listed(conditions, groups=groups, now=NOW).select_related("member")
    return {row.member.name: row.spared for row in rows}


def run(cast: Cast, conditions: Conditions = SILENT, **more) -> CleanupRun:
    started = cleanup_start(by=cast.mei, now=NOW, conditions=conditions, reason="半年没说话", **more)
    with time_machine.travel(NOW, tick=False):
        run_cleanup(started.pk)
        run_cleanup(started.pk)
    started.refresh_from_db()
    return started


def present(group: Group) -> set[str]:
    return set(Membership.objects.present().filter(group=group).values_list("member__name", flat=True))


class TestWhoIsListed:
    def test_the_silent_are_and_others_are_not(self, cast: Cast, group):
        assert listed(cast) == {"甲": "", "乙": "", "丙": ""}

    def test_one_reason_is_enough_and_each_is_named(self, cast: Cast, group):
        happen(Member.objects.get(name="甲"), group, "introduced", NOW - 90 * DAY)
        conditions = Conditions(silent_days=95, shy_days=60)
        rows = cleanup_listed(conditions, groups=Group.objects.all(), now=NOW).select_related("member")
        found = {row.member.name: why(conditions, row, now=NOW) for row in rows}
        assert found == {
            "乙": [("silent", 100), ("shy", 100)],
            "丙": [("silent", 100), ("shy", 100)],
            "活跃": [("shy", 100)],
        }

    def test_narrowing_conditions_must_hold_as_well(self, cast: Cast, group):
        Member.objects.filter(name="甲").update(tier="first_time")
        assert set(listed(cast, Conditions(silent_days=30, never_bought=True))) == {"乙", "丙"}
        assert listed(cast, Conditions(silent_days=30, joined_days=101)) == {}

    def test_strikes_in_force_count(self, cast: Cast, group):
        strike(group, Member.objects.get(name="活跃"), 3)
        strike(group, Member.objects.get(name="甲"), 1)
        conditions = Conditions(strikes=3)
        assert set(listed(cast, conditions)) == {"活跃"}
        (row,) = cleanup_listed(conditions, groups=Group.objects.all(), now=NOW)
        assert why(conditions, row, now=NOW) == [("strikes", 3)]

    def test_role_holders_payers_newcomers_and_the_exempt_are_spared(self, cast: Cast, group):
        first, second, _third, _lively = Membership.objects.order_by("pk")
        MemberRole.objects.create(membership=first, role="leader", since=NOW)
        exemption_grant(by=cast.mei, now=NOW, membership=second, reason="出差")
        Member.objects.filter(name="丙").update(tier="senior")
        assert listed(cast) == {"甲": "role", "乙": "exempt", "丙": "payer"}
        assert listed(cast, Conditions(silent_days=30, spare_roles=False, spare_payers=False))["丙"] == ""
        assert listed(cast, Conditions(silent_days=30, newcomer_days=120, spare_payers=False))["丙"] == "newcomer"

    def test_an_exemption_ends_on_its_day_or_by_hand(self, cast: Cast, group):
        first = Membership.objects.order_by("pk")[0]
        exemption = exemption_grant(by=cast.mei, now=NOW - 9 * DAY, membership=first, reason="出差", until=NOW - DAY)
        assert listed(cast)["甲"] == ""
        exemption = exemption_grant(by=cast.mei, now=NOW, membership=first, reason="出差", until=NOW + DAY)
        assert listed(cast)["甲"] == "exempt"
        exemption_end(by=cast.mei, exemption=exemption)
        assert listed(cast)["甲"] == ""

    def test_only_groups_that_the_person_may_review_are_cleaned_up(self, cast: Cast, group):
        assert listed(cast, user=cast.out) == {}
        assert len(listed(cast, user=cast.lin)) == 3
        RolePermission.objects.create(role="operator", permission="review", allowed=False)
        assert listed(cast) == {}

    def test_conditions_without_a_reason_list_nobody(self, cast: Cast):
        with pytest.raises(ValidationError):
            cleanup_start(by=cast.mei, now=NOW, conditions=Conditions(joined_days=10), reason="清理")


class TestARun:
    def test_each_person_is_a_task_and_leaves_when_it_is_done(self, cast: Cast, group):
        started = run(cast)
        assert (started.state, started.expected, started.items.count()) == ("open", 3, 3)
        assert StaffTask.objects.filter(kind="cleanup_remove").count() == 3
        assert len(present(group)) == 4
        task = StaffTask.objects.get(member__name="甲")
        task_settle(by=cast.mei, now=NOW, task=task, outcome="removed")
        assert present(group) == {"乙", "丙", "活跃"}
        event = Event.objects.get(kind__slug="left")
        assert event.properties == {"reason": "cleanup", "run": started.pk}
        entry = AuditEntry.objects.get(action="member.removed")
        assert (entry.actor, entry.subject_name, entry.after["reason"]) == (cast.mei, "甲", "半年没说话")
        group.refresh_from_db()
        assert group.member_count == 3

    def test_who_is_kept_stays_with_a_note(self, cast: Cast, group):
        run(cast)
        task = StaffTask.objects.get(member__name="甲")
        task_settle(by=cast.mei, now=NOW, task=task, outcome="kept", note="住院了")
        item = CleanupItem.objects.get(membership__member__name="甲")
        assert (item.state, item.note) == ("kept", "住院了")
        assert "甲" in present(group)

    def test_a_settled_task_is_opened_again_and_the_member_is_present(self, cast: Cast, group):
        run(cast)
        task = StaffTask.objects.get(member__name="甲")
        before = Membership.objects.values().get(member__name="甲")
        task_settle(by=cast.mei, now=NOW, task=task, outcome="removed")
        assert task_reopen(by=cast.mei, now=NOW, task=task)
        assert Membership.objects.values().get(member__name="甲") == before
        assert not Event.objects.filter(kind__slug="left").exists()
        assert CleanupItem.objects.get(membership__member__name="甲").state == "open"

    def test_who_is_out_already_is_written_down_at_once(self, cast: Cast, group):
        run(cast, at_once=True)
        assert present(group) == {"活跃"}
        assert not StaffTask.objects.exists()
        assert set(CleanupItem.objects.values_list("state", flat=True)) == {"removed"}

    def test_a_run_is_taken_back_whole(self, cast: Cast, group):
        before = list(Membership.objects.order_by("pk").values())
        seen = list(Member.objects.order_by("pk").values("first_seen_at", "last_seen_at", "stage"))
        started = run(cast)
        task_settle(by=cast.mei, now=NOW, task=StaffTask.objects.get(member__name="甲"), outcome="removed")
        assert cleanup_undo(by=cast.lin, now=NOW, run=started)
        assert not cleanup_undo(by=cast.lin, now=NOW, run=started)
        run_cleanup(started.pk)
        started.refresh_from_db()
        assert started.state == "undone"
        assert list(Membership.objects.order_by("pk").values()) == before
        assert list(Member.objects.order_by("pk").values("first_seen_at", "last_seen_at", "stage")) == seen
        assert set(StaffTask.objects.values_list("state", flat=True)) == {"cancelled"}
        group.refresh_from_db()
        assert group.member_count == 4

    def test_one_person_is_taken_back(self, cast: Cast, group):
        started = run(cast, at_once=True)
        item = started.items.get(membership__member__name="甲")
        assert cleanup_item_undo(by=cast.mei, now=NOW, item=item)
        assert not cleanup_item_undo(by=cast.mei, now=NOW, item=item)
        assert present(group) == {"甲", "活跃"}

    def test_nobody_is_on_two_runs(self, cast: Cast, group):
        run(cast)
        assert set(listed(cast).values()) == {"listed"}
        assert run(cast).items.count() == 0

    def test_an_exemption_calls_an_open_removal_off(self, cast: Cast, group):
        run(cast)
        membership = Membership.objects.get(member__name="甲")
        exemption_grant(by=cast.mei, now=NOW, membership=membership, reason="出差")
        assert CleanupItem.objects.get(membership=membership).state == "kept"
        assert StaffTask.objects.get(member__name="甲").state == "cancelled"

    def test_who_spoke_while_the_run_waited_for_a_worker_is_not_listed(self, cast: Cast, group):
        started = cleanup_start(by=cast.mei, now=NOW, conditions=SILENT, reason="半年没说话")
        happen(Member.objects.get(name="甲"), group, "message", NOW - timedelta(hours=1))
        run_cleanup(started.pk)
        assert set(started.items.values_list("membership__member__name", flat=True)) == {"乙", "丙"}

    def test_a_killed_workers_run_goes_on_where_it_stopped(self, cast: Cast, group, monkeypatch):
        monkeypatch.setattr("members.cleanup.services.BATCH", 1)
        started = cleanup_start(by=cast.mei, now=NOW, conditions=SILENT, reason="半年没说话")
        assert cleanup_advance(run_id=started.pk, now=NOW)
        assert cleanups_unattended(now=NOW) == []
        assert cleanups_unattended(now=NOW + timedelta(minutes=1)) == [started.pk]
        while cleanup_advance(run_id=started.pk, now=NOW + timedelta(minutes=1)):
            pass
        assert started.items.count() == StaffTask.objects.count() == 3
        started.refresh_from_db()
        assert started.state == "open"

    def test_the_sweep_finds_what_the_broker_lost(self, cast: Cast, group, monkeypatch):
        started = cleanup_start(by=cast.mei, now=NOW, conditions=SILENT, reason="半年没说话")
        handed: list[int] = []
        monkeypatch.setattr(run_cleanup, "delay", handed.append)
        resume_cleanups()
        resume_cleanups()
        assert handed == [started.pk, started.pk]

    def test_a_rule_keeps_its_conditions_under_its_name(self, cast: Cast):
        first = cleanup_rule_save(by=cast.mei, now=NOW, name="沉默三个月", conditions=Conditions(silent_days=90))
        second = cleanup_rule_save(by=cast.mei, now=NOW, name="沉默三个月", conditions=Conditions(silent_days=60))
        elsewhere = cleanup_rule_save(by=cast.out, now=NOW, name="沉默三个月", conditions=SILENT)
        assert first.pk == second.pk != elsewhere.pk
        assert Conditions.read(second.conditions).silent_days == 60


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite takes one writer at a time")
@pytest.mark.parametrize("at_once", [False, True])
def test_two_runs_at_once_remove_nobody_twice(cast: Cast, group, at_once):
    runs = [
        cleanup_start(by=cast.mei, now=NOW, conditions=SILENT, reason="半年没说话", at_once=at_once)
        for _run in range(4)
    ]
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        try:
            barrier.wait()
            run_cleanup(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(started.pk,)) for started in runs * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A worker that came second may have left its run to the next sweep.
    for started in runs:
        run_cleanup(started.pk)
    assert CleanupItem.objects.count() == 3
    assert StaffTask.objects.count() == (0 if at_once else 3)
    assert Event.objects.filter(kind__slug="left").count() == (3 if at_once else 0)


def strike(group: Group, member: Member, strikes: int) -> None:
    rule_set, _made = RuleSet.objects.get_or_create(name="群规", defaults={"created_at": NOW})
    version, _made = RuleSetVersion.objects.get_or_create(rule_set=rule_set, number=1, defaults={"created_at": NOW})
    rule, _made = Rule.objects.get_or_create(version=version, code="ads", defaults={"text": "不发广告"})
    Violation.objects.create(
        member=member,
        group=group,
        rule=rule,
        source="detector",
        at=NOW - DAY,
        noted_at=NOW - DAY,
        state="confirmed",
        strikes=strikes,
        strike_until=NOW + 30 * DAY,
    )


class TestPages:
    def start(self, client, conditions: str = "asked=1&silent_days=30&spare_roles=1&spare_payers=1", **data):
        return client.post(f"{reverse('members:cleanup_begin')}?{conditions}", {"reason": "半年没说话", **data})

    def test_the_preview_names_people_reasons_and_who_is_spared(self, client, cast: Cast, group):
        Member.objects.filter(name="丙").update(tier="senior")
        client.force_login(cast.mei)
        with time_machine.travel(NOW, tick=False):
            page = client.get(reverse("members:cleanup"))
        assert page.context["going"] == 2
        assert [(str(words), number) for words, number in page.context["spared"]] == [("has bought", 1)]
        assert "silent for 100 days" in page.content.decode()
        assert not CleanupItem.objects.exists()

    def test_started_in_the_browser_a_small_clean_up_is_listed_at_once(self, client, cast: Cast, group):
        client.force_login(cast.mei)
        with time_machine.travel(NOW, tick=False):
            answer = self.start(client)
            page = client.get(answer.url)
        assert page.context["open"] == 3
        undo = client.post(reverse("members:cleanup_undo_run", args=[CleanupRun.objects.get().pk]))
        assert client.get(undo.url).context["undone"] == 3

    def test_without_a_reason_nothing_starts_and_the_preview_stays(self, client, cast: Cast, group):
        client.force_login(cast.mei)
        answer = self.start(client, reason="")
        assert answer.status_code == 422
        assert "甲" in answer.content.decode()
        assert not CleanupRun.objects.exists()

    def test_conditions_that_list_nobody_say_so(self, client, cast: Cast, group):
        client.force_login(cast.mei)
        answer = client.get(reverse("members:cleanup"), {"asked": "1"})
        assert "Say for what people are listed" in answer.content.decode()

    def test_who_may_not_review_starts_and_takes_back_nothing(self, client, cast: Cast, group):
        started = run(cast, at_once=True)
        RolePermission.objects.create(role="operator", permission="review", allowed=False)
        client.force_login(cast.mei)
        item = started.items.first()
        exempted = reverse("members:cleanup_exempt", args=[item.membership_id])
        assert self.start(client).status_code == 403
        assert client.post(reverse("members:cleanup_undo_run", args=[started.pk])).status_code == 403
        assert client.post(reverse("members:cleanup_undo_item", args=[item.pk])).status_code == 403
        assert client.post(exempted, {"reason": "出差"}).status_code == 403

    def test_the_record_says_who_removed_whom_why_and_when(self, client, cast: Cast, group):
        run(cast, at_once=True)
        client.force_login(cast.ana)
        export = client.get(reverse("members:cleanup_record"), {"export": "csv"})
        lines = b"".join(export.streaming_content).decode().splitlines()
        assert len(lines) == 4
        assert "甲" in (row := next(line for line in lines if "甲" in line))
        assert "mei" in row
        assert "半年没说话" in row
        assert "2026-03-02T12:00:00+08:00" in row
        client.force_login(cast.out)
        assert client.get(reverse("members:cleanup_record")).context["rows"] == []

    def test_a_rule_is_kept_used_deleted_and_brought_back(self, client, cast: Cast, group):
        client.force_login(cast.mei)
        client.post(f"{reverse('members:cleanup_rule_keep')}?asked=1&silent_days=90", {"name": "沉默三个月"})
        page = client.get(reverse("members:cleanup"))
        (rule, words, query) = page.context["rules"][0]
        assert (rule.name, words) == ("沉默三个月", ["silent for 90 days"])
        assert client.get(f"{reverse('members:cleanup')}?{query}").context["words"] == words
        client.post(reverse("members:cleanup_rule_forget", args=[rule.pk]))
        assert client.get(reverse("members:cleanup")).context["rules"] == []
        client.post(f"{reverse('members:cleanup_rule_keep')}?{query}&name=沉默三个月")
        assert client.get(reverse("members:cleanup")).context["rules"][0][1] == words

    @pytest.mark.parametrize("rows", [2, 20])
    def test_the_number_of_queries_is_constant(self, client, cast: Cast, rows, django_assert_max_num_queries):
        for number in range(rows):
            make_member(f"第 {number} 位", [make_group(branch=cast.hangzhou)], now=NOW - 100 * DAY)
        client.force_login(cast.mei)
        with django_assert_max_num_queries(16):
            client.get(reverse("members:cleanup"))
        started = run(cast)
        with django_assert_max_num_queries(10):
            client.get(reverse("members:cleanup_run", args=[started.pk]))
