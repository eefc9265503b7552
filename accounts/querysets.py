from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.contrib.auth.models import UserManager
from django.db import models

if TYPE_CHECKING:
    from accounts.models import Branch, User  # noqa: F401  named in the bases below


class BranchQuerySet(models.QuerySet["Branch"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every branch, a branch sees itself."""
        return self if user.branch_id is None else self.filter(pk=user.branch_id)


class StaffManager(UserManager["User"]):
    """The staff. Kept apart from Django's manager for its type alone."""
