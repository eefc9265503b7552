from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from accounts.models import User
    from members.fields.models import FieldDefinition  # noqa: F401  named in the base below


class FieldDefinitionQuerySet(models.QuerySet["FieldDefinition"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every field, a branch those that are not headquarters' own."""
        return self if user.branch_id is None else self.filter(headquarters_only=False)

    def in_use(self) -> Self:
        return self.filter(archived_at=None)
