from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from accounts.models import User
    from members.cleanup.models import CleanupExemption, CleanupItem, CleanupRule, CleanupRun  # noqa: F401  bases below


class CleanupRuleQuerySet(models.QuerySet["CleanupRule"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every rule; a branch its own and those shared by all."""
        return self if user.branch_id is None else self.filter(Q(branch=None) | Q(branch_id=user.branch_id))


class CleanupRunQuerySet(models.QuerySet["CleanupRun"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every run; a branch those that its own staff started."""
        return self if user.branch_id is None else self.filter(branch_id=user.branch_id)


class CleanupItemQuerySet(models.QuerySet["CleanupItem"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every person listed; a branch those in its groups."""
        return self if user.branch_id is None else self.filter(membership__group__branch_id=user.branch_id)


class CleanupExemptionQuerySet(models.QuerySet["CleanupExemption"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every exemption; a branch those of its groups."""
        return self if user.branch_id is None else self.filter(membership__group__branch_id=user.branch_id)

    def in_force(self, now: datetime) -> Self:
        return self.filter(Q(until=None) | Q(until__gt=now))
