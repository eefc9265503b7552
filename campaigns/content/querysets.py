from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from accounts.models import User
    from campaigns.content.models import ContentTag, Piece, Series  # noqa: F401  named in the bases below

TO_ONE_PERSON = Q(title__contains="{name}") | Q(text__contains="{name}")


class PieceQuerySet(models.QuerySet["Piece"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every piece, a branch its own and those that all share."""
        return self if user.branch_id is None else self.filter(Q(branch_id=user.branch_id) | Q(branch=None))

    def ready(self) -> Self:
        """Pieces that may be sent."""
        return self.filter(state="ready")

    def for_groups(self) -> Self:
        """Pieces that can be said to a whole group: those that name one member cannot."""
        return self.exclude(TO_ONE_PERSON)

    def matching(self, text: str) -> Self:
        """Pieces with `text` in their title or text."""
        return self.filter(Q(title__icontains=text) | Q(text__icontains=text)) if text else self


class SeriesQuerySet(models.QuerySet["Series"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every series, a branch its own and those that all share."""
        return self if user.branch_id is None else self.filter(Q(branch_id=user.branch_id) | Q(branch=None))

    def running(self) -> Self:
        """Series that are not retired."""
        return self.filter(retired_at=None)

    def matching(self, text: str) -> Self:
        return self.filter(name__icontains=text) if text else self


class ContentTagQuerySet(models.QuerySet["ContentTag"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every tag, a branch its own and those that all share."""
        return self if user.branch_id is None else self.filter(Q(branch_id=user.branch_id) | Q(branch=None))
