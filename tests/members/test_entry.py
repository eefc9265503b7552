"""Applying for a group, and deciding about it."""

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
from groups.models import Group, RolePermission
from members.entry.models import Application, ApplicationState, EntryPlan, EntryQuestion
from members.entry.selectors import application_suggestions
from members.entry.services import (
    Applicant,
    GroupFull,
    QuestionDraft,
    StalePlan,
    application_approve,
    application_make,
    application_reject,
    application_reopen,
    application_withdraw,
    applications_forget,
    applications_sweep,
    entry_plan_save,
    entry_questions_save,
    seats_left,
)
from members.entry.tasks import sweep_applications
from members.models import Member, Membership, StaffTask
from members.work.services import task_reopen, task_settle
from tests.base import Cast
from tests.builders import NOW, make_group, make_member

DAY = timedelta(days=1)
QUESTIONS = [
    QuestionDraft("孩子几年级？", kind="choice", choices=["三年级", "四年级", "其他"], wanted=["三年级", "四年级"]),
    QuestionDraft("想在群里得到什么？"),
]


@pytest.fixture
def group(cast: Cast) -> Group:
    return open_group(cast)


def open_group(cast: Cast, approval: str = "hand", **fields) -> Group:
    group = make_group("阅读群", branch=cast.hangzhou, **fields)
    entry_questions_save(
        by=cast.mei,
        group=group,
        questions=QUESTIONS,
        changes={"is_open": True, "approval": approval, "next_steps": "群主会加你"},
    )
    return group


def apply(group: Group, name: str = "王妈妈", grade: str = "三年级", now=NOW, by=None, **fields) -> Application:
    first, second = EntryQuestion.objects.filter(group=group)
    applicant = Applicant(name=name, answers={first.pk: grade, second.pk: "陪读的办法"}, **fields)
    return application_make(group=group, applicant=applicant, now=now, by=by)


class TestApplying:
    def test_answers_are_kept_with_the_questions_as_they_were(self, cast: Cast, group):
        application = apply(group, contact="wang_ma")
        entry_questions_save(by=cast.mei, group=group, questions=[QuestionDraft("新问题")], changes={})
        application.refresh_from_db()
        assert [(answer["text"], answer["answer"]) for answer in application.answers] == [
            ("孩子几年级？", "三年级"),
            ("想在群里得到什么？", "陪读的办法"),
        ]
        assert application.fits

    def test_what_is_missing_is_named_by_field(self, group):
        first, second = EntryQuestion.objects.filter(group=group)
        applicant = Applicant(name=" ", answers={first.pk: "十年级"})
        with pytest.raises(ValidationError) as caught:
            application_make(group=group, applicant=applicant, now=NOW)
        assert set(caught.value.error_dict) == {"name", f"question_{first.pk}", f"question_{second.pk}"}

    def test_one_wechat_id_waits_once_for_a_group(self, cast: Cast, group):
        first = apply(group, contact="wang_ma")
        with pytest.raises(ValidationError, match="waiting already"):
            apply(group, contact="WANG_MA")
        application_withdraw(now=NOW, application=first)
        assert apply(group, contact="wang_ma").pk != first.pk

    def test_a_group_that_takes_none_refuses(self, cast: Cast, group):
        entry_plan_save(by=cast.mei, group=group, changes={"is_open": False})
        with pytest.raises(ValidationError, match="takes no applications"):
            apply(group)

    def test_wanted_answers_let_in_at_once_and_others_wait(self, cast: Cast):
        group = open_group(cast, approval="answers")
        assert apply(group).state == ApplicationState.APPROVED
        assert apply(group, "李爸", "其他").state == ApplicationState.PENDING

    def test_answers_decide_only_where_some_are_wanted(self, cast: Cast, group):
        with pytest.raises(ValidationError) as caught:
            entry_questions_save(
                by=cast.mei, group=group, questions=[QuestionDraft("为什么？")], changes={"approval": "answers"}
            )
        assert "approval" in caught.value.error_dict


