"""The team of a group: staff, members' roles, opinion leaders and duties."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from accounts.models import AuditEntry, Role, User
from accounts.policies import policy_save
from activity.services import event_key
from groups.models import Duty, DutyCheck, Group, Rhythm
from groups.roles.duties import DutyDraft, due_in, duties_save, duties_suggest, duty_tick, my_duties, period_of
from groups.roles.models import GroupRole, Permission, StaffRole
from groups.roles.permissions import OPERATOR
from groups.roles.services import role_permission_set, staff_role_grant
from members.ingestion import IncomingEvent, ingest
from members.models import LeaderPass, MemberRole, Membership
from members.roles.leaders import LeaderPolicy, candidates, leader_pass, standing
from members.roles.services import member_role_grant
from tests.builders import NOW, make_group, make_member


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def group(cast):
    return make_group("杭州·阅读", branch=cast.hangzhou, now=NOW - timedelta(days=90))


def happen(member, group, kind, times, *, days=1):
    """`times` events of a kind on each of `days` days."""
    events = [
        IncomingEvent(
            event_key("tests", f"{member.pk} {kind} {day} {number}"),
            member.external_id,
            group.external_id,
            kind,
            NOW - timedelta(days=day, minutes=number),
        )
        for day in range(days)
        for number in range(times)
    ]
    ingest(events=events, source="tests", by=None, create_missing=False, now=NOW)


def undo_of(response):
    tags = next(message.extra_tags for message in response.context["messages"] if "undo:" in message.extra_tags)
    return tags.split("undo:", 1)[1].split(" ")[0]


# Staff


def test_the_first_owner_is_named_by_anybody_who_writes_then_only_by_the_owner_or_an_administrator(client, cast, group):
    ben = User.objects.create_user("ben", role=Role.OPERATOR, branch=cast.hangzhou)
    client.force_login(cast.mei)
    response = client.post(f"/groups/{group.pk}/team/staff/", {"user": cast.mei.pk, "role": "owner"}, follow=True)
    assert StaffRole.objects.get(group=group).user == cast.mei
    client.force_login(ben)
    assert client.post(f"/groups/{group.pk}/team/staff/", {"user": ben.pk, "role": "owner"}).status_code == 403
    client.force_login(cast.mei)
    client.post(undo_of(response))
    assert not StaffRole.objects.exists()


def test_somebody_of_another_branch_is_no_choice_and_a_reader_neither(client, cast, group):
    client.force_login(cast.lin)
    for person in (cast.out, cast.ana):
        response = client.post(f"/groups/{group.pk}/team/staff/", {"user": person.pk, "role": "owner"})
        assert response.status_code == 422
    assert not StaffRole.objects.exists()


def test_taking_a_role_away_can_be_undone(client, cast, group):
    staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.mei, role=GroupRole.OWNER)
    client.force_login(cast.lin)
    response = client.post(f"/groups/{group.pk}/team/staff/end/", {"user": cast.mei.pk, "role": "owner"}, follow=True)
    assert not StaffRole.objects.exists()
    client.post(undo_of(response))
    assert StaffRole.objects.get().user == cast.mei


# Members' roles


def test_a_member_gets_a_role_by_name_and_loses_it_again(client, cast, group):
    member = make_member("王小明", groups=[group])
    client.force_login(cast.mei)
    address = f"/groups/{group.pk}/team/role/"
    response = client.post(address, {"who": "小明", "role": "leader"}, follow=True)
    assert "王小明" in response.content.decode()
    client.post(undo_of(response))
    row = MemberRole.objects.get(membership__member=member)
    assert row.ended_at == NOW
    assert "意见" not in client.get(f"/members/{member.pk}/roles/").content.decode()
    assert AuditEntry.objects.filter(subject_id=member.pk, action__startswith="member.role").count() == 2


def test_a_name_that_several_have_is_asked_back_and_one_that_nobody_has_refused(client, cast, group):
    make_member("王一", groups=[group])
    make_member("王二", groups=[group])
    client.force_login(cast.mei)
    address = f"/groups/{group.pk}/team/role/"
    response = client.post(address, {"who": "王", "role": "seed"})
    assert response.status_code == 422
    assert {member.name for member in response.context["found"]} == {"王一", "王二"}
    assert client.post(address, {"who": "李", "role": "seed"}).status_code == 422
    assert not MemberRole.objects.exists()


@pytest.mark.parametrize("role", [GroupRole.OWNER, GroupRole.ADMINISTRATOR, OPERATOR])
def test_who_may_not_review_members_gives_no_roles(client, cast, group, role):
    if role != OPERATOR:
        staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.mei, role=role)
    member = make_member(groups=[group])
    client.force_login(cast.mei)
    address = f"/groups/{group.pk}/team/role/"
    role_permission_set(by=cast.lin, role=role, permission=Permission.REVIEW, allowed=False)
    assert client.post(address, {"member": member.pk, "role": "leader"}).status_code == 403
    assert address not in client.get(f"/groups/{group.pk}/team/").content.decode()
    role_permission_set(by=cast.lin, role=role, permission=Permission.REVIEW, allowed=True)
    assert client.post(address, {"member": member.pk, "role": "leader"}).status_code == 302


# Opinion leaders


def test_a_group_with_few_active_members_ranks_nobody(cast, group):
    for number in range(4):
        happen(make_member(groups=[group], now=NOW - timedelta(days=80)), group, "answer", number + 1, days=5)
    assert candidates(group=group, now=NOW) == []


def test_candidates_are_those_who_do_clearly_more_than_usual_with_their_figures(cast, group):
    star, usual, gone = (make_member(name, groups=[group], now=NOW - timedelta(days=80)) for name in "星常离")
    others = [make_member(groups=[group], now=NOW - timedelta(days=80)) for _number in range(3)]
    for member in (usual, *others):
        happen(member, group, "message", 1, days=2)
    for member in (star, gone):
        happen(member, group, "message", 2, days=8)
        happen(member, group, "answer", 1, days=8)
    happen(gone, group, "left", 1)
    Membership.objects.filter(member=gone).update(left_at=NOW + timedelta(hours=1))
    found = candidates(group=group, now=NOW)
    assert [candidate.membership.member for candidate in found] == [star]
    # ahead of all four others who are there in days, messages and answers, of nobody in likes
    assert found[0].score == 30 + 20 + 35
    assert [figure.ahead_of for figure in found[0].figures] == [1, 1, 1, 0]
    assert [figure.value for figure in found[0].figures] == [8, 16, 8, 0]


def test_a_candidate_who_was_put_off_comes_back_after_the_days_of_the_policy(client, cast, group):
    star = make_member("星", groups=[group], now=NOW - timedelta(days=80))
    quiet = [make_member(groups=[group], now=NOW - timedelta(days=80)) for _number in range(4)]
    for member in quiet:
        happen(member, group, "message", 1)
    happen(star, group, "message", 3, days=9)
    happen(star, group, "answer", 3, days=9)
    client.force_login(cast.mei)
    assert len(client.get(f"/groups/{group.pk}/team/").context["candidates"]) == 1
    response = client.post(f"/groups/{group.pk}/team/pass/", {"member": star.pk}, follow=True)
    assert not response.context["candidates"]
    client.post(undo_of(response))
    assert not LeaderPass.objects.exists()
    leader_pass(by=cast.mei, now=NOW - timedelta(days=29), membership=star.memberships.get())
    assert not candidates(group=group, now=NOW)
    policy_save(by=cast.lin, now=NOW, values=LeaderPolicy(again_days=28))
    assert len(candidates(group=group, now=NOW)) == 1
    member_role_grant(by=cast.mei, now=NOW, membership=star.memberships.get(), role=GroupRole.LEADER)
    assert not candidates(group=group, now=NOW)


def test_the_share_is_told_against_the_line(cast, group):
    members = [make_member(groups=[group]) for _number in range(21)]
    member_role_grant(by=cast.mei, now=NOW, membership=members[0].memberships.get(), role=GroupRole.LEADER)
    group.refresh_from_db()
    stands = standing(group=group)
    assert (stands.leaders, stands.members, stands.missing) == (1, 21, 2), "10 % of 21, rounded up, is 3"
    assert standing(group=Group(pk=0)).missing == 0


def test_the_team_page_asks_as_often_for_a_large_group(client, cast, group, django_assert_max_num_queries):
    client.force_login(cast.mei)
    duties_suggest(by=cast.lin, now=NOW)
    counts = []
    for size in (6, 20):
        while Membership.objects.count() < size:
            member = make_member(groups=[group])
            happen(member, group, "answer", Membership.objects.count())
            member_role_grant(by=cast.mei, now=NOW, membership=member.memberships.get(), role=GroupRole.SEED)
        with django_assert_max_num_queries(40) as captured:
            client.get(f"/groups/{group.pk}/team/")
        counts.append(len(captured))
    assert counts[0] == counts[1]


# Duties


@pytest.fixture
def duty(cast):
    duties_save(by=cast.lin, now=NOW, role=GroupRole.OWNER, drafts=[DutyDraft("迎新", Rhythm.DAILY)])
    return Duty.objects.get()


def own(cast, *groups):
    for group in groups:
        staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.mei, role=GroupRole.OWNER)


def test_one_press_ticks_a_duty_in_all_groups_where_it_is_mine(client, cast, duty):
    mine = [make_group(branch=cast.hangzhou) for _number in range(3)]
    make_group(branch=cast.hangzhou)
    own(cast, *mine)
    client.force_login(cast.mei)
    response = client.post(f"/duties/{duty.pk}/done/", {"all": "1"}, follow=True)
    assert set(DutyCheck.objects.values_list("group", flat=True)) == {group.pk for group in mine}
    assert response.context["duties"][0].left == []
    assert DutyCheck.objects.first().user == cast.mei
    client.post(undo_of(response))
    assert not DutyCheck.objects.exists()
    client.post(f"/duties/{duty.pk}/done/", {"groups": [mine[0].pk, make_group(branch=cast.chengdu).pk]})
    assert [check.group for check in DutyCheck.objects.all()] == [mine[0]]


def test_a_daily_duty_comes_back_at_local_midnight_and_a_weekly_one_on_monday(cast, group, duty):
    own(cast, group)
    duty_tick(by=cast.mei, now=NOW, duty=duty, groups=[group])
    assert my_duties(user=cast.mei, now=NOW)[0].left == []
    tonight = NOW.replace(hour=15, minute=59)  # 23:59 in Shanghai
    assert my_duties(user=cast.mei, now=tonight)[0].left == []
    assert my_duties(user=cast.mei, now=tonight + timedelta(minutes=1))[0].left == [group]
    assert period_of(Rhythm.WEEKLY, NOW) == period_of(Rhythm.WEEKLY, NOW + timedelta(days=6))
    assert period_of(Rhythm.WEEKLY, NOW) != period_of(Rhythm.WEEKLY, NOW + timedelta(days=7))


def test_duties_before_opening_belong_to_groups_that_form(cast, duty):
    Duty.objects.update(rhythm=Rhythm.OPENING)
    duty.refresh_from_db()
    assert due_in(duty, make_group(motivation=""))
    assert not due_in(duty, make_group())


def test_two_who_tick_the_same_tick_it_once(cast, group, duty):
    assert duty_tick(by=cast.mei, now=NOW, duty=duty, groups=[group]) == [group.pk]
    assert duty_tick(by=cast.lin, now=NOW, duty=duty, groups=[group]) == []
    assert DutyCheck.objects.count() == 1


def test_who_did_what_shows_on_the_team_page(client, cast, group, duty):
    own(cast, group)
    duty_tick(by=cast.mei, now=NOW, duty=duty, groups=[group])
    client.force_login(cast.ana)
    lines = client.get(f"/groups/{group.pk}/team/").context["duties"]
    assert lines[0][1][0]["check"].user == cast.mei


def test_my_duties_cost_the_same_for_two_groups_and_twenty(cast, duty, django_assert_num_queries):
    for size in (2, 20):
        while StaffRole.objects.count() < size:
            own(cast, make_group(branch=cast.hangzhou))
        with django_assert_num_queries(3):
            assert my_duties(user=cast.mei, now=NOW)[0].total == size
