from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from accounts.models import User
    from members.tags.models import Tag  # noqa: F401  named in the base below


class TagQuerySet(models.QuerySet["Tag"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every tag, a branch its own and the shared ones."""
        return self if user.branch_id is None else self.filter(Q(branch_id=user.branch_id) | Q(branch_id=None))

    def managed_by(self, user: User) -> Self:
        """Tags whose name and rule `user` may change: headquarters every one, a branch its own."""
        return self if user.branch_id is None else self.filter(branch_id=user.branch_id)

    def by_hand(self) -> Self:
        """Tags that people put on; those with a rule are put on by the product alone."""
        return self.filter(rule__isnull=True)
