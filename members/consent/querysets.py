from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from members.consent.models import Consent, ConsentText  # noqa: F401  named in the bases below


class ConsentTextQuerySet(models.QuerySet["ConsentText"]):
    def published(self) -> Self:
        """The versions that were ever asked for, the one in force first."""
        return self.filter(published_at__isnull=False).order_by("-version")


class ConsentQuerySet(models.QuerySet["Consent"]):
    def standing(self) -> Self:
        """Those that nobody took back."""
        return self.filter(withdrawn_at=None)
