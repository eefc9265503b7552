from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F

if TYPE_CHECKING:
    from members.visitors.models import EntryLink, MemberSession  # noqa: F401  named in the bases below

# A device that nobody opened a page on for so long is signed out.
SESSION_LASTS = timedelta(days=180)


class EntryLinkQuerySet(models.QuerySet["EntryLink"]):
    def usable(self, now: datetime) -> Self:
        """Links that still sign a device in."""
        return self.filter(ended_at=None, expires_at__gt=now, uses__lt=F("limit"), member__merged_into=None)


class MemberSessionQuerySet(models.QuerySet["MemberSession"]):
    def live(self, now: datetime) -> Self:
        """Devices that are signed in. An erased person has none; one who was merged is signed in as who remains."""
        return self.filter(ended_at=None, last_seen_at__gt=now - SESSION_LASTS, member__erased_at=None)
