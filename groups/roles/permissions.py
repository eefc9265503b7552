"""Who may do what in a group: the matrix of roles and permissions, and the questions that views ask of it.

Administrators of the platform may everything and managers nothing, whatever the matrix says. An operator may, in a
group they see, what any of their roles there allows; without a role there, what the row OPERATOR allows. A change works
at the next request: nothing is kept between requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from accounts.models import User
from groups.roles.models import GroupRole, Permission, RolePermission, StaffRole

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


@dataclass(frozen=True)
class Rights:
    """What a person may do in some groups that they see, and who else may: for lists whose rows say so."""

    user: User
    allowed: dict[str, frozenset[str]]
    staff: dict[int, list[StaffRole]]

    def may(self, permission: str, group_id: int) -> bool:
        if self.user.is_admin or not self.user.may_write:
            return self.user.is_admin
        mine = [row.role for row in self.staff.get(group_id, []) if row.user_id == self.user.pk]
        return any(permission in self.allowed[role] for role in mine or [OPERATOR])

    def who(self, permission: str, group_id: int) -> list[User]:
        """Those whose role in the group allows it; beside them administrators of the platform may."""
        found: dict[int, User] = {}
        for row in self.staff.get(group_id, []):
            if permission in self.allowed[row.role] and row.user.is_active and row.user.may_write:
                found[row.user_id] = row.user
        return list(found.values())


def rights_in(user: User, groups: Iterable[int]) -> Rights:
    """Two queries, however many groups there are; none for those who may everything."""
    if user.is_admin:
        return Rights(user, {}, {})
    staff: dict[int, list[StaffRole]] = {}
    rows = StaffRole.objects.filter(group__in=set(groups)).select_related("user").order_by("user__username", "pk")
    for row in rows:
        staff.setdefault(row.group_id, []).append(row)
    return Rights(user, matrix(), staff)
