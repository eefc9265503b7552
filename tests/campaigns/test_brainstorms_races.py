"""Brainstorms, when many press at the same moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from activity.models import BuiltInKind, Event
from activity.services import event_key
from campaigns.brainstorms.models import Answer, AnswerLike, Brainstorm
from campaigns.brainstorms.services import answer_give, answer_like, answer_unlike, brainstorms_tick, honours_post
from campaigns.models import Post
from members.ingestion import IncomingEvent, ingest
from tests.base import make_cast
from tests.builders import make_group, make_member
from tests.campaigns.talk import daily_at, open_session, plan_of
from tests.races import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]
THREADS = 4


def _press(deeds, number):
    return deeds[number]()


def counted(kind):
    return Event.objects.filter(kind__slug=kind).count()


def test_what_one_person_presses_many_times_is_done_once():
    cast, now = make_cast(), timezone.now()
    group = make_group(branch=cast.hangzhou)
    session = open_session(cast.mei, group, now)
    author, fan = make_member("作者", [group]), make_member("读者", [group])

    given = at_once(lambda _n: answer_give(now=now, session=session, member=author, text="同一句话").pk, THREADS)
    assert len(set(given)) == 1
    assert (Answer.objects.count(), counted(BuiltInKind.ANSWER)) == (1, 1)

    answer = Answer.objects.get()
    assert sorted(at_once(lambda _n: answer_like(now=now, answer=answer, member=fan), THREADS)) == [
        *[False] * (THREADS - 1),
        True,
    ]
    assert (AnswerLike.objects.count(), counted(BuiltInKind.LIKE)) == (1, 1)
    assert sum(at_once(lambda _n: answer_like(now=now, answer=answer, staff=cast.mei), THREADS)) == 1

    posted = at_once(lambda _n: honours_post(by=cast.mei, now=now, session=session), THREADS)
    assert sum(post is not None for post in posted) == 1
    assert Post.objects.exclude(pk=session.announcement_id).count() == 1


def test_a_like_that_comes_while_another_is_taken_back_is_not_forgotten():
    cast, now = make_cast(), timezone.now()
    group = make_group(branch=cast.hangzhou)
    session = open_session(cast.mei, group, now)
    answer = answer_give(now=now, session=session, member=make_member("作者", [group]), text="想法")
    for _round in range(6):
        answer_like(now=now, answer=answer, staff=cast.mei)
        deeds = (
            lambda: answer_unlike(now=now, answer=answer, staff=cast.mei),
            lambda: answer_like(now=now, answer=answer, staff=cast.lin),
        )
        assert at_once(partial(_press, deeds), 2) == [True, True]
        answer.refresh_from_db()
        assert answer.seen_at == now
        answer_unlike(now=now, answer=answer, staff=cast.lin)


def test_the_same_words_on_the_page_and_in_the_group_at_once_are_one_answer_and_one_event():
    cast, now = make_cast(), timezone.now()
    group = make_group(branch=cast.hangzhou)
    session = open_session(cast.mei, group, now)
    for number in range(6):
        member, words = make_member(f"家长 {number}", [group]), f"想法 {number}"
        said = f'{{"text": "{words}"}}'
        sent = IncomingEvent(
            event_key("t", words), member.external_id, group.external_id, "answer", now, properties=said
        )
        deeds = (
            partial(answer_give, now=now, session=session, member=member, text=words),
            partial(ingest, events=[sent], source="t", by=None, create_missing=False, now=now),
        )
        for outcome in at_once(partial(_press, deeds), 2):
            assert not isinstance(outcome, Exception), outcome
        assert Answer.objects.filter(member=member).count() == 1
        assert Event.objects.filter(kind__slug=BuiltInKind.ANSWER, member_id=member.pk).count() == 1


def test_two_who_plan_at_once_make_each_session_once():
    # In Shanghai it is ten in the morning: a session that has begun is made too, but no longer announced.
    cast, now = make_cast(), datetime(2026, 3, 2, 2, tzinfo=UTC)
    groups = [make_group(branch=cast.hangzhou) for _n in range(3)]
    plan = plan_of(cast.mei, groups, now, schedule=daily_at("2026-03-02T23:58"))
    before = Brainstorm.objects.count()
    later = now + timedelta(days=2)
    assert at_once(lambda _n: brainstorms_tick(now=later), THREADS) == [None] * THREADS
    assert Brainstorm.objects.count() == before + 2 * len(groups)
    assert Post.objects.count() == Brainstorm.objects.count() == plan.sessions.count()
