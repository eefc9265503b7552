"""Who may do what in a group: the matrix of roles and permissions, and the questions that views ask of it.

Administrators of the platform may everything and managers nothing, whatever the matrix says. An operator may, in a
group they see, what any of their roles there allows; without a role there, what the row OPERATOR allows. A change works
at the next request: nothing is kept between requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from accounts.models import User
from groups.roles.models import STAFF_ROLES, GroupRole, Permission, RolePermission, StaffRole

if TYPE_CHECKING:
    from groups.models import Group

OPERATOR = "operator"
ROWS: tuple[str, ...] = (*GroupRole.values, OPERATOR)
ROW_LABELS: dict[str, str | Promise] = {
    **dict(GroupRole.choices),
    OPERATOR: pgettext_lazy("role in a group", "Operator without a role in the group"),
}

EVERYTHING = frozenset(Permission.values)
DEFAULTS: dict[str, frozenset[str]] = {
    GroupRole.OWNER: EVERYTHING,
    GroupRole.ADMINISTRATOR: EVERYTHING,
    GroupRole.LEADER: frozenset({Permission.INVITE, Permission.ANSWER}),
    GroupRole.INITIATOR: frozenset({Permission.INVITE, Permission.ANSWER}),
    GroupRole.SEED: frozenset({Permission.INVITE, Permission.ANSWER}),
    GroupRole.MEMBER: frozenset({Permission.INVITE}),
    OPERATOR: EVERYTHING,
}


def matrix() -> dict[str, frozenset[str]]:
    """What each row of ROWS allows, as it stands now. One query."""
    allowed = {row: set(DEFAULTS[row]) for row in ROWS}
    for role, permission, is_allowed in RolePermission.objects.values_list("role", "permission", "allowed"):
        if is_allowed:
            allowed[role].add(permission)
        else:
            allowed[role].discard(permission)
    return {row: frozenset(permissions) for row, permissions in allowed.items()}


def allows(roles: Iterable[str], permission: str) -> bool:
    """Whether any of these rows of the matrix allows it. One query."""
    allowed = matrix()
    return any(permission in allowed[role] for role in roles)


def may_name_staff(user: User, group: Group) -> bool:
    """Whether this person names the owner and the administrators of a group: administrators of the platform, its
    owner, and while it has none whoever may change something there."""
    if user.is_admin:
        return True
    if not user.may_write or (user.branch_id is not None and user.branch_id != group.branch_id):
        return False
    owners = set(StaffRole.objects.filter(group=group, role=GroupRole.OWNER).values_list("user_id", flat=True))
    return not owners or user.pk in owners


def may(user: User, permission: str, group: Group) -> bool:
    """Whether this person of the staff may do this in this group. At most two queries."""
    if user.is_admin and user.branch_id is None:
        return True
    groups = type(group).objects.filter(pk=group.pk).visible_to(user)
    return groups.permitted(user, permission).exists()


def who_may(permission: str, groups: Iterable[int]) -> dict[int, list[User]]:
    """Who of the staff holds a role in each of these groups that allows `permission`; beside them administrators may.
    For those who are told that it is not theirs to do. Two queries, however many groups there are."""
    allowed = matrix()
    granting = [role for role in STAFF_ROLES if permission in allowed[role]]
    found: dict[int, list[User]] = {}
    rows = StaffRole.objects.filter(group__in=list(groups), role__in=granting, user__is_active=True)
    for row in rows.select_related("user").order_by("user__username", "user_id"):
        people = found.setdefault(row.group_id, [])
        if row.user not in people and row.user.may_write:
            people.append(row.user)
    return found
