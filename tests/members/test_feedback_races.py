"""Needs and proposals, when many press at the same moment."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from activity.models import Event
from campaigns.proposals.services import proposal_make, vote_give
from members.feedback.models import Need, NeedAsk, NeedReceipt, NeedReply
from members.feedback.services import need_ask, need_reply, need_write, needs_merge, needs_part
from tests.base import make_cast
from tests.builders import make_group, make_member
from tests.races import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]
THREADS, ROUNDS = 4, 6


def _press(deeds, number):
    return deeds[number]()


def test_nobody_who_asks_while_two_needs_become_one_is_lost():
    cast, now = make_cast(), timezone.now()
    group = make_group(branch=cast.hangzhou)
    people = [make_member(f"家长 {number}", [group]) for number in range(ROUNDS + 2)]
    stays = need_write(now=now, member=people[0], group=group, text="线下见面").need
    goes = need_write(now=now, member=people[1], group=group, text="聚一聚").need
    for person in people[2:]:
        deeds = (
            partial(needs_merge, by=cast.mei, now=now, winner=stays, loser=goes),
            partial(need_ask, by=cast.lin, now=now, need=goes, member=person, group=group, text="我也要"),
        )
        merge, ask = at_once(partial(_press, deeds), 2)
        assert NeedAsk.objects.get(pk=ask.pk).need_id == stays.pk
        # It went along, or came after: taken back, it is where it was asked, and nowhere twice.
        assert needs_part(by=cast.mei, now=now, merge=merge)
        assert NeedAsk.objects.filter(member=person).count() == 1


def test_a_reply_sent_many_times_at_once_reaches_everybody_once():
    cast, now = make_cast(), timezone.now()
    group = make_group(branch=cast.hangzhou)
    people = [make_member(f"家长 {number}", [group]) for number in range(3)]
    need = need_write(now=now, member=people[0], group=group, text="线下见面").need
    for person in people[1:]:
        need_ask(by=cast.mei, now=now, need=need, member=person, group=group, text="")
    sent = at_once(lambda _n: need_reply(by=cast.mei, now=now, need=need, text="周六", key="one")[1], THREADS)
    assert sent == [3] * THREADS
    assert (NeedReply.objects.count(), NeedReceipt.objects.count()) == (1, 3)


def test_what_one_member_sends_many_times_at_once_is_there_once():
    cast, now = make_cast(), timezone.now()
    group = make_group(branch=cast.hangzhou)
    author, fan = make_member("作者", [group]), make_member("读者", [group])
    at_once(lambda _n: need_write(now=now, member=author, group=group, text="线下见面"), THREADS)
    assert (Need.objects.count(), NeedAsk.objects.count()) == (1, 1)
    made = at_once(
        lambda _n: proposal_make(now=now, group=group, member=author, kind="topic", title="故事", text="").pk, THREADS
    )
    assert len(set(made)) == 1
    proposal = author.proposals.get()
    assert sum(at_once(lambda _n: vote_give(now=now, proposal=proposal, member=fan), THREADS)) == 1
    assert proposal.votes.count() == 2
    assert Event.objects.filter(kind__slug="like").count() == 1
