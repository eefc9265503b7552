"""Proposals of members, votes, and what staff decide."""

from __future__ import annotations

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activity.models import BuiltInKind, Event
from campaigns.content.models import PieceState
from campaigns.proposals.models import Proposal, ProposalState, ProposalVote
from campaigns.proposals.services import MOST_OPEN, proposal_make, proposal_withdraw, vote_give
from members.models import Member
from members.privacy.services import member_erase
from tests.builders import NOW, make_group, make_member
from tests.members.visitors import phone_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


@pytest.fixture
def group(cast):
    return make_group("杭州·阅读", branch=cast.hangzhou)


@pytest.fixture
def author(group):
    return make_member("子涵妈妈", [group])


def proposal_of(group, member, title="周末读书会", **more):
    values = {"kind": "activity", "text": "", **more}
    return proposal_make(now=NOW, group=group, member=member, title=title, **values)


def test_a_member_proposes_once_though_the_form_is_sent_twice_and_wants_it_too(group, author):
    phone, page = phone_of(author), f"/m/g/{group.page_token}/proposals/"
    data = {"kind": "topic", "title": "<b>睡前</b>故事", "text": "每周三"}
    for _twice in range(2):
        assert phone.post(f"{page}new/", data)["Location"] == page
    proposal = Proposal.objects.get()
    assert proposal.votes.get().member == author
    html = phone.get(page).content.decode()
    assert "&lt;b&gt;睡前&lt;/b&gt;故事" in html
    assert "<b>睡前" not in html
    bad = phone.post(f"{page}new/", {"kind": "topic", "title": " ", "text": "留着这些字"})
    assert bad.status_code == 422
    assert "Say in a few words" in bad.content.decode()
    assert "留着这些字" in bad.content.decode()
    assert phone_of(make_member("路人")).get(page).status_code == 403


def test_one_member_has_so_many_open_at_most(group, author):
    for number in range(MOST_OPEN):
        proposal_of(group, author, f"提议 {number}")
    with pytest.raises(ValidationError) as refused:
        proposal_of(group, author, "再一个")
    assert refused.value.code == "too_many"
    assert proposal_withdraw(proposal=Proposal.objects.earliest("pk"), member=author)
    proposal_of(group, author, "再一个")


def test_members_vote_once_and_take_it_back(group, author):
    proposal = proposal_of(group, author)
    fan = make_member("浩然爸爸", [group])
    phone, page = phone_of(fan), f"/m/g/{group.page_token}/proposals/"

    def likes():
        return Event.objects.filter(kind__slug=BuiltInKind.LIKE, member_id=fan.pk).count()

    for _twice in range(2):
        assert phone.post(f"{page}{proposal.pk}/vote/").status_code == 302
    assert (proposal.votes.count(), likes()) == (2, 1)
    assert "I want it<" in phone.get(page).content.decode()
    for _twice in range(2):
        phone.post(f"{page}{proposal.pk}/unvote/")
    assert (proposal.votes.count(), likes()) == (1, 0)
    other = make_group("别的群", branch=group.branch)
    elsewhere = make_member("路人", [other])
    address = f"/m/g/{other.page_token}/proposals/{proposal.pk}/vote/"
    assert phone_of(elsewhere).post(address).status_code == 404


def test_an_accepted_proposal_becomes_a_draft_and_its_member_reads_the_answer(client, cast, group, author):
    topic = proposal_of(group, author, "{睡前}故事", kind="topic", text="每周三")
    client.force_login(cast.mei)
    data = {"version": 1, "answer": "好主意，下周三开始", "decision": "accept"}
    assert client.post(f"/proposals/{topic.pk}/decide/", data).status_code == 302
    topic.refresh_from_db()
    assert (topic.state, topic.piece.state, topic.piece.text) == ("accepted", PieceState.DRAFT, "每周三")
    assert topic.piece.title == "｛睡前｝故事"
    assert topic.piece.branch == cast.hangzhou
    late = client.post(f"/proposals/{topic.pk}/decide/", {**data, "decision": "reject"})
    assert (late.status_code, "Somebody else has decided it" in late.content.decode()) == (422, True)
    activity = proposal_of(group, author, "周末读书会")
    client.post(f"/proposals/{activity.pk}/decide/", data)
    activity.refresh_from_db()
    assert (activity.activity.title, list(activity.activity.groups.all())) == ("周末读书会", [group])
    assert activity.activity.decided == "draft"
    page = phone_of(author).get(f"/m/g/{group.page_token}/proposals/").content.decode()
    assert "好主意，下周三开始" in page
    assert not vote_give(now=NOW, proposal=topic, member=make_member("晚了", [group]))


