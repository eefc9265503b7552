"""Questions come, are answered in time or not, and become knowledge."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from accounts.models import AuditEntry
from accounts.services import token_issue
from activity.models import Event
from activity.services import event_key
from members.ingestion import IncomingEvent, ingest
from members.models import Answer, AskedBy, EscalationStep, Knowledge, Member, Question, StaffTask
from members.privacy.services import member_erase
from members.questions.finding import knowledge_like
from members.questions.services import (
    NotAnswerable,
    NotAskable,
    answer_accept,
    answer_give,
    answer_helped,
    answer_helped_not,
    answer_unaccept,
    question_ask,
    question_close,
    question_merge,
    question_reopen,
    question_take,
    question_withdraw,
)
from members.questions.services.deciding import closed_days_add, hours_save
from tests.base import Cast
from tests.builders import NOW, make_group, make_member
from tests.members.questions.things import LADDER, answer, ask, hours, picture

pytestmark = pytest.mark.django_db
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def group(cast: Cast):
    hours(NOW)
    return make_group("阅读打卡", branch=cast.hangzhou)


@pytest.fixture
def member(group):
    return make_member("王子涵妈妈", [group])


def events(kind: str) -> int:
    return Event.objects.filter(kind__slug=kind).count()


def test_a_question_and_its_answer_are_each_counted_once(cast, group, member):
    question = ask(member, group, NOW)
    assert ask(member, group, NOW + SECOND).pk == question.pk, "a form that was sent twice is one question"
    helper = make_member("浩然爸爸", [group])
    for _time in range(2):
        given = answer_give(now=NOW + MINUTE, question=question, member=helper, plan="先读五分钟")
    assert (Question.objects.count(), Answer.objects.count()) == (1, 1)
    assert (events("question"), events("answer")) == (1, 1)
    assert answer_helped(now=NOW, answer=given, member=member)
    assert not answer_helped(now=NOW, answer=given, member=member)
    assert not answer_helped(now=NOW, answer=given, member=helper), "nobody votes for themselves"
    assert events("like") == 1
    assert answer_helped_not(now=NOW, answer=given, member=member)
    assert (events("like"), given.votes.count()) == (0, 0)


@pytest.mark.parametrize(("after", "in_time"), [(60, True), (61, False)])
def test_in_time_is_up_to_the_target_and_the_first_answer_decides(cast, group, member, after, in_time):
    question = ask(member, group, NOW)
    assert question.due_at == NOW + MINUTE
    answer(question, cast.mei, NOW + timedelta(seconds=after))
    answer(question, cast.lin, NOW + timedelta(hours=1), "另一个办法")
    question.refresh_from_db()
    assert (question.state, question.in_time, question.served_seconds) == ("answered", in_time, after)


def test_open_questions_follow_a_change_of_hours_and_answered_ones_do_not(cast, group, member):
    open_one, done = ask(member, group, NOW), ask(member, group, NOW, "打卡漏了怎么补？")
    answer(done, cast.mei, NOW + 90 * SECOND)
    hours(NOW, version=1, target_seconds=120)
    open_one.refresh_from_db()
    done.refresh_from_db()
    assert (open_one.due_at, open_one.target_seconds) == (NOW + 2 * MINUTE, 120)
    assert list(open_one.steps.values_list("due_at", flat=True)[:2]) == [NOW + MINUTE, NOW + 2 * MINUTE]
    assert (done.target_seconds, done.in_time) == (60, False)
    closed_days_add(by=cast.lin, now=NOW, days=[((NOW + timedelta(hours=8)).date(), "校庆")], branch=cast.hangzhou)
    open_one.refresh_from_db()
    assert open_one.due_at == NOW + timedelta(hours=12, minutes=2), "the day after the closed one, at midnight"
    # The hours of the group itself hold before those of all.
    hours_save(
        by=cast.lin, now=NOW, group=group, timezone="UTC", windows=[[]] * 7, target_seconds=60, ladder=LADDER[:1]
    )
    open_one.refresh_from_db()
    assert open_one.due_at is None
    assert list(open_one.steps.values_list("state", flat=True)) == ["due", "cancelled", "cancelled"]


def test_a_question_tells_what_is_wrong_with_it(cast, group, member):
    outsider = make_member("外人")
    for values, field in (
        ({"text": "  "}, "text"),
        ({"text": "长" * 2001}, "text"),
        ({"member": outsider}, "member"),
        ({"asked_at": NOW + MINUTE}, "asked_at"),
        ({"asked_at": NOW - timedelta(days=2)}, "asked_at"),
    ):
        with pytest.raises(NotAskable) as refused:
            ask(**{"member": member, "group": group, "now": NOW, **values})
        assert field in refused.value.message_dict
    question = ask(member, group, NOW)
    with pytest.raises(NotAnswerable):
        answer_give(now=NOW, question=question, by=cast.mei, resource="群文件")
    with pytest.raises(NotAnswerable):
        answer_give(now=NOW, question=question, member=outsider, plan="x")


def test_an_event_of_another_system_becomes_a_question_once_and_history_does_not(cast, client, group, member):
    token = token_issue(by=None, user=cast.mei, scopes=["events:write", "members:write"])[1]
    headers = {"authorization": f"Bearer {token}"}

    def event(number, at, **properties):
        return {
            "id": f"e{number}",
            "member": member.external_id,
            "group": group.external_id,
            "kind": "question",
            "at": at.isoformat(),
            "properties": properties,
        }

    from django.utils import timezone

    now = timezone.now()
    sent = [
        event(1, now, text="练字多久合适？"),
        event(2, now - timedelta(days=3), text="很久以前的问题"),
        event(3, now),
        {**event(4, now, text="不是问题"), "kind": "message"},
    ]
    for _time in range(2):
        assert (
            client.post(
                "/api/v1/events/", {"events": sent}, content_type="application/json", headers=headers
            ).status_code
            == 200
        )
    question = Question.objects.get()
    assert (question.text, question.source, question.state) == ("练字多久合适？", "message", "open")
    # The same act told as a question is the same one, and counts no second time.
    body = {"id": "e1", "member": member.external_id, "group": group.external_id, "text": "练字多久合适？"}
    before = events("question")
    response = client.post("/api/v1/questions/", body, content_type="application/json", headers=headers)
    assert (response.status_code, response.json()["id"]) == (200, question.pk)
    assert (Question.objects.count(), events("question")) == (1, before)


def test_a_message_that_staff_mark_is_not_counted_a_second_time(cast, group, member):
    key = event_key("tests", "m-1")
    message = IncomingEvent(key, member.external_id, group.external_id, "message", NOW)
    ingest(events=[message], source="tests", by=None, create_missing=False, now=NOW)
    for _time in range(2):
        question_ask(
            now=NOW, member=member, group=group, text="求书单", source=AskedBy.MESSAGE, by=cast.mei, event_key=key
        )
    assert (Question.objects.get().event_key, events("question")) == (uuid.UUID(key), 0)


def test_an_accepted_answer_becomes_knowledge_without_a_name_and_can_be_taken_back(cast, group, member):
    question = ask(member, group, NOW, "我是王子涵妈妈，孩子不肯读书怎么办？")
    given = answer(question, cast.mei, NOW + MINUTE, "王子涵妈妈，每天睡前只读五分钟")
    assert answer_accept(now=NOW + MINUTE, answer=given, by=cast.mei)
    assert not answer_accept(now=NOW + MINUTE, answer=given, by=cast.mei)
    row = Knowledge.objects.get()
    assert member.name not in row.title + row.plan + row.search
    found = Knowledge.objects.found_in(group)
    assert knowledge_like("孩子不愿意读书", found) == [row]
    assert knowledge_like("舞蹈班几点开课", found) == []
    elsewhere = make_group("成都群", branch=cast.chengdu)
    assert not Knowledge.objects.found_in(elsewhere).exists()
    assert answer_unaccept(by=cast.mei, now=NOW, answer=given)
    question.refresh_from_db()
    assert (question.state, Knowledge.objects.count()) == ("answered", 0)


def test_take_merge_close_reopen_and_withdraw(cast, group, member):
    first, second = ask(member, group, NOW), ask(member, group, NOW, "孩子不爱读书？")
    assert question_take(by=cast.mei, now=NOW, question=first)
    assert not question_take(by=cast.lin, now=NOW, question=first)
    assert question_take(by=cast.lin, now=NOW, question=first, over=cast.mei.pk)
    with pytest.raises(ValidationError):
        question_merge(by=cast.mei, now=NOW, question=second, into=second)
    assert question_merge(by=cast.mei, now=NOW, question=second, into=first)
    assert set(second.steps.values_list("state", flat=True)) == {"cancelled"}
    assert question_reopen(by=cast.mei, now=NOW, question=second)
    assert second.state == "open"
    assert set(second.steps.values_list("state", flat=True)) == {"due"}
    assert question_close(by=cast.mei, now=NOW, question=second, reason="elsewhere")
    assert not question_withdraw(now=NOW, member=member, question=second), "what staff closed stays closed"
    assert question_withdraw(now=NOW, member=member, question=first)
    assert not EscalationStep.objects.filter(state="due").exists()
    with pytest.raises(NotAnswerable):
        answer(first, cast.mei, NOW)


def test_erasing_a_person_takes_their_words_and_leaves_what_others_know(cast, group, member, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    from community_ops.lib.images import encode_anew

    helper = make_member("浩然爸爸", [group])
    question = ask(member, group, NOW, "子涵不肯读书怎么办？", picture=encode_anew(picture()))
    waiting = ask(member, group, NOW, "还有一个问题")
    given = answer_give(now=NOW + MINUTE, question=question, member=helper, plan="先读五分钟")
    answer_accept(now=NOW + MINUTE, answer=given)
    file = tmp_path / question.picture.name
    assert file.exists()
    for person in (member, helper):
        member_erase(by=cast.lin, now=NOW, member=Member.objects.get(pk=person.pk))
    question.refresh_from_db()
    waiting.refresh_from_db()
    given.refresh_from_db()
    assert (question.text, question.picture.name, given.plan, waiting.state) == ("", "", "", "withdrawn")
    assert not file.exists()
    assert Knowledge.objects.get().plan == "先读五分钟"
    assert not StaffTask.objects.open().exists()
    told = AuditEntry.objects.filter(subject_type="members.question")
    assert not [entry for entry in told if "子涵" in entry.subject_name or "子涵" in str(entry.after)]
