from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from accounts.models import User
    from groups.bulk.models import BulkRun  # noqa: F401  named in the base below

# A worker reports after every chunk, every second or so. One that was silent this long is dead.
SILENCE = timedelta(seconds=20)


class BulkRunQuerySet(models.QuerySet["BulkRun"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every run, a branch those that its own people started."""
        return self if user.branch_id is None else self.filter(started_by__branch_id=user.branch_id)

    def at_work(self) -> Self:
        return self.filter(state__in=["running", "undoing"])

    def unattended(self, now: datetime) -> Self:
        """Runs that no worker is at: the broker lost them, or the worker was killed."""
        return self.at_work().filter(Q(heartbeat_at=None) | Q(heartbeat_at__lt=now - SILENCE))
