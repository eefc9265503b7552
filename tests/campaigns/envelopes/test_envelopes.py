"""Envelopes: planned from a budget, opened and ended on time, claimed once by whom they are for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from accounts.models import AuditEntry
from activity.models import Event
from activity.services import event_key
from campaigns.envelopes.models import BudgetMonth, EnvelopeRound, EnvelopeShare, RoundState
from campaigns.envelopes.services import (
    Refusal,
    Refused,
    StaleBudget,
    budget_save,
    claims_record,
    envelope_stop,
    envelopes_tick,
    month_available,
    months_end,
    round_end,
    round_open,
    share_claim,
)
from campaigns.models import Post
from campaigns.tasks import run_envelopes
from delivery.models import Delivery
from groups.models import Permission
from groups.roles.services import role_permission_set
from members.ingestion import IncomingEvent, ingest
from members.merging.services import members_merge
from members.models import Account, Member, MemberTag, Tag
from members.points.selectors import ledger_check
from members.points.services import points_of
from members.privacy.services import member_erase
from members.roles.services import member_role_grant
from members.segments.services import segment_create
from tests.builders import NOW, make_group, make_member
from tests.campaigns.envelopes.things import (
    HOUR,
    check_books,
    held,
    make_budget,
    make_envelope,
    make_members,
    make_open_round,
)
from tests.members.test_segments import one

pytestmark = pytest.mark.django_db
MARCH = NOW.date().replace(day=1)


@pytest.fixture
def group(cast):
    return make_group("杭州·阅读", branch=cast.hangzhou)


def refusal_of(row, member, now=NOW) -> str:
    with pytest.raises(Refused) as refused:
        share_claim(round_id=row.pk, member=member, now=now)
    return refused.value.why


def test_rounds_open_in_their_turn_and_the_rest_goes_back_once(group):
    envelope = make_envelope([group], times=[NOW + HOUR, NOW + 3 * HOUR], open_minutes=60)
    first, second = envelope.rounds.all()
    assert month_available(budget=envelope.budget, month=MARCH) == 9_800
    envelopes_tick(now=NOW + timedelta(minutes=59))
    assert not EnvelopeShare.objects.exists()
    for _time in range(2):
        envelopes_tick(now=NOW + HOUR)
    assert (first.shares.count(), second.shares.count()) == (10, 0)
    member = make_member(groups=[group])
    got = share_claim(round_id=first.pk, member=member, now=NOW + HOUR)
    for _time in range(2):
        envelopes_tick(now=NOW + 2 * HOUR)
    first.refresh_from_db()
    assert (first.state, first.refunded, points_of(member)) == (RoundState.ENDED, 100 - got.amount, got.amount)
    assert month_available(budget=envelope.budget, month=MARCH) == 9_900 - got.amount
    check_books(first)
    check_books(second)


def test_a_round_that_nobody_opened_in_time_is_refunded_whole(group):
    row = make_envelope([group]).rounds.get()
    envelopes_tick(now=NOW + 5 * HOUR)
    row.refresh_from_db()
    assert (row.state, row.refunded) == (RoundState.ENDED, 100)
    check_books(row)


def test_a_member_gets_one_share_however_often_they_ask(group):
    row, member = make_open_round(group, shares=2), make_member(groups=[group])
    assert share_claim(round_id=row.pk, member=member, now=NOW) == share_claim(
        round_id=row.pk, member=member, now=NOW + 9 * HOUR
    )
    assert row.shares.exclude(member=None).count() == 1
    check_books(row)


def test_too_early_too_late_and_too_slow_are_told_apart(group):
    row = make_envelope([group], shares=1, times=[NOW + HOUR]).rounds.get()
    first, second = make_members(group, 2)
    assert refusal_of(row, first) == Refusal.NOT_YET
    round_open(round_id=row.pk, now=NOW + HOUR)
    assert share_claim(round_id=row.pk, member=first, now=NOW + HOUR).amount == 100
    assert refusal_of(row, second, NOW + HOUR) == Refusal.ALL_GONE
    assert refusal_of(row, second, NOW + 2 * HOUR) == Refusal.OVER


def test_strangers_those_who_left_and_other_roles_tags_and_segments_get_a_refusal(cast, group):
    stranger, left, plain, leader, tagged, both = (make_member(name) for name in "abcdef")
    for member in (left, plain, leader, tagged, both):
        joined = IncomingEvent(event_key("t", member.name), member.external_id, group.external_id, "joined", NOW)
        ingest(events=[joined], source="t", by=None, create_missing=False, now=NOW)
    gone = IncomingEvent(event_key("t", "gone"), left.external_id, group.external_id, "left", NOW + HOUR)
    ingest(events=[gone], source="t", by=None, create_missing=False, now=NOW + HOUR)
    for member in (leader, both):
        member_role_grant(by=cast.lin, now=NOW, membership=member.memberships.get(), role="leader")
    tag = Tag.objects.create(name="重点", created_at=NOW)
    for member in (tagged, both):
        MemberTag.objects.create(member=member, tag=tag, since=NOW)
    segment = segment_create(by=cast.lin, now=NOW, name="重点", definition=one("tag", "in", [str(tag.pk)]))
    everybody = {stranger, left, plain, leader, tagged, both}

    def is_refused(row, member) -> bool:
        try:
            share_claim(round_id=row.pk, member=member, now=NOW + timedelta(minutes=5))
        except Refused as error:
            return error.why == Refusal.NOT_FOR_YOU
        return False

    def may(**fields) -> set[Member]:
        row = make_open_round(group, **fields)
        return {member for member in everybody if not is_refused(row, member)}

    assert may() == {plain, leader, tagged, both}
    assert may(role="leader") == {leader, both}
    assert may(tag=tag) == {tagged, both}
    assert may(segment=segment) == {tagged, both}
    assert may(role="leader", tag=tag) == {both}
    row = make_open_round(group, tag=tag)
    tag.delete()
    assert is_refused(row, both), "an audience that was deleted is nobody"


def test_a_budget_is_not_planned_beyond_its_month(group):
    budget = make_budget(250)
    april = NOW + timedelta(days=31)
    make_envelope([group], budget=budget, times=[NOW + HOUR, NOW + 2 * HOUR, april])
    assert [month_available(budget=budget, month=day.date().replace(day=1)) for day in (NOW, april)] == [50, 150]
    with pytest.raises(ValidationError) as refused:
        make_envelope([group], budget=budget, amount=30, times=[NOW + HOUR, NOW + 2 * HOUR])
    assert refused.value.message_dict["budget"] == ["It needs 60 points in 2026-03, and the budget has 50 left there."]
    assert EnvelopeRound.objects.count() == 3
    assert ledger_check().is_right


def test_a_budget_is_changed_from_this_month_on_and_never_below_what_is_planned(cast, group):
    budget = budget_save(by=cast.lin, now=NOW, budget=None, name="开课", branch=None, month_limit=300)
    make_envelope([group], budget=budget, amount=200)

    def change(limit, version):
        return budget_save(
            by=cast.lin, now=NOW, budget=budget, name="开课", branch=None, month_limit=limit, version=version
        )

    change(500, 1)
    assert month_available(budget=budget, month=MARCH) == 300
    change(200, 2)
    assert month_available(budget=budget, month=MARCH) == 0
    with pytest.raises(ValidationError) as refused:
        change(199, 3)
    assert "200 points are planned" in str(refused.value)
    with pytest.raises(StaleBudget):
        change(900, 2)
    with pytest.raises(ValidationError, match="of this name"):
        budget_save(by=cast.lin, now=NOW, budget=None, name="开课", branch=None, month_limit=1)
    budget.refresh_from_db()
    assert budget.month_limit == 200
    assert ledger_check().is_right


def test_what_is_left_of_a_month_goes_back_when_its_last_round_has_ended(group):
    row = make_envelope([group], times=[NOW], open_minutes=60).rounds.get()
    april = NOW + timedelta(days=31)
    assert months_end(now=april) == 0, "a round is still to end"
    envelopes_tick(now=april)
    assert months_end(now=april) == 0
    month = BudgetMonth.objects.get()
    assert (month.ended_at, month.account.balance, held("issuer")) == (april, 0, 0)
    check_books(row)


def test_stopping_takes_back_what_is_planned_and_the_rest_of_what_is_open(cast, group):
    envelope = make_envelope([group], by=cast.lin, times=[NOW, NOW + HOUR], announces=True, shares=1, now=NOW - HOUR)
    first, second = envelope.rounds.all()
    envelopes_tick(now=NOW)
    share_claim(round_id=first.pk, member=make_member(groups=[group]), now=NOW)
    assert envelope_stop(by=cast.mei, now=NOW, envelope=envelope) == 100
    assert envelope_stop(by=cast.mei, now=NOW, envelope=envelope) == 0
    second.refresh_from_db()
    assert (second.state, second.refunded) == (RoundState.STOPPED, 100)
    assert sorted(Post.objects.values_list("state", flat=True)) == ["active", "stopped"]
    assert AuditEntry.objects.get(action="envelope.stopped").after == {"rounds": 2, "refunded": 100}
    for row in (first, second):
        check_books(row)


def test_each_round_is_announced_in_its_group_with_its_own_link(cast, group, settings):
    other = make_group("杭州·数学", branch=cast.hangzhou)
    envelope = make_envelope([group, other], by=cast.mei, times=[NOW + HOUR], announces=True)
    for row in envelope.rounds.all():
        assert list(row.post.groups.all()) == [row.group]
        assert row.post.link == f"{settings.PUBLIC_URL}/m/g/{row.group.page_token}/envelopes/{row.pk}/"
        assert Delivery.objects.get(post_id=row.post_id).due_at == row.opens_at


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"shares": 0}, "shares"),
        ({"shares": 501, "amount": 900}, "shares"),
        ({"amount": 9}, "amount"),
        ({"times": []}, "times"),
        ({"times": [NOW - 2 * HOUR]}, "times"),
        ({"times": [NOW, NOW]}, "times"),
        ({"open_minutes": 8 * 24 * 60}, "open_minutes"),
    ],
)
def test_what_cannot_be_planned_is_said_beside_its_field(group, fields, field):
    with pytest.raises(ValidationError) as refused:
        make_envelope([group], **fields)
    assert set(refused.value.message_dict) == {field}


def test_only_who_may_send_envelopes_in_a_group_plans_one_there(cast, group):
    elsewhere = make_group("成都", branch=cast.chengdu)
    role_permission_set(by=cast.lin, role="operator", permission=Permission.ENVELOPES, allowed=False)
    for by, where in ((cast.mei, group), (cast.lin, group), (cast.ana, group), (cast.out, elsewhere)):
        if by == cast.lin:
            assert make_envelope([where], by=by)
            continue
        with pytest.raises(ValidationError, match="may not send envelopes"):
            make_envelope([where], by=by)


def test_the_event_of_a_claim_is_recorded_once(group):
    row = make_open_round(group)
    members = make_members(group, 3)
    for member in members:
        share_claim(round_id=row.pk, member=member, now=NOW)
    assert claims_record(now=NOW) == 3
    EnvelopeShare.objects.update(is_recorded=False)  # killed between the two steps
    claims_record(now=NOW)
    events = Event.objects.filter(kind__slug="envelope_claimed")
    assert sorted(events.values_list("member_id", flat=True)) == sorted(member.pk for member in members)
    assert sum(event.properties["points"] for event in events) == sum(points_of(member) for member in members)


def test_the_task_may_run_twice(group):
    row = make_envelope([group], times=[NOW], now=NOW, open_minutes=7 * 24 * 60).rounds.get()
    for _time in range(2):
        run_envelopes()
    check_books(row)


def test_a_round_ends_once(group):
    row = make_open_round(group)
    assert round_end(round_id=row.pk, now=NOW) is None, "its time is not over"
    assert round_end(round_id=row.pk, now=NOW + HOUR) == 100
    assert round_end(round_id=row.pk, now=NOW + HOUR) is None
    assert round_end(round_id=row.pk, now=NOW + HOUR, stopped=True) is None
    check_books(row)


def test_a_merged_person_does_not_get_a_second_share_and_keeps_both_that_were_paid(cast, group):
    row, other = make_open_round(group), make_open_round(group)
    winner, loser = make_members(group, 2)
    for member in (winner, loser):
        share_claim(round_id=row.pk, member=member, now=NOW)
    mine = share_claim(round_id=other.pk, member=loser, now=NOW)
    members_merge(by=cast.lin, now=NOW, winner=winner, loser=loser)
    assert share_claim(round_id=other.pk, member=winner, now=NOW) == mine
    assert points_of(winner) == sum(share.amount for share in EnvelopeShare.objects.exclude(member=None))
    assert not Account.objects.filter(member=loser).exists()
    check_books(row)
    check_books(other)


def test_erasing_a_person_leaves_the_sums(cast, group):
    row, member = make_open_round(group), make_member(groups=[group])
    share_claim(round_id=row.pk, member=member, now=NOW)
    member_erase(by=cast.lin, now=NOW, member=member)
    check_books(row)
