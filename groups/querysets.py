from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q

from groups.roles.models import STAFF_ROLES, StaffRole
from groups.roles.permissions import OPERATOR, matrix

if TYPE_CHECKING:
    from accounts.models import User
    from groups.models import Group  # noqa: F401  named in the base below

QUIET_AFTER = timedelta(days=7)
NEARLY_FULL = 0.9


class GroupQuerySet(models.QuerySet["Group"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every group, a branch its own. The one door to groups for pages and API."""
        return self if user.branch_id is None else self.filter(branch_id=user.branch_id)

    def permitted(self, user: User, permission: str) -> Self:
        """The groups in which this person's roles allow `permission`; to be asked beside visible_to(). Asks for the
        matrix at once, so it costs one query more, however many groups there are."""
        if user.is_admin:
            return self
        if not user.may_write:
            return self.none()
        allowed = matrix()
        mine = StaffRole.objects.filter(user=user)
        granting = [role for role in STAFF_ROLES if permission in allowed[role]]
        groups = Q(pk__in=mine.filter(role__in=granting).values("group_id"))
        if permission in allowed[OPERATOR]:
            groups |= ~Q(pk__in=mine.values("group_id"))
        return self.filter(groups)

    def postable(self) -> Self:
        return self.filter(state="active")

    def open(self) -> Self:
        """Groups that are run: neither archived nor dismissed."""
        return self.filter(state__in=["forming", "active"])

    def closed(self) -> Self:
        """All others."""
        return self.exclude(state__in=["forming", "active"])

    def quiet(self, now: datetime) -> Self:
        """Active groups in which nobody did anything for seven days, though somebody did before."""
        return self.filter(state="active", last_event_at__lte=now - QUIET_AFTER)

    def nearly_full(self) -> Self:
        """Open groups with at least nine tenths of their capacity taken."""
        return self.open().filter(member_count__gte=F("capacity") * NEARLY_FULL)

    def matching(self, text: str) -> Self:
        """Groups whose name or external id contains `text`."""
        return self.filter(Q(name__icontains=text) | Q(external_id__icontains=text)) if text else self
