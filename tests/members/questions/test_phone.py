"""Questions on a member's phone, by plain forms."""

from __future__ import annotations

import re

import pytest

from members.models import Answer, Knowledge, Question
from members.questions.services import answer_accept, question_merge
from tests.base import Cast
from tests.builders import NOW, make_group, make_member
from tests.members.questions.things import answer, ask, hours, picture
from tests.members.visitors import phone_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def group(cast: Cast, time_machine):
    time_machine.move_to(NOW, tick=False)
    hours(NOW)
    return make_group("阅读打卡", branch=cast.hangzhou)


def test_a_member_asks_another_answers_and_the_first_accepts(cast, group):
    asker, helper = make_member("子涵妈妈", [group]), make_member("浩然爸爸", [group])
    first, second = phone_of(asker), phone_of(helper)
    pages = f"/m/g/{group.page_token}/questions/"
    response = first.post(f"{pages}ask/", {"text": "孩子不肯读书怎么办？", "picture": picture()})
    row = Question.objects.get()
    page = f"{pages}{row.pk}/"
    assert (response.status_code, response["Location"]) == (302, page)
    assert first.get(f"{page}picture/").content[:4] == b"\x89PNG"
    assert "孩子不肯读书" in second.get(pages).content.decode(), "the others see what they may answer"
    assert "1 open" in second.get(f"/m/g/{group.page_token}/").content.decode()
    assert second.post(f"{page}answer/", {"resource": "x"}).status_code == 422
    assert second.post(f"{page}answer/", {"plan": "每天读五分钟", "analysis": "没有养成习惯"}).status_code == 302
    given = Answer.objects.get()
    assert "1 answer for you" in first.get(f"/m/g/{group.page_token}/").content.decode()
    assert second.post(f"{page}accept/{given.pk}/").status_code == 403, "only who asked accepts"
    first.post(f"{page}helpful/{given.pk}/")
    assert first.get(page).context["answers"][0].helpful == 1
    first.post(f"{page}helpful/{given.pk}/", {"back": "yes"})
    assert first.get(page).context["answers"][0].helpful == 0
    assert first.post(f"{page}accept/{given.pk}/").status_code == 302
    assert first.post(f"{page}accept/{given.pk}/").status_code == 409
    row.refresh_from_db()
    assert (row.state, Knowledge.objects.get().plan) == ("accepted", "每天读五分钟")


def test_what_is_known_is_shown_before_a_question_is_asked_and_it_can_be_asked_all_the_same(cast, group):
    asker = make_member("子涵妈妈", [group])
    answer_accept(
        now=NOW, by=cast.mei, answer=answer(ask(asker, group, NOW, "打卡漏了怎么补？"), cast.mei, NOW, "点补卡")
    )
    phone = phone_of(make_member("浩然爸爸", [group]))
    pages = f"/m/g/{group.page_token}/questions/"
    words = "昨天打卡漏了，怎么补？"
    shown = phone.post(f"{pages}ask/", {"text": words})
    assert (shown.status_code, Question.objects.count()) == (200, 1)
    html = shown.content.decode()
    assert "点补卡" in html
    assert words in html, "what was typed is still there"
    assert re.search(r'name="sure" value="yes"', html)
    assert phone.post(f"{pages}ask/", {"text": words, "sure": "yes"}).status_code == 302
    assert Question.objects.count() == 2
    found = phone.get(pages, {"q": "补打卡"}).context["found"]
    assert [row.title for row in found] == ["打卡漏了怎么补？"]
    assert "点补卡" in phone.get(f"{pages}known/{found[0].pk}/").content.decode()


def test_nobody_reads_the_questions_of_a_group_they_are_not_in(cast, group):
    member = make_member("子涵妈妈", [group])
    row = ask(member, group, NOW)
    elsewhere = make_group("成都群", branch=cast.chengdu)
    stranger = phone_of(make_member("外人", [elsewhere]))
    assert stranger.get(f"/m/g/{group.page_token}/questions/{row.pk}/").status_code == 403
    assert stranger.get(f"/m/g/{elsewhere.page_token}/questions/{row.pk}/").status_code == 404
    assert stranger.post(f"/m/g/{elsewhere.page_token}/questions/{row.pk}/answer/", {"plan": "x"}).status_code == 404


def test_who_asked_what_was_asked_before_reads_and_judges_the_answers_there(cast, group):
    first, second = make_member("子涵妈妈", [group]), make_member("浩然爸爸", [group])
    known = ask(first, group, NOW, "书单在哪里？")
    given = answer(known, cast.mei, NOW, "在群文件里")
    again = ask(second, group, NOW, "请问书单在哪")
    question_merge(by=cast.mei, now=NOW, question=again, into=known)
    phone, page = phone_of(second), f"/m/g/{group.page_token}/questions/{again.pk}/"
    html = phone.get(page).content.decode()
    assert "在群文件里" in html
    assert "This was asked before" in html
    phone.post(f"{page}helpful/{given.pk}/")
    assert given.votes.get().member == second
    assert phone.post(f"{page}accept/{given.pk}/").status_code == 403


def test_words_of_members_are_shown_as_text(cast, group):
    member = make_member("子涵妈妈", [group])
    row = ask(member, group, NOW, "<script>alert(1)</script>")
    html = phone_of(member).get(f"/m/g/{group.page_token}/questions/{row.pk}/").content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html
