from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from accounts.models import User
    from members.conduct.models import DryRun, KeptMessage, Violation  # noqa: F401  named in the bases below

HELD = ("confirmed", "appealed", "upheld")


class KeptMessageQuerySet(models.QuerySet["KeptMessage"]):
    def for_dry_runs(self) -> Self:
        """Those of groups that agreed to keep what is written in them."""
        return self.filter(group__keeps_messages=True)


class ViolationQuerySet(models.QuerySet["Violation"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every violation, a branch those in its groups."""
        return self if user.branch_id is None else self.filter(group__branch_id=user.branch_id)

    def held(self) -> Self:
        """Those that something is held against the member for, also when the strikes have expired."""
        return self.filter(Q(state__in=HELD) | (Q(state="open") & ~Q(source="report")))

    def in_force(self, now: datetime) -> Self:
        """Those whose strikes count at `now`."""
        return self.held().filter(strikes__gt=0, strike_until__gt=now)

    def waiting(self) -> Self:
        """Those that a person has to decide."""
        return self.filter(state__in=["open", "appealed"])


class DryRunQuerySet(models.QuerySet["DryRun"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every dry run; a branch those that its own staff started: they hold what members wrote."""
        return self if user.branch_id is None else self.filter(started_by__branch_id=user.branch_id)
