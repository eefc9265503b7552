"""Who of the staff runs a group, and what the roles in groups allow."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from groups.models import Group
from groups.roles.models import STAFF_ROLES, GroupRole, RolePermission, StaffRole
from groups.roles.permissions import DEFAULTS, ROWS, matrix


def staff_role_grant(*, by: User, now: datetime, group: Group, user: User, role: str) -> StaffRole:
    """Makes somebody owner or administrator of a group; the same role again changes nothing.

    A group has one owner: a new owner takes the place of the old one. Raises ValidationError by field when the role is
    not one of staff, or when the person cannot act in the group: closed, reading only, or of another branch.
    """
    if role not in STAFF_ROLES:
        raise ValidationError({"role": _("Staff are owner or administrator of a group.")})
    if not (user.is_active and user.may_write):
        raise ValidationError({"user": _("%(name)s may not change anything, so cannot run a group.") % {"name": user}})
    if user.branch_id is not None and user.branch_id != group.branch_id:
        raise ValidationError({"user": _("%(name)s belongs to another branch than the group.") % {"name": user}})
    with transaction.atomic():
        # The group is locked: of two who name an owner at once, the second replaces the first.
        Group.objects.select_for_update(no_key=True).get(pk=group.pk)
        held = StaffRole.objects.filter(group=group, role=role).select_related("user")
        if found := held.filter(user=user).first():
            return found
        replaced = held.first() if role == GroupRole.OWNER else None
        if replaced:
            replaced.delete()
        granted = StaffRole.objects.create(group=group, user=user, role=role, since=now)
        audit_record(
            by=by,
            action="group.staff_named",
            subject=group,
            before={"role": role, "user": replaced.user} if replaced else None,
            after={"role": role, "user": user},
        )
    return granted


def staff_role_revoke(*, by: User, now: datetime, group: Group, user: User, role: str) -> bool:
    """Ends a role of staff in a group. False when the person does not hold it (any more)."""
    with transaction.atomic():
        ended, _kinds = StaffRole.objects.filter(group=group, user=user, role=role).delete()
        if ended:
            audit_record(by=by, action="group.staff_released", subject=group, before={"role": role, "user": user})
    return bool(ended)


def role_permission_set(*, by: User, role: str, permission: str, allowed: bool) -> bool:
    """Decides a cell of the matrix; it holds from the next request on. False when it stood like that already."""
    if role not in ROWS:
        raise ValidationError({"role": _("There is no such role.")})
    with transaction.atomic():
        # The row is made first, so that there is something to lock: two first changes wait for each other as well.
        RolePermission.objects.get_or_create(
            role=role, permission=permission, defaults={"allowed": permission in DEFAULTS[role]}
        )
        cell = RolePermission.objects.select_for_update().get(role=role, permission=permission)
        if cell.allowed == allowed:
            return False
        cell.allowed = allowed
        cell.save(update_fields=["allowed"])
        about = {"role": role, "permission": permission}
        audit_record(
            by=by,
            action="permission.changed",
            subject=cell,
            before={**about, "allowed": not allowed},
            after={**about, "allowed": allowed},
        )
    return True


def permissions_reset(*, by: User) -> int:
    """Puts every cell of the matrix back to its default; returns how many changed."""
    with transaction.atomic():
        changes = [
            (role, permission, permission in DEFAULTS[role])
            for role, allowed in matrix().items()
            for permission in sorted(allowed ^ DEFAULTS[role])
        ]
        for role, permission, default in changes:
            role_permission_set(by=by, role=role, permission=permission, allowed=default)
    return len(changes)
