from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from accounts.models import User
    from analytics.saved.models import Pin, SavedReport  # noqa: F401  named in the bases below


class SavedReportQuerySet(models.QuerySet["SavedReport"]):
    def visible_to(self, user: User) -> Self:
        """A person's own, and what others share: with everybody, or with a branch, whose reports headquarters sees too.
        What a report shows is decided anew for each reader."""
        shared = Q(sharing="all") | Q(sharing="branch", branch_id=user.branch_id)
        if user.branch_id is None:
            shared |= Q(sharing="branch")
        return self.filter(Q(owner=user) | shared, deleted_at=None)

    def matching(self, text: str) -> Self:
        named = Q(name__icontains=text) | Q(owner__display_name__icontains=text) | Q(owner__username__icontains=text)
        return self.filter(named) if text else self


class PinQuerySet(models.QuerySet["Pin"]):
    def on_dashboard_of(self, user: User) -> Self:
        """The pins of a person in their order, without those whose report is gone or is shared with them no more."""
        from analytics.saved.models import SavedReport

        seen = SavedReport.objects.visible_to(user)
        return self.filter(user=user, report__in=seen).select_related("report__owner").order_by("position", "pk")
