"""Whom somebody invited."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.columns import Ints, Numbers
from analytics.sources import numbers_of
from members.models import Member


@dataclass(frozen=True)
class Invitations:
    """Members whom somebody invited, and who that was."""

    members: Ints
    inviters: Ints

    @classmethod
    def now(cls) -> Invitations:
        rows = Member.objects.filter(invited_by__isnull=False).order_by().values_list("pk", "invited_by_id")
        members, inviters = numbers_of(rows).reshape(-1, 2).T
        return cls(members, inviters)

    def sums(self, counts: Numbers) -> Ints:
        """By number of the inviter what their members make together, out of what each does."""
        known = self.members < len(counts)
        found = np.bincount(self.inviters[known], weights=counts[self.members[known]])
        return found.astype(np.int64)
