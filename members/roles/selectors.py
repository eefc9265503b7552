"""Reads of roles for the pages and the API."""

from __future__ import annotations

from django.db.models import Count, F, Q, QuerySet

from accounts.models import Role, User
from groups.models import Group
from groups.roles.models import GroupRole, StaffRole
from groups.roles.permissions import OPERATOR, ROWS
from members.models import Membership
from members.roles.models import MemberRole


def roles_held(group: Group) -> QuerySet[MemberRole]:
    """The roles that present members hold in a group, longest first."""
    present = Membership.objects.present().filter(group=group)
    roles = MemberRole.objects.filter(membership__in=present.values("pk"), ended_at=None)
    return roles.select_related("membership__member", "granted_by").order_by("since", "pk")


def affected_by(user: User) -> dict[str, tuple[int, int]]:
    """How many people each row of the matrix concerns, within reach: staff, and members. Four queries."""
    groups = Group.objects.visible_to(user)
    staff = dict(
        StaffRole.objects.filter(group__in=groups.open())
        .values_list("role")
        .annotate(people=Count("user", distinct=True))
        .order_by()
    )
    staff[OPERATOR] = User.objects.visible_to(user).filter(is_active=True, role=Role.OPERATOR).count()
    present = Q(membership__left_at=None) | Q(membership__last_seen_at__gt=F("membership__left_at"))
    members = dict(
        MemberRole.objects.filter(present, ended_at=None, membership__group__in=groups.open())
        .values_list("role")
        .annotate(people=Count("membership__member", distinct=True))
        .order_by()
    )
    members[GroupRole.MEMBER] = (
        Membership.objects.present().filter(group__in=groups.open()).values("member").distinct().count()
    )
    return {row: (staff.get(row, 0), members.get(row, 0)) for row in ROWS}


def roles_of_member(member_id: int, user: User) -> QuerySet[MemberRole]:
    """Every role a member holds or held in the groups that `user` sees, those in force first, latest first."""
    roles = MemberRole.objects.filter(
        membership__member_id=member_id, membership__group__in=Group.objects.visible_to(user)
    )
    return roles.select_related("membership__group", "granted_by").order_by(
        F("ended_at").desc(nulls_first=True), "-since"
    )
