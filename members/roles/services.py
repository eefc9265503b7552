"""Members' roles in groups."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from members.models import Membership
from members.roles.models import MEMBER_ROLES, MemberRole


def member_role_grant(*, by: User | None, now: datetime, membership: Membership, role: str) -> MemberRole:
    """Gives a member a role in a group; the same role again changes nothing.

    Raises ValidationError by field when there is no such role, or when the member is not in the group (any more).
    """
    if role not in MEMBER_ROLES:
        raise ValidationError({"role": _("There is no such role.")})
    with transaction.atomic():
        # The membership is locked: two who give the same role at once give it once.
        current = Membership.objects.select_for_update(of=("self",)).select_related("member", "group")
        membership = current.get(pk=membership.pk)
        if not membership.is_present:
            raise ValidationError({"member": _("%(name)s is not in the group any more.") % {"name": membership.member}})
        if found := MemberRole.objects.filter(membership=membership, role=role, ended_at=None).first():
            return found
        granted = MemberRole.objects.create(membership=membership, role=role, since=now, granted_by=by)
        audit_record(
            by=by,
            action="member.role_given",
            subject=membership.member,
            after={"role": role, "group": membership.group},
        )
    return granted


def member_role_end(*, by: User | None, now: datetime, role: MemberRole) -> bool:
    """Ends a member's role; that they held it stays known. False when it had ended before."""
    with transaction.atomic():
        if not MemberRole.objects.filter(pk=role.pk, ended_at=None).update(ended_at=now):
            return False
        role.ended_at = now
        membership = Membership.objects.select_related("member", "group").get(pk=role.membership_id)
        audit_record(
            by=by,
            action="member.role_ended",
            subject=membership.member,
            before={"role": role.role, "group": membership.group},
        )
    return True
