from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from accounts.models import User
    from members.acquisition.models import ChannelSpend  # noqa: F401  named in the base below


class ChannelSpendQuerySet(models.QuerySet["ChannelSpend"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every spend, a branch its own; what the whole brand spends is headquarters' business."""
        return self if user.branch_id is None else self.filter(branch_id=user.branch_id)

    def in_force(self) -> Self:
        """Those that were not removed."""
        return self.filter(removed_at=None)

    def between(self, first: date, last: date) -> Self:
        """Those with a day from `first` to `last`."""
        return self.filter(first_day__lte=last, last_day__gte=first)

    def matching(self, text: str) -> Self:
        return self.filter(Q(channel__code__icontains=text) | Q(note__icontains=text)) if text else self
