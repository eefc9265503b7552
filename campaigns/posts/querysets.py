from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from groups.models import Group

if TYPE_CHECKING:
    from accounts.models import User
    from campaigns.posts.models import Occurrence, Post  # noqa: F401  named in the bases below


class PostQuerySet(models.QuerySet["Post"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every post, a branch those that go to one of its groups."""
        if user.branch_id is None:
            return self
        return self.filter(Exists(Group.objects.visible_to(user).filter(posts=OuterRef("pk"))))

    def open(self) -> Self:
        return self.filter(state__in=["active", "paused"])

    def to_plan(self, now: datetime) -> Self:
        """Active posts whose next occurrences are to be made."""
        return self.filter(state="active", plan_again_at__lte=now)

    def matching(self, text: str) -> Self:
        """Posts with `text` in their title or body."""
        return self.filter(Q(title__icontains=text) | Q(body__icontains=text)) if text else self


class OccurrenceQuerySet(models.QuerySet["Occurrence"]):
    def coming(self, now: datetime) -> Self:
        """What is still to come of posts that run, soonest first."""
        return self.filter(post__state="active", due_at__gt=now).order_by("due_at", "pk")
