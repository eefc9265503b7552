"""Questions when several people act at once."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts.models import Role, User
from activity.models import Event
from members.models import Answer, EscalationStep, Knowledge, Question, StaffTask
from members.questions.services import answer_accept, answer_give, answer_helped, escalations_run, question_take
from tests.builders import NOW, make_group, make_member
from tests.members.questions.things import answer, ask, hours
from tests.members.test_roles_races import MANY, at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]


@pytest.fixture
def people():
    return [User.objects.create_user(f"staff{number}", role=Role.OPERATOR) for number in range(MANY)]


@pytest.fixture
def group():
    hours(NOW)
    return make_group()


def test_of_many_who_take_a_question_one_gets_it(people, group):
    row = ask(make_member(groups=[group]), group, NOW)
    taken = at_once(lambda number: question_take(by=people[number], now=NOW, question=Question.objects.get(pk=row.pk)))
    assert sorted(taken) == [False, False, False, True]
    row.refresh_from_db()
    assert row.taken_by == people[taken.index(True)]


def test_of_many_answers_accepted_at_once_one_is_and_it_becomes_knowledge_once(people, group):
    row = ask(make_member(groups=[group]), group, NOW)
    given = [answer(row, people[number], NOW, f"第 {number} 个办法").pk for number in range(MANY)]

    def accept(number):
        mine = Answer.objects.select_related("question__group", "question__member", "member").get(pk=given[number])
        return answer_accept(by=people[number], now=NOW, answer=mine)

    assert sorted(at_once(accept)) == [False, False, False, True]
    assert Answer.objects.filter(accepted_at__isnull=False).count() == Knowledge.objects.count() == 1


def test_a_form_sent_many_times_at_once_asks_once(group):
    member = make_member(groups=[group])
    rows = at_once(lambda number: ask(member, group, NOW))
    assert len({row.pk for row in rows}) == 1
    assert Question.objects.count() == Event.objects.filter(kind__slug="question").count() == 1


def test_a_step_of_the_ladder_is_told_once_and_never_left_after_an_answer(people, group):
    for number in range(6):
        ask(make_member(groups=[group]), group, NOW, f"第 {number} 个问题")
    later = NOW.replace(minute=10)
    rows = list(Question.objects.all())

    def act(number):
        if number % 2:
            return escalations_run(now=later)
        for row in rows[number // 2 * 3 : number // 2 * 3 + 3]:
            answer_give(by=people[number], now=later, question=Question.objects.get(pk=row.pk), plan="先读五分钟")
        return 0

    answers = at_once(act)
    assert not [one for one in answers if isinstance(one, Exception)], answers
    assert not EscalationStep.objects.filter(state="due").exists()
    assert not StaffTask.objects.open().exists()
    told = EscalationStep.objects.filter(state="done").count()
    assert sum(answers) == told


def test_many_votes_at_once_are_one_for_each_member(people, group):
    members = [make_member(groups=[group]) for _number in range(2)]
    given = answer(ask(members[0], group, NOW), people[0], NOW)

    def vote(number):
        mine = Answer.objects.select_related("question__group").get(pk=given.pk)
        return answer_helped(now=NOW, answer=mine, member=members[number % 2])

    assert sorted(at_once(vote)) == [False, False, True, True]
    assert given.votes.count() == Event.objects.filter(kind__slug="like").count() == 2
