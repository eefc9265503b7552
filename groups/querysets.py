from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from accounts.models import User
    from groups.models import Group  # noqa: F401  named in the base below


class GroupQuerySet(models.QuerySet["Group"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every group, a branch its own. The one door to groups for pages and API."""
        return self if user.branch_id is None else self.filter(branch_id=user.branch_id)

    def postable(self) -> Self:
        return self.filter(state="active")

    def matching(self, text: str) -> Self:
        """Groups whose name or external id contains `text`."""
        return self.filter(Q(name__icontains=text) | Q(external_id__icontains=text)) if text else self
