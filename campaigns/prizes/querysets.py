from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q

if TYPE_CHECKING:
    from accounts.models import User
    from campaigns.prizes.models import Award, Prize  # noqa: F401  named in the bases below
    from groups.models import Group


class PrizeQuerySet(models.QuerySet["Prize"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every prize, a branch its own and those that are for all."""
        return self if user.branch_id is None else self.filter(Q(branch=None) | Q(branch_id=user.branch_id))

    def changeable_by(self, user: User) -> Self:
        """Prizes for all are headquarters' to change."""
        if not user.may_write:
            return self.none()
        return self if user.branch_id is None else self.filter(branch_id=user.branch_id)

    def for_group(self, group: Group) -> Self:
        """Those that members of a group may get: of its branch, or for all."""
        return self.filter(Q(branch=None) | Q(branch_id=group.branch_id))

    def matching(self, text: str) -> Self:
        return self.filter(Q(title__icontains=text) | Q(text__icontains=text))

    def in_stock(self) -> Self:
        return self.filter(Q(stock=None) | Q(awarded__lt=F("stock")))

    def buyable(self) -> Self:
        """Those that members may take for points now."""
        return self.in_stock().filter(is_open=True, points_price__isnull=False)


class AwardQuerySet(models.QuerySet["Award"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every award, a branch those in its groups, and those of its own prizes."""
        if user.branch_id is None:
            return self
        return self.filter(Q(group__branch_id=user.branch_id) | Q(prize__branch_id=user.branch_id))

    def matching(self, text: str) -> Self:
        return self.filter(Q(member__name__icontains=text) | Q(prize__title__icontains=text))

    def standing(self) -> Self:
        return self.exclude(state="cancelled")

    def to_send(self) -> Self:
        """Those that can go out: where one is needed, the member has entered an address."""
        return self.filter(state="to_send")
