from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.contrib.auth.models import UserManager
from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from accounts.models import ApiToken, Branch, User  # noqa: F401  named in the bases below


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


class StaffManager(UserManager["User"]):
    """The staff: Django's manager, which makes users, with the filter words above."""

    def get_queryset(self) -> StaffQuerySet:
        return StaffQuerySet(self.model, using=self._db)

    def visible_to(self, user: User) -> StaffQuerySet:
        return self.get_queryset().visible_to(user)

    def matching(self, text: str) -> StaffQuerySet:
        return self.get_queryset().matching(text)
