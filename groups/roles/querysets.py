from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from groups.roles.models import Duty  # noqa: F401  named in the base below


class DutyQuerySet(models.QuerySet["Duty"]):
    def in_force(self) -> Self:
        return self.filter(removed_at=None)
