from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self

from django.contrib.auth.models import UserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast

if TYPE_CHECKING:
    from accounts.models import ApiToken, AuditEntry, Branch, User  # noqa: F401  named in the bases below


class BranchQuerySet(models.QuerySet["Branch"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every branch, a branch sees itself."""
        return self if user.branch_id is None else self.filter(pk=user.branch_id)


class StaffQuerySet(models.QuerySet["User"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees all staff, a branch its own."""
        return self if user.branch_id is None else self.filter(branch_id=user.branch_id)

    def matching(self, text: str) -> Self:
        """Staff whose user name or name contains `text`."""
        return self.filter(Q(username__icontains=text) | Q(display_name__icontains=text)) if text else self


class TokenQuerySet(models.QuerySet["ApiToken"]):
    def visible_to(self, user: User) -> Self:
        """Tokens of the staff that `user` sees."""
        return self if user.branch_id is None else self.filter(user__branch_id=user.branch_id)

    def matching(self, text: str) -> Self:
        """Tokens whose name or owner contains `text`, or that end in it."""
        named = Q(name__icontains=text) | Q(user__username__icontains=text) | Q(last_four=text)
        return self.filter(named) if text else self


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters reads every entry, a branch those about what is its own or was done by its staff."""
        return self if user.branch_id is None else self.filter(branch_id=user.branch_id)

    def about(self, subject_type: str, subject_id: int) -> Self:
        return self.filter(subject_type=subject_type, subject_id=subject_id)

    def matching(self, text: str) -> Self:
        """Entries with `text` in the names of person or subject, or in what stood before and after."""
        if not text:
            return self
        # SQLite keeps JSON with everything beyond ASCII escaped, PostgreSQL as it is.
        escaped = json.dumps(text)[1:-1]
        values = Q(before_text__icontains=text) | Q(after_text__icontains=text)
        values |= Q(before_text__icontains=escaped) | Q(after_text__icontains=escaped)
        return self.alias(
            before_text=Cast("before", models.TextField()), after_text=Cast("after", models.TextField())
        ).filter(Q(actor_name__icontains=text) | Q(subject_name__icontains=text) | values)


class StaffManager(UserManager["User"]):
    """The staff: Django's manager, which makes users, with the filter words above."""

    def get_queryset(self) -> StaffQuerySet:
        return StaffQuerySet(self.model, using=self._db)

    def visible_to(self, user: User) -> StaffQuerySet:
        return self.get_queryset().visible_to(user)

    def matching(self, text: str) -> StaffQuerySet:
        return self.get_queryset().matching(text)
