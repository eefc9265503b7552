from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from accounts.models import User
    from campaigns.moments.models import MomentsPlan  # noqa: F401  named in the base below


class MomentsPlanQuerySet(models.QuerySet["MomentsPlan"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every plan, a branch its own."""
        return self if user.branch_id is None else self.filter(branch_id=user.branch_id)
