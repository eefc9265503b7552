"""What members may do in a group, by their roles there."""

from __future__ import annotations

from groups.models import Group
from groups.roles.models import GroupRole
from groups.roles.permissions import allows
from members.models import Member, Membership
from members.roles.models import MemberRole


def member_may(member: Member, permission: str, group: Group) -> bool:
    """Whether this member may do this in this group: what any of their roles or plain membership allows. Nothing is
    allowed to somebody who left. At most three queries."""
    membership = Membership.objects.filter(member=member, group=group).first()
    if membership is None or not membership.is_present:
        return False
    held = MemberRole.objects.filter(membership=membership, ended_at=None).values_list("role", flat=True)
    return allows([GroupRole.MEMBER, *held], permission)
