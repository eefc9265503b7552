from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from accounts.models import User
    from members.entry.models import Application, Newcomer  # noqa: F401  named in the bases below


class ApplicationQuerySet(models.QuerySet["Application"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every application, a branch those for its groups."""
        return self if user.branch_id is None else self.filter(group__branch_id=user.branch_id)

    def pending(self) -> Self:
        return self.filter(state="pending")

    def matching(self, text: str) -> Self:
        """Applications whose name, WeChat id, or inviter contains `text`."""
        return self.filter(Q(name__icontains=text) | Q(contact__icontains=text) | Q(referrer__icontains=text))


class NewcomerQuerySet(models.QuerySet["Newcomer"]):
    def unmet(self, since: datetime) -> Self:
        """Who joined after `since` and was not welcomed yet."""
        return self.filter(welcomed_at=None, joined_at__gt=since)
