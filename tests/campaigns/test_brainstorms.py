"""Brainstorms: a question at a fixed hour, answers, and likes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.policies import policy_save
from activity.models import BuiltInKind, Event
from activity.services import event_key
from campaigns.brainstorms.honours import board, hall, placed
from campaigns.brainstorms.models import Answer, AnswerLike, Brainstorm, BrainstormState
from campaigns.brainstorms.selectors import medians
from campaigns.brainstorms.services import (
    StaleBrainstorm,
    answer_give,
    answer_hide,
    answer_like,
    answer_unlike,
    brainstorms_tick,
    honours_post,
    plan_end,
    plan_update,
    session_ask,
    session_cancel,
    session_restore,
)
from campaigns.content.services import piece_create
from campaigns.models import Post, PostState
from delivery.models import FeedItem
from delivery.services import deliver, dispatch
from groups.models import Permission
from groups.roles.services import role_permission_set
from members.ingestion import Deed, IncomingEvent, events_by_hand, ingest
from members.models import Transfer
from members.participation.policy import ParticipationPolicy
from members.privacy.services import member_erase
from tests.builders import NOW, make_group, make_member
from tests.campaigns.talk import QUESTION, daily_at, open_session, plan_of
from tests.members.visitors import phone_of

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


@pytest.fixture
def group(cast):
    return make_group("杭州·阅读", branch=cast.hangzhou)


@pytest.fixture
def session(cast, group):
    return open_session(cast.mei, group, NOW)


def events(kind, member):
    return Event.objects.filter(kind__slug=kind, member_id=member.pk).count()


def message(member, group, at, text, ref="m-1"):
    """An event of the kind `answer` as another system sends it."""
    properties = f'{{"text": "{text}"}}' if text else None
    event = IncomingEvent(
        event_key("tests", ref), member.external_id, group.external_id, "answer", at, properties=properties
    )
    return ingest(events=[event], source="tests", by=None, create_missing=False, now=NOW)


# Planning


def test_a_daily_plan_makes_a_week_of_sessions_with_announcements_once_however_often_it_runs(cast, group):
    other = make_group("杭州·写作", branch=cast.hangzhou)
    plan_of(cast.mei, [group, other], NOW, schedule=daily_at("2026-03-02T14:00"))
    sessions = Brainstorm.objects.filter(group=group).order_by("opens_at")
    assert [f"{one.opens_at:%d %H:%M}" for one in sessions][:3] == ["02 06:00", "03 06:00", "04 06:00"]  # UTC
    assert {one.closes_at - one.opens_at for one in sessions} == {HOUR}
    assert Brainstorm.objects.count() == 14
    for _time in range(2):
        brainstorms_tick(now=NOW + 2 * HOUR)
    assert Brainstorm.objects.count() == 16, "the week moves on"
    assert Post.objects.count() == 16
    first = sessions[0]
    assert first.announcement.link.endswith(f"/m/g/{group.page_token}/brainstorms/{first.pk}/")
    assert first.announcement.at == first.opens_at


def test_the_announcement_reaches_the_group_when_the_session_opens_and_it_closes_an_hour_later(cast, group, clock):
    plan = plan_of(cast.mei, [group], NOW)
    make_member("子涵妈妈", [group])
    session = plan.sessions.get()
    at = session.opens_at + timedelta(seconds=3)
    clock.move_to(at, tick=False)
    for _twice in range(2):
        brainstorms_tick(now=at)
    for pk in dispatch(now=at, clock=at).queued:
        deliver(delivery_id=pk)
    assert FeedItem.objects.get(group_id=group.pk).message.text == QUESTION
    session.refresh_from_db()
    assert session.state == BrainstormState.OPEN
    for _twice in range(2):
        brainstorms_tick(now=session.closes_at)
    session.refresh_from_db()
    assert (session.state, session.present) == (BrainstormState.CLOSED, 1)


def test_the_bank_gives_another_question_each_day_and_speaks_to_the_group_by_name(cast, group):
    for number in range(9):
        piece_create(
            by=cast.mei,
            now=NOW,
            title=f"问 {number}",
            text=f"{number}：{{group}}怎么看？",
            value="opinion",
            kind="question",
            level="easy",
        )
    piece_create(by=cast.out, now=NOW, title="别家", text="别家的问题", value="opinion", kind="question", level="easy")
    schedule = daily_at("2026-03-02T14:00")
    plan = plan_of(cast.mei, [group], NOW, question="", level="easy", schedule=schedule)
    asked = list(plan.sessions.values_list("question", flat=True))
    assert len(asked) == 7
    assert len(set(asked)) == 7
    assert all("杭州·阅读" in question and "别家" not in question for question in asked)


def test_an_empty_bank_makes_no_session_and_one_without_permission_no_plan(cast, group):
    assert not plan_of(cast.mei, [group], NOW, question="").sessions.exists()
    role_permission_set(by=cast.lin, role="operator", permission=Permission.POST, allowed=False)
    with pytest.raises(ValidationError) as refused:
        plan_of(cast.mei, [group], NOW)
    assert set(refused.value.message_dict) == {"groups"}


def test_a_changed_plan_makes_what_has_not_opened_anew_and_an_ended_one_calls_it_off(cast, group):
    plan = plan_of(cast.mei, [group], NOW, schedule=daily_at("2026-03-02T14:00"))
    version = plan.version
    values: dict[str, Any] = {
        "name": "新",
        "groups": [group],
        "schedule": daily_at("2026-03-02T15:00"),
        "question": "换一个",
    }
    plan = plan_update(by=cast.mei, now=NOW, plan=plan, version=version, **values)
    assert {(one.question, f"{one.opens_at:%H}") for one in plan.sessions.all()} == {("换一个", "07")}
    assert Post.objects.filter(state=PostState.ACTIVE).count() == 7
    with pytest.raises(StaleBrainstorm):
        plan_update(by=cast.mei, now=NOW, plan=plan, version=version, **values)
    assert plan_end(by=cast.mei, now=NOW, plan=plan) == 7
    assert plan_end(by=cast.mei, now=NOW, plan=plan) is None
    assert not Post.objects.filter(state=PostState.ACTIVE).exists()


def test_a_session_is_asked_anew_called_off_and_restored_with_its_announcement(cast, group):
    session = plan_of(cast.mei, [group], NOW).sessions.get()
    session_ask(by=cast.mei, now=NOW, session=session, question="{花括号} 也行", version=1)
    session.refresh_from_db()
    assert (session.question, session.announcement.body) == ("{花括号} 也行", "｛花括号｝ 也行")
    with pytest.raises(StaleBrainstorm):
        session_ask(by=cast.mei, now=NOW, session=session, question="晚了", version=1)
    assert session_cancel(by=cast.mei, now=NOW, session=session)
    assert not session_cancel(by=cast.mei, now=NOW, session=session)
    assert not Post.objects.filter(state=PostState.ACTIVE).exists()
    assert session_restore(by=cast.mei, now=NOW, session=session)
    assert Post.objects.filter(state=PostState.ACTIVE).count() == 1


# Answers


def test_a_member_answers_on_the_page_once_though_the_form_is_sent_twice(cast, group, session):
    member = make_member("子涵妈妈", [group])
    phone = phone_of(member)
    tile = phone.get(f"/m/g/{group.page_token}/").content.decode()
    assert "open until 12:59" in tile
    page = reverse("member:brainstorm", args=[group.page_token, session.pk])
    for words in ("读<b>给他</b>听", "  读<b>给他</b>听 "):
        assert phone.post(f"{page}answer/", {"text": words}).status_code == 302
    answer = Answer.objects.get()
    assert events(BuiltInKind.ANSWER, member) == 1
    html = phone.get(page).content.decode()
    assert "读&lt;b&gt;给他&lt;/b&gt;听" in html
    assert "<b>给他" not in html
    assert "You took part" in phone.get(f"/m/g/{group.page_token}/").content.decode()
    assert not answer.by_message
    empty = phone.post(f"{page}answer/", {"text": "  "})
    assert (empty.status_code, "Write your answer." in empty.content.decode()) == (422, True)


def test_outside_of_its_hours_a_session_takes_no_answer_and_keeps_what_was_typed(cast, group, session, clock):
    member = make_member("子涵妈妈", [group])
    clock.move_to(session.closes_at, tick=False)
    page = reverse("member:brainstorm_answer", args=[group.page_token, session.pk])
    late = phone_of(member).post(page, {"text": "我来晚了"})
    assert (late.status_code, "我来晚了" in late.content.decode()) == (422, True)
    assert not Answer.objects.exists()


def test_a_message_within_the_hour_is_an_answer_and_the_same_words_count_once_wherever_they_came_first(
    cast, group, session
):
    first, second, third = (make_member(name, [group]) for name in ("甲", "乙", "丙"))
    message(first, group, NOW, "睡前读", "a")
    message(first, group, NOW, "睡前读", "a")
    message(first, group, session.closes_at, "太晚", "b")
    message(third, group, NOW, "", "c")
    answer_give(now=NOW, session=session, member=first, text="睡前读")
    answer_give(now=NOW, session=session, member=second, text="一起读")
    message(second, group, NOW + MINUTE, "一起读", "d")
    answers = Answer.objects.order_by("pk")
    assert [(one.member.name, one.text, one.by_message) for one in answers] == [
        ("甲", "睡前读", True),
        ("丙", "", True),
        ("乙", "一起读", False),
    ]
    # Of the first: the answer, and what came too late to be one.
    assert (events(BuiltInKind.ANSWER, first), events(BuiltInKind.ANSWER, second)) == (2, 1)
    other = make_group("别的群", branch=cast.hangzhou)
    message(make_member("丁", [other]), other, NOW, "不在这里", "e")
    # What the product writes itself, as for an answer to a question, is none to the brainstorm.
    events_by_hand(deeds=[Deed("answer:1", third, group, BuiltInKind.ANSWER, NOW)], now=NOW)
    assert Answer.objects.count() == 3


def test_points_for_taking_part_come_once_a_session_and_only_when_administrators_say_so(cast, group, session):
    member = make_member("子涵妈妈", [group])
    answer_give(now=NOW, session=session, member=member, text="一")
    assert not Transfer.objects.exists()
    policy_save(by=cast.lin, now=NOW, values=ParticipationPolicy(answer=5))
    for words in ("二", "三"):
        answer_give(now=NOW, session=session, member=member, text=words)
    assert Transfer.objects.get().amount == 5


# Likes


def test_who_answered_and_was_not_liked_waits_with_the_time_that_passed_the_longest_first(
    client, cast, group, session, clock
):
    waits = {"早": 0, "中": 10, "晚": 25}
    for name, minutes in waits.items():
        answer_give(
            now=NOW + minutes * MINUTE, session=session, member=make_member(name, [group]), text=f"{name}的想法"
        )
    clock.move_to(NOW + 30 * MINUTE, tick=False)
    client.force_login(cast.mei)
    page = client.get("/rituals/brainstorms/to-like/")
    shown = [(row.member.name, row.waited) for row in page.context["listing"].rows]
    assert shown == [("早", 30 * MINUTE), ("中", 20 * MINUTE), ("晚", 5 * MINUTE)]
    assert "waits for 30 min" in page.content.decode()
    first = Answer.objects.get(member__name="早")
    for _twice in range(2):
        assert client.post(f"/rituals/brainstorms/answers/{first.pk}/like/").status_code == 302
    assert AnswerLike.objects.count() == 1
    left = client.get("/rituals/brainstorms/to-like/").context["listing"].rows
    assert [row.member.name for row in left] == ["中", "晚"]
    assert medians([session]) == {session.pk: 30 * MINUTE}
    assert not Event.objects.filter(kind__slug=BuiltInKind.LIKE).exists(), "staff are no members"
    today = client.get("/today/").content.decode()
    assert "Answers nobody has liked yet" in today
    client.post(f"/rituals/brainstorms/answers/{first.pk}/unlike/")
    assert len(client.get("/rituals/brainstorms/to-like/").context["listing"].rows) == 3
    client.force_login(cast.out)
    assert client.get("/rituals/brainstorms/to-like/").context["listing"].total == 0


def test_the_median_is_that_of_liked_answers_and_a_second_like_of_the_staff_changes_nothing(cast, group, session):
    answers = [
        answer_give(now=NOW, session=session, member=make_member(name, [group]), text=name) for name in "甲乙丙丁"
    ]
    for answer, minutes in zip(answers[:3], (1, 7, 30), strict=True):
        answer_like(now=NOW + minutes * MINUTE, answer=answer, staff=cast.mei)
    answer_like(now=NOW + 50 * MINUTE, answer=answers[0], staff=cast.lin)
    assert medians([session]) == {session.pk: 7 * MINUTE}
    answer_unlike(now=NOW, answer=answers[0], staff=cast.mei)
    assert Answer.objects.get(pk=answers[0].pk).seen_at == NOW + 50 * MINUTE


def test_members_like_once_take_it_back_and_never_like_themselves(cast, group, session):
    author, fan = make_member("作者", [group]), make_member("读者", [group])
    answer = answer_give(now=NOW, session=session, member=author, text="好主意")
    phone = phone_of(fan)
    address = reverse("member:brainstorm_like", args=[group.page_token, answer.pk])
    for _twice in range(2):
        assert phone.post(address).status_code == 302
    assert (answer.likes.count(), events(BuiltInKind.LIKE, fan)) == (1, 1)
    assert Answer.objects.get().seen_at is None, "a member's like is not the staff's"
    phone.post(reverse("member:brainstorm_unlike", args=[group.page_token, answer.pk]))
    assert (answer.likes.count(), events(BuiltInKind.LIKE, fan)) == (0, 0)
    own = phone_of(author).post(address)
    assert (own.status_code, "Nobody likes their own answer." in own.content.decode()) == (422, True)
    elsewhere = make_group("别的群", branch=cast.hangzhou)
    stranger = phone_of(make_member("路人", [elsewhere]))
    assert stranger.post(address).status_code == 403
    assert stranger.post(address.replace(group.page_token, elsewhere.page_token)).status_code == 404


# Honours


def test_equal_likes_are_an_equal_place_and_nobody_who_ties_is_left_out():
    rows = [("a", 5), ("b", 3), ("c", 3), ("d", 3), ("e", 1)]
    assert [(place, row) for place, row, _likes in placed(rows, 3)] == [(1, "a"), (2, "b"), (2, "c"), (2, "d")]
    assert [place for place, _row, _likes in placed([("a", 2), ("b", 1), ("c", 1)], 2)] == [1, 2, 2]


def test_the_board_is_posted_once_by_one_press_and_the_hall_counts_thirty_days(client, cast, group, session):
    answers = {}
    fans = [make_member(f"读者{number}", [group]) for number in range(3)]
    for name, likes in (("甲", 2), ("乙", 3), ("丙", 0)):
        answers[name] = answer_give(
            now=NOW, session=session, member=make_member(name, [group]), text=f"{name}：{{idea}}"
        )
        for fan in fans[:likes]:
            answer_like(now=NOW, answer=answers[name], member=fan)
    assert [(one.place, one.member.name, one.likes) for one in board(session)] == [(1, "乙", 3), (2, "甲", 2)]
    client.force_login(cast.mei)
    for _twice in range(2):
        client.post(f"/rituals/brainstorms/{session.pk}/honours/")
    post = Post.objects.exclude(pk=session.announcement_id).get()
    assert "1. 乙" in post.body
    assert post.body.index("乙") < post.body.index("甲")
    assert honours_post(by=cast.mei, now=NOW, session=session) is None
    assert [(one.member.name, one.likes) for one in hall(group, NOW)] == [("乙", 3), ("甲", 2)]
    answer_hide(by=cast.mei, now=NOW, answer=answers["乙"])
    assert [one.member.name for one in hall(group, NOW)] == ["甲"]
    assert hall(group, NOW + 31 * DAY) == []
    # Whoever is erased leaves no word, neither here nor in what was posted.
    member_erase(by=cast.lin, now=NOW, member=answers["甲"].member)
    post.refresh_from_db()
    assert "甲" not in post.body + post.message.text
    assert Answer.objects.get(pk=answers["甲"].pk).text == ""
    assert "甲" not in phone_of(fans[0]).get(f"/m/g/{group.page_token}/brainstorms/{session.pk}/").content.decode()


def test_without_a_like_there_is_no_board_to_post(client, cast, group, session):
    answer_give(now=NOW, session=session, member=make_member("甲", [group]), text="想法")
    client.force_login(cast.mei)
    page = client.post(f"/rituals/brainstorms/{session.pk}/honours/", follow=True)
    assert "Nobody was liked yet" in page.content.decode()


# Pages


def test_the_console_plans_edits_and_tells_two_editors(client, cast, group):
    client.force_login(cast.mei)
    data = {
        "name": "两点一问",
        "question": QUESTION,
        "repeat": "weekly",
        "weekdays": ["MO", "TH"],
        "day": "2026-03-02",
        "clock": "14:00",
        "minutes": "45",
        "announces": "on",
        "groups": [group.pk],
    }
    bad = client.post("/rituals/brainstorms/plans/new/", {**data, "weekdays": []})
    assert (bad.status_code, "Choose at least one weekday." in bad.content.decode()) == (422, True)
    answer = client.post("/rituals/brainstorms/plans/new/", data)
    plan = group.brainstorm_plans.get()
    assert answer["Location"] == f"/rituals/brainstorms/plans/{plan.pk}/"
    assert [f"{one.opens_at:%a}" for one in plan.sessions.order_by("opens_at")] == ["Mon", "Thu"]
    form = client.get(f"/rituals/brainstorms/plans/{plan.pk}/").context["form"]
    assert (form["repeat"].value(), form["weekdays"].value(), form["minutes"].value()) == ("weekly", ["MO", "TH"], 45)
    client.post(f"/rituals/brainstorms/plans/{plan.pk}/", {**data, "version": plan.version, "name": "新名字"})
    stale = client.post(f"/rituals/brainstorms/plans/{plan.pk}/", {**data, "version": plan.version, "name": "旧名字"})
    assert (stale.status_code, "Somebody else has changed it" in stale.content.decode()) == (422, True)
    plan.refresh_from_db()
    assert plan.name == "新名字"


def test_lists_take_as_many_queries_for_twenty_rows_as_for_two(client, cast, group, session):
    client.force_login(cast.mei)
    member = make_member("子涵妈妈", [group])
    phone = phone_of(member)
    asked = [
        "/rituals/brainstorms/",
        "/rituals/brainstorms/to-like/",
        "/rituals/brainstorms/plans/",
        f"/rituals/brainstorms/{session.pk}/",
        "/today/",
    ]
    own = [f"/m/g/{group.page_token}/brainstorms/", f"/m/g/{group.page_token}/brainstorms/{session.pk}/"]

    def counted():
        counts = []
        for who, address in [*((client, one) for one in asked), *((phone, one) for one in own)]:
            with CaptureQueriesContext(connection) as queries:
                assert who.get(address).status_code == 200
            counts.append(len(queries))
        return counts

    def fill(number):
        for index in range(number):
            past = plan_of(
                cast.mei, [group], NOW - 2 * HOUR, question=f"{number}-{index}", minutes=30, announces=False
            ).sessions.get()
            author = make_member(f"{number}{index}", [group])
            answer_like(
                now=NOW,
                answer=answer_give(now=past.opens_at, session=past, member=author, text="旧"),
                member=member,
            )
            answer_give(now=NOW, session=session, member=author, text="新")
        brainstorms_tick(now=NOW)

    fill(2)
    few = counted()
    fill(18)
    assert counted() == few
