from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from accounts.models import User
    from members.work.models import StaffTask  # noqa: F401  named in the base below


class StaffTaskQuerySet(models.QuerySet["StaffTask"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every task, a branch its own."""
        return self if user.branch_id is None else self.filter(branch_id=user.branch_id)

    def open(self) -> Self:
        return self.filter(state="open")

    def due(self, now: datetime) -> Self:
        """Open tasks whose time has come."""
        return self.open().filter(due_at__lte=now)