class TestDeciding:
    def test_approval_makes_a_member_and_a_task_and_the_invitation_makes_the_membership(self, cast: Cast, group):
        application = apply(group, contact="wang_ma", channel="poster7")
        assert application_approve(by=cast.mei, now=NOW, application=application)
        member = application.member
        assert (member.name, member.contact) == ("王妈妈", "wang_ma")
        task = StaffTask.objects.get(kind="entry_invite")
        assert (task.member, task.group, task.due_at) == (member, group, NOW + DAY)
        assert not Membership.objects.exists()
        assert task_settle(by=cast.mei, now=NOW, task=task, outcome="joined")
        assert Membership.objects.present().get().member == member
        assert Event.objects.get().channel.code == "poster7"
        group.refresh_from_db()
        assert group.member_count == 1

    def test_an_invitation_that_was_settled_by_mistake_is_taken_back_whole(self, cast: Cast, group):
        application_approve(by=cast.mei, now=NOW, application=apply(group))
        task = StaffTask.objects.get()
        task_settle(by=cast.mei, now=NOW, task=task, outcome="joined")
        task_reopen(by=cast.mei, now=NOW, task=task)
        assert not Event.objects.exists()
        assert not Membership.objects.exists()
        group.refresh_from_db()
        assert group.member_count == 0
        assert Member.objects.get().stage == 0

    def test_a_known_member_is_offered_by_wechat_id_and_never_by_name(self, cast: Cast, group):
        known = make_member("王妈妈", [group])
        Member.objects.filter(pk=known.pk).update(contact="Wang_Ma")
        make_member("王妈妈", [group])
        application = apply(group, contact="wang_ma")
        assert application_suggestions([application], user=cast.mei) == {application.pk: [known]}
        assert application_approve(by=cast.mei, now=NOW, application=application, member=known)
        assert application.member == known

    def test_members_of_other_branches_are_not_offered(self, cast: Cast, group):
        elsewhere = make_member("陈", [make_group(branch=cast.chengdu)])
        Member.objects.filter(pk=elsewhere.pk).update(contact="chen")
        application = apply(group, contact="chen")
        assert application_suggestions([application], user=cast.mei) == {application.pk: []}
        assert application_suggestions([application], user=cast.lin) == {application.pk: [elsewhere]}

    def test_a_full_group_lets_nobody_in_until_a_seat_is_free(self, cast: Cast):
        group = open_group(cast, approval="answers", capacity=1)
        first, second = apply(group, "甲"), apply(group, "乙", now=NOW + DAY)
        assert (first.state, second.state) == ("approved", "pending")
        assert seats_left(group) == 0
        with pytest.raises(GroupFull):
            application_approve(by=cast.mei, now=NOW, application=second)
        Group.objects.filter(pk=group.pk).update(capacity=2)
        assert applications_sweep(now=NOW + DAY) == 1
        second.refresh_from_db()
        assert second.state == "approved"

    def test_a_rejection_needs_its_reason(self, cast: Cast, group):
        application = apply(group)
        with pytest.raises(ValidationError):
            application_reject(by=cast.mei, now=NOW, application=application, reason=" ")
        assert application_reject(by=cast.mei, now=NOW, application=application, reason="本群只收三年级")
        assert AuditEntry.objects.filter(action="application.rejected").get().after["reason"] == "本群只收三年级"

    def test_a_decision_is_made_once(self, cast: Cast, group):
        application = apply(group)
        assert application_approve(by=cast.mei, now=NOW, application=application)
        assert not application_approve(by=cast.lin, now=NOW, application=application)
        assert not application_reject(by=cast.lin, now=NOW, application=application, reason="晚了")
        assert Member.objects.count() == StaffTask.objects.count() == 1

    def test_a_decision_is_taken_back_until_somebody_was_invited(self, cast: Cast, group):
        application = apply(group)
        application_approve(by=cast.mei, now=NOW, application=application)
        assert application_reopen(by=cast.mei, now=NOW, application=application)
        assert StaffTask.objects.get().state == "cancelled"
        application_approve(by=cast.mei, now=NOW + DAY, application=application)
        assert Member.objects.count() == 1
        task_settle(by=cast.mei, now=NOW, task=StaffTask.objects.open().get(), outcome="joined")
        assert not application_reopen(by=cast.mei, now=NOW, application=application)

    def test_who_named_a_member_of_the_group_is_invited_by_them(self, cast: Cast, group):
        inviter = make_member("林妈", [group])
        Member.objects.filter(pk=inviter.pk).update(contact="lin_ma")
        application = apply(group, referrer="LIN_MA")
        application_approve(by=cast.mei, now=NOW, application=application)
        application.member.refresh_from_db()
        assert application.member.invited_by == inviter

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite takes one writer at a time")
    def test_two_reviewers_at_once_make_one_decision(self, cast: Cast, group):
        application = apply(group)
        decided: list[bool] = []
        barrier = threading.Barrier(4)

        def decide(number: int) -> None:
            try:
                found = Application.objects.get(pk=application.pk)
                barrier.wait()
                if number % 2:
                    decided.append(application_approve(by=cast.mei, now=NOW, application=found))
                else:
                    decided.append(application_reject(by=cast.lin, now=NOW, application=found, reason="不合适"))
            finally:
                connection.close()

        threads = [threading.Thread(target=decide, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(decided) == [False, False, False, True]
        application.refresh_from_db()
        assert StaffTask.objects.count() == (1 if application.state == "approved" else 0)

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite takes one writer at a time")
    def test_the_last_seat_is_given_once(self, cast: Cast):
        group = open_group(cast, capacity=1)
        waiting = [apply(group, f"第 {number} 位") for number in range(3)]
        full: list[bool] = []
        barrier = threading.Barrier(3)

        def approve(application: Application) -> None:
            try:
                barrier.wait()
                application_approve(by=cast.mei, now=NOW, application=application)
                full.append(False)
            except GroupFull:
                full.append(True)
            finally:
                connection.close()

        threads = [threading.Thread(target=approve, args=(application,)) for application in waiting]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(full) == [False, True, True]


class TestTime:
    def test_the_sweep_may_run_twice(self, cast: Cast, group):
        old = apply(group, "旧", now=NOW - 31 * DAY)
        new = apply(group, "新", now=NOW - DAY)
        with time_machine.travel(NOW, tick=False):
            sweep_applications()
            sweep_applications()
        old.refresh_from_db()
        new.refresh_from_db()
        assert (old.state, new.state) == ("expired", "pending")
        assert AuditEntry.objects.filter(action="application.expired").count() == 1

    def test_who_came_without_the_task_needs_no_invitation_any_more(self, cast: Cast, group):
        application = apply(group)
        application_approve(by=cast.mei, now=NOW, application=application)
        Membership.objects.create(member=application.member, group=group, joined_at=NOW, last_seen_at=NOW)
        applications_sweep(now=NOW)
        assert StaffTask.objects.get().state == "cancelled"

    def test_decided_applications_are_forgotten_and_waiting_ones_are_not(self, cast: Cast, group):
        application_reject(by=cast.mei, now=NOW, application=apply(group, "甲"), reason="不合适")
        apply(group, "乙")
        assert applications_forget(before=NOW + DAY) == 1
        assert Application.objects.get().name == "乙"


class TestThePhone:
    def address(self, group: Group) -> str:
        return reverse("member:join", args=[group.page_token])

    def form(self, group: Group, **changes) -> dict[str, str]:
        first, second = EntryQuestion.objects.filter(group=group)
        return {
            "name": "王妈妈",
            "contact": "wang_ma",
            f"question_{first.pk}": "三年级",
            f"question_{second.pk}": "陪读的办法",
            **changes,
        }

    def test_purpose_and_questions_are_shown_and_the_application_is_made(self, client, group):
        html = client.get(self.address(group), {"c": "poster7"}).content.decode()
        assert html.index(group.purpose) < html.index("孩子几年级？")
        assert 'value="poster7"' in html
        answer = client.post(self.address(group), self.form(group, channel="poster7"))
        application = Application.objects.get()
        assert answer.url == reverse("member:application", args=[application.token])
        assert application.channel == "poster7"
        assert "look at it soon" in client.get(answer.url).content.decode()

    def test_what_was_typed_stays_when_something_is_missing(self, client, group):
        answer = client.post(self.address(group), self.form(group, contact=""))
        assert answer.status_code == 422
        assert "王妈妈" in answer.content.decode()
        assert "陪读的办法" in answer.content.decode()

    def test_the_trap_catches_programs_without_telling_them(self, client, group):
        assert client.post(self.address(group), self.form(group, website="http://x")).status_code == 200
        assert not Application.objects.exists()

    def test_a_flood_from_one_network_is_stopped_for_an_hour(self, client, group):
        with time_machine.travel(NOW, tick=False):
            for number in range(30):
                assert client.post(self.address(group), self.form(group, contact=f"u{number}")).status_code == 302
            assert client.post(self.address(group), self.form(group, contact="one-more")).status_code == 429
            other = client.post(self.address(group), self.form(group, contact="other"), REMOTE_ADDR="10.0.0.9")
            assert other.status_code == 302
        with time_machine.travel(NOW + timedelta(hours=2), tick=False):
            assert client.post(self.address(group), self.form(group, contact="later")).status_code == 302

    def test_no_address_is_kept(self, client, group):
        client.post(self.address(group), self.form(group), REMOTE_ADDR="10.1.2.3")
        assert "10.1.2.3" not in Application.objects.get().sender

    def test_a_rejected_applicant_reads_why_and_an_approved_one_what_to_do(self, client, cast: Cast, group):
        rejected, approved = apply(group, "甲"), apply(group, "乙")
        application_reject(by=cast.mei, now=NOW, application=rejected, reason="本群只收三年级")
        application_approve(by=cast.mei, now=NOW, application=approved)
        page = client.get(reverse("member:application", args=[rejected.token])).content.decode()
        assert "本群只收三年级" in page
        assert "群主会加你" in client.get(reverse("member:application", args=[approved.token])).content.decode()

    def test_an_applicant_withdraws(self, client, group):
        application = apply(group)
        client.post(reverse("member:application", args=[application.token]))
        application.refresh_from_db()
        assert application.state == "withdrawn"

    def test_a_full_group_offers_the_waiting_list_with_the_place_on_it(self, client, cast: Cast):
        group = open_group(cast, capacity=1)
        make_member(groups=[group])
        assert "waiting list" in client.get(self.address(group)).content.decode()
        apply(group, "先来")
        second = apply(group, "后到", now=NOW + DAY)
        assert "number 2" in client.get(reverse("member:application", args=[second.token])).content.decode()

    def test_a_guessed_address_leads_nowhere(self, client, group):
        assert client.get(reverse("member:application", args=["x" * 22])).status_code == 404
        assert client.get(reverse("member:join", args=["x" * 22])).status_code == 404

    def test_what_applicants_wrote_is_escaped(self, client, cast: Cast, group):
        application = apply(group, "<script>alert(1)</script>")
        client.force_login(cast.mei)
        for address in (reverse("members:applications"), reverse("members:application", args=[application.pk])):
            assert "<script>alert" not in client.get(address).content.decode()


class TestTheQueue:
    def test_one_after_the_other_with_undo(self, client, cast: Cast, group):
        first, second = apply(group, "甲"), apply(group, "乙", now=NOW + DAY)
        client.force_login(cast.mei)
        decide = reverse("members:application_decide", args=[first.pk])
        answer = client.post(decide, {"approve": "1"})
        assert answer.url == reverse("members:application", args=[second.pk])
        assert reverse("members:application_reopen", args=[first.pk]) in client.get(answer.url).content.decode()
        answer = client.post(reverse("members:application_decide", args=[second.pk]), {"reject": "1", "reason": ""})
        assert answer.status_code == 422
        client.post(reverse("members:application_reopen", args=[first.pk]))
        first.refresh_from_db()
        assert first.state == "pending"

    def test_many_are_approved_at_once_but_not_who_may_be_known(self, client, cast: Cast, group):
        known = make_member("老成员", [make_group(branch=cast.hangzhou)])
        Member.objects.filter(pk=known.pk).update(contact="old_friend")
        waiting = [apply(group, "甲"), apply(group, "乙", contact="old_friend"), apply(group, "丙")]
        client.force_login(cast.mei)
        client.post(reverse("members:applications_approve"), {"application": [row.pk for row in waiting]})
        states = list(Application.objects.order_by("pk").values_list("state", flat=True))
        assert states == ["approved", "pending", "approved"]

    def test_who_may_not_review_in_the_group_decides_nothing(self, client, cast: Cast, group):
        application = apply(group)
        RolePermission.objects.create(role="operator", permission="review", allowed=False)
        client.force_login(cast.mei)
        assert client.get(reverse("members:application", args=[application.pk])).status_code == 200
        assert client.post(reverse("members:application_decide", args=[application.pk])).status_code == 403
        client.post(reverse("members:applications_approve"), {"application": [application.pk]})
        application.refresh_from_db()
        assert application.state == "pending"

    def test_answers_stand_beside_each_other_for_one_group(self, client, cast: Cast, group):
        apply(group, "甲")
        client.force_login(cast.mei)
        page = client.get(reverse("members:applications"), {"group": group.pk})
        assert page.context["rows"][0].beside == ["三年级", "陪读的办法"]

    def test_search_filters_and_export(self, client, cast: Cast, group):
        apply(group, "甲", contact="aaa")
        application_reject(by=cast.mei, now=NOW, application=apply(group, "乙", grade="其他"), reason="不合适")
        client.force_login(cast.mei)

        def names(**query):
            rows = client.get(reverse("members:applications"), query).context["rows"]
            return [row.application.name for row in rows]

        assert names() == ["甲"]
        assert names(state="any") == ["甲", "乙"]
        assert names(state="rejected") == ["乙"]
        assert names(state="any", fits="no") == ["乙"]
        assert names(q="AAA") == ["甲"]
        export = client.get(reverse("members:applications"), {"state": "any", "export": "csv"})
        assert "本群" not in (text := b"".join(export.streaming_content).decode())
        assert "不合适" in text

    @pytest.mark.parametrize("rows", [2, 20])
    def test_the_number_of_queries_is_constant(self, client, cast: Cast, rows, django_assert_max_num_queries):
        for number in range(rows):
            apply(open_group(cast), f"第 {number} 位", contact=f"u{number}")
        client.force_login(cast.mei)
        with django_assert_max_num_queries(11):
            client.get(reverse("members:applications"))


class TestThePlan:
    def test_two_editors_notice_each_other(self, client, cast: Cast, group):
        revision = EntryPlan.objects.get().revision
        entry_plan_save(by=cast.lin, group=group, changes={"next_steps": "先加群主"}, revision=revision)
        with pytest.raises(StalePlan):
            entry_plan_save(by=cast.mei, group=group, changes={"next_steps": "扫码"}, revision=revision)
        client.force_login(cast.mei)
        form = {
            "revision": revision,
            "is_open": "on",
            "approval": "hand",
            "next_steps": "扫码",
            "questions-TOTAL_FORMS": 0,
            "questions-INITIAL_FORMS": 0,
        }
        answer = client.post(reverse("members:group_entry_questions", args=[group.pk]), form)
        assert answer.status_code == 409
        assert "扫码" in answer.content.decode()
        assert EntryPlan.objects.get().next_steps == "先加群主"

    def test_questions_are_edited_in_the_browser(self, client, cast: Cast, group):
        client.force_login(cast.mei)
        address = reverse("members:group_entry_questions", args=[group.pk])
        formset = client.get(address).context["formset"]
        form = {
            "revision": EntryPlan.objects.get().revision,
            "is_open": "on",
            "approval": "answers",
            "next_steps": "",
            "questions-TOTAL_FORMS": 4,
            "questions-INITIAL_FORMS": 2,
        }
        for row in formset.initial_forms:
            form |= {f"{row.prefix}-{name}": row.initial.get(name) or "" for name in ("pk", "text", "kind", "choices")}
        form |= {"questions-0-ORDER": 2, "questions-1-ORDER": 1, "questions-1-DELETE": "on"}
        form |= {"questions-2-text": "在哪个校区？", "questions-2-kind": "choice", "questions-2-choices": "一条"}
        refused = client.post(address, form)
        assert refused.status_code == 422
        assert "在哪个校区？" in refused.content.decode()
        form["questions-2-choices"] = "* 城西\n城东"
        assert client.post(address, form).status_code == 302
        found = list(EntryQuestion.objects.filter(group=group))
        assert [question.text for question in found] == ["孩子几年级？", "在哪个校区？"]
        assert (found[0].wanted, found[1].wanted) == (["三年级", "四年级"], ["城西"])
