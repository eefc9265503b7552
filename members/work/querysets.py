from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from groups.roles.models import StaffRole

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

    def falling_to(self, user: User) -> Self:
        """Tasks that are this person's to do: given to them, or given to nobody and of a group that they run, or of
        one that nobody runs, or of no group."""
        roles = StaffRole.objects.values("group_id")
        of_nobody = Q(group=None) | ~Q(group_id__in=roles)
        mine = Q(group_id__in=roles.filter(user=user))
        return self.filter(Q(assignee=user) | (Q(assignee=None) & (of_nobody | mine)))

    def matching(self, text: str) -> Self:
        """Tasks of a group or member whose name contains `text`, or with `text` in their words or their note."""
        if not text:
            return self
        return self.filter(
            Q(group__name__icontains=text)
            | Q(member__name__icontains=text)
            | Q(note__icontains=text)
            | Q(data__text__icontains=text)
        )
