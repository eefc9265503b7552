"""Roles in groups: who of the staff holds them, and what they allow."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from accounts.models import AuditEntry, Role, User
from groups.models import Group
from groups.roles.models import GroupRole, Permission, StaffRole
from groups.roles.permissions import OPERATOR, may
from groups.roles.services import permissions_reset, role_permission_set, staff_role_grant, staff_role_revoke
from members.models import Membership
from members.roles.permissions import member_may
from members.roles.services import member_role_end, member_role_grant
from tests.builders import NOW, make_group, make_member


@pytest.fixture
def group(cast):
    return make_group("杭州·阅读", branch=cast.hangzhou)


def deny(cast, role, permission=Permission.POST):
    assert role_permission_set(by=cast.lin, role=role, permission=permission, allowed=False)


def test_until_somebody_decides_otherwise_every_operator_of_the_branch_may_everything(cast, group):
    assert all(may(cast.mei, permission, group) for permission in Permission)


@pytest.mark.parametrize("permission", Permission)
def test_managers_may_nothing_and_administrators_everything_whatever_the_matrix_says(cast, group, permission):
    for role in [*GroupRole.values, OPERATOR]:
        role_permission_set(by=cast.lin, role=role, permission=permission, allowed=False)
    assert may(cast.lin, permission, group)
    assert not may(cast.ana, permission, group)
    assert not may(cast.mei, permission, group)


def test_nobody_may_anything_in_a_group_they_do_not_see(cast, group):
    assert not may(cast.out, Permission.POST, group)
    StaffRole.objects.create(group=group, user=cast.out, role=GroupRole.OWNER, since=NOW)
    assert not may(cast.out, Permission.POST, group)


def test_whoever_holds_a_role_is_held_to_it_and_the_others_to_the_row_of_operators(cast, group):
    other = make_group("杭州·数学", branch=cast.hangzhou)
    staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.mei, role=GroupRole.ADMINISTRATOR)
    deny(cast, GroupRole.ADMINISTRATOR)
    assert not may(cast.mei, Permission.POST, group)
    assert may(cast.mei, Permission.POST, other)
    deny(cast, OPERATOR)
    assert not may(cast.mei, Permission.POST, other)
    staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.mei, role=GroupRole.OWNER)
    assert may(cast.mei, Permission.POST, group)


def test_a_list_of_groups_is_narrowed_at_the_same_cost_however_long_it_is(cast, django_assert_num_queries):
    deny(cast, OPERATOR)
    for number in range(20):
        group = make_group(branch=cast.hangzhou)
        if number % 2:
            staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.mei, role=GroupRole.OWNER)
    with django_assert_num_queries(2):
        found = list(Group.objects.visible_to(cast.mei).permitted(cast.mei, Permission.POST))
    assert len(found) == 10


def test_a_new_owner_takes_the_place_of_the_old_one(cast, group):
    ben = User.objects.create_user("ben", role=Role.OPERATOR, branch=cast.hangzhou)
    staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.mei, role=GroupRole.OWNER)
    staff_role_grant(by=cast.lin, now=NOW, group=group, user=ben, role=GroupRole.OWNER)
    assert StaffRole.objects.get(group=group).user == ben
    entry = AuditEntry.objects.filter(action="group.staff_named").first()
    assert (entry.before["user"], entry.after["user"]) == ("mei", "ben")


def test_the_same_role_twice_is_one_role_and_one_entry(cast, group):
    for _time in range(2):
        staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.mei, role=GroupRole.OWNER)
    assert AuditEntry.objects.filter(action="group.staff_named").count() == 1
    assert staff_role_revoke(by=cast.lin, now=NOW, group=group, user=cast.mei, role=GroupRole.OWNER)
    assert not staff_role_revoke(by=cast.lin, now=NOW, group=group, user=cast.mei, role=GroupRole.OWNER)


def test_only_staff_who_can_act_in_the_group_run_it(cast, group):
    for person in (cast.ana, cast.out):
        with pytest.raises(ValidationError):
            staff_role_grant(by=cast.lin, now=NOW, group=group, user=person, role=GroupRole.OWNER)
    with pytest.raises(ValidationError):
        staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.mei, role=GroupRole.LEADER)


def test_resetting_the_matrix_brings_the_defaults_back(cast, group):
    deny(cast, OPERATOR)
    role_permission_set(by=cast.lin, role=GroupRole.MEMBER, permission=Permission.POST, allowed=True)
    assert permissions_reset(by=cast.lin) == 2
    assert may(cast.mei, Permission.POST, group)
    assert permissions_reset(by=cast.lin) == 0


def test_a_member_may_what_their_roles_or_plain_membership_allow(cast, group):
    member = make_member(groups=[group])
    membership = Membership.objects.get(member=member)
    assert member_may(member, Permission.INVITE, group)
    assert not member_may(member, Permission.ANSWER, group)
    role = member_role_grant(by=cast.mei, now=NOW, membership=membership, role=GroupRole.LEADER)
    assert member_role_grant(by=cast.mei, now=NOW, membership=membership, role=GroupRole.LEADER) == role
    assert member_may(member, Permission.ANSWER, group)
    assert member_role_end(by=cast.mei, now=NOW, role=role)
    assert not member_role_end(by=cast.mei, now=NOW, role=role)
    assert not member_may(member, Permission.ANSWER, group)
    assert not member_may(make_member(), Permission.INVITE, group)


def test_somebody_who_left_gets_no_role_and_may_nothing(cast, group):
    member = make_member(groups=[group])
    Membership.objects.filter(member=member).update(left_at=NOW.replace(year=2027))
    assert not member_may(member, Permission.INVITE, group)
    with pytest.raises(ValidationError):
        member_role_grant(by=cast.mei, now=NOW, membership=member.memberships.get(), role=GroupRole.SEED)
