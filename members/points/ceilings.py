"""How many points a person may still book by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from accounts.policies import policy_get
from members.points.models import Transfer
from members.points.policy import PointsPolicy

# How the keys of such movements begin.
BY_HAND = "hand:"


@dataclass(frozen=True)
class Ceiling:
    """What holds for one person; 0 is no ceiling. `booked` is what they gave and took today."""

    at_once: int
    a_day: int
    booked: int

    @property
    def left_today(self) -> int | None:
        return max(0, self.a_day - self.booked) if self.a_day else None

    @property
    def left(self) -> int | None:
        """The most that the next booking may be; nothing where there is no ceiling."""
        ceilings = [most for most in (self.at_once or None, self.left_today) if most is not None]
        return min(ceilings, default=None)


def has_ceiling(user: User) -> bool:
    return not (user.is_admin and user.is_headquarters)


def ceiling_of(*, user: User, now: datetime) -> Ceiling:
    """Two queries."""
    policy = policy_get(PointsPolicy)
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    mine = Transfer.objects.filter(by=user, key__startswith=BY_HAND, at__gte=midnight)
    return Ceiling(policy.most_at_once, policy.most_a_day, mine.aggregate(n=Sum("amount"))["n"] or 0)
