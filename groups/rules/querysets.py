from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from accounts.models import User
    from groups.models import Group
    from groups.rules.models import RuleSet  # noqa: F401  named in the base below


class RuleSetQuerySet(models.QuerySet["RuleSet"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every rule set; a branch its own and those shared by all."""
        if user.branch_id is None:
            return self
        return self.filter(Q(branch=None) | Q(branch_id=user.branch_id))

    def in_use(self) -> Self:
        return self.filter(archived_at=None)

    def fitting(self, group: Group) -> Self:
        """Those that the group may follow: shared ones and its branch's."""
        return self.in_use().filter(Q(branch=None) | Q(branch_id=group.branch_id))
