from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from accounts.models import User
    from members.segments.models import MemberList, Segment  # noqa: F401  named in the bases below


class SegmentQuerySet(models.QuerySet["Segment"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every segment, a branch its own and the shared ones."""
        return self if user.branch_id is None else self.filter(Q(branch_id=user.branch_id) | Q(branch_id=None))

    def matching(self, text: str) -> Self:
        return self.filter(name__icontains=text) if text else self


class MemberListQuerySet(models.QuerySet["MemberList"]):
    def visible_to(self, user: User) -> Self:
        """As of segments: headquarters sees every list, a branch its own and the shared ones."""
        return self if user.branch_id is None else self.filter(Q(branch_id=user.branch_id) | Q(branch_id=None))