def test_a_rejection_needs_a_reason_that_its_member_alone_reads_and_can_be_undone(client, cast, group, author):
    proposal = proposal_of(group, author)
    client.force_login(cast.mei)
    without = client.post(f"/proposals/{proposal.pk}/decide/", {"version": 1, "answer": " ", "decision": "reject"})
    assert (without.status_code, "Give a reason" in without.content.decode()) == (422, True)
    client.post(f"/proposals/{proposal.pk}/decide/", {"version": 1, "answer": "场地不够", "decision": "reject"})
    mine = phone_of(author).get(f"/m/g/{group.page_token}/proposals/").content.decode()
    theirs = phone_of(make_member("邻居", [group])).get(f"/m/g/{group.page_token}/proposals/").content.decode()
    assert ("场地不够" in mine, "场地不够" in theirs) == (True, False)
    client.post(f"/proposals/{proposal.pk}/reopen/2/")
    proposal.refresh_from_db()
    assert (proposal.state, proposal.answer) == (ProposalState.OPEN, "")
    client.force_login(cast.ana)
    assert client.post(f"/proposals/{proposal.pk}/decide/", {"version": 3, "decision": "accept"}).status_code == 403
    client.force_login(cast.out)
    assert client.post(f"/proposals/{proposal.pk}/decide/", {"version": 3, "decision": "accept"}).status_code == 404
    assert client.get("/proposals/").context["listing"].total == 0


def test_what_staff_hide_only_its_member_sees(client, cast, group, author):
    proposal = proposal_of(group, author)
    client.force_login(cast.mei)
    client.post(f"/proposals/{proposal.pk}/hide/")
    page = f"/m/g/{group.page_token}/proposals/"
    neighbour = phone_of(make_member("邻居", [group]))
    assert "周末读书会" not in neighbour.get(page).content.decode()
    assert neighbour.post(f"{page}{proposal.pk}/vote/").status_code == 404
    own = phone_of(author).get(page).content.decode()
    assert "hidden by the staff" in own
    client.post(f"/proposals/{proposal.pk}/show/")
    assert "周末读书会" in neighbour.get(page).content.decode()


def test_whoever_is_erased_leaves_no_words_and_votes_stay_counted(cast, group, author):
    proposal = proposal_of(group, author, text="细节")
    fan = make_member("浩然爸爸", [group])
    vote_give(now=NOW, proposal=proposal, member=fan)
    member_erase(by=cast.lin, now=NOW, member=author)
    proposal.refresh_from_db()
    assert (proposal.title, proposal.text, proposal.votes.count()) == ("", "", 2)


def test_lists_take_as_many_queries_for_twenty_as_for_two(client, cast, group, author):
    client.force_login(cast.mei)
    first = proposal_of(group, author)
    phone = phone_of(author)
    asked = [
        (client, "/proposals/"),
        (client, f"/proposals/{first.pk}/"),
        (phone, f"/m/g/{group.page_token}/proposals/"),
    ]

    def fill(number):
        for index in range(number):
            member = make_member(f"{number} {index}", [group])
            vote_give(now=NOW, proposal=proposal_of(group, member, f"{number} {index}"), member=author)
            vote_give(now=NOW, proposal=first, member=member)

    def counted():
        counts = []
        for who, address in asked:
            with CaptureQueriesContext(connection) as queries:
                assert who.get(address).status_code == 200
            counts.append(len(queries))
        return counts

    fill(2)
    few = counted()
    fill(18)
    assert counted() == few
    assert ProposalVote.objects.count() == 1 + 20 * 3
    assert Member.objects.count() == 21
