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
        """Headquarters sees every post, a branch those that go to one of its groups, and people what they wrote
        themselves: an audience may mean no group for a while."""
        if user.branch_id is None:
            return self
        to_its_groups = Exists(Group.objects.visible_to(user).filter(posts=OuterRef("pk")))
        return self.filter(to_its_groups | Q(created_by=user, audience__isnull=False))

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
        return self.filter(post__state="active", cancelled_at=None, due_at__gt=now).order_by("due_at", "pk")

    def to_resolve(self, now: datetime) -> Self:
        """Occurrences of running posts that are due and whose groups are not settled yet."""
        due = self.filter(resolved_at=None, due_at__lte=now, cancelled_at=None)
        return due.filter(post__state="active")

    def to_fill(self) -> Self:
        """Occurrences of running posts that lack deliveries yet."""
        return self.filter(is_filling=True, cancelled_at=None, post__state="active")
