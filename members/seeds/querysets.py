from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from accounts.models import Branch, User
    from members.seeds.models import SeedProfile, SeedUser  # noqa: F401  named in the bases below


class SeedUserQuerySet(models.QuerySet["SeedUser"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every programme, a branch its own."""
        return self if user.branch_id is None else self.filter(branch_id=user.branch_id)

    def open(self) -> Self:
        return self.filter(ended_at=None)

    def on_board(self) -> Self:
        """With all that a card shows."""
        return self.select_related("member__seed_profile", "owner", "group", "branch")


class SeedProfileQuerySet(models.QuerySet["SeedProfile"]):
    def visible_to(self, user: User) -> Self:
        """Those of the members whom the person may see."""
        from members.models import Member

        if user.branch_id is None:
            return self
        return self.filter(member__in=Member.objects.visible_to(user).values("pk"))

    def to_propose(self, branch: Branch | None) -> Self:
        """Members who may be proposed to the programme of `branch` (None: of the whole community), best first: in one
        of its groups now, never on its board before, not excluded, and not closed to advances. The whole
        community does not ask again whom a branch asked."""
        from members.models import Membership
        from members.seeds.models import SeedExclusion, SeedUser

        known = SeedUser.objects.all() if branch is None else SeedUser.objects.filter(branch=branch)
        present = Membership.objects.present().in_open_groups()
        if branch is not None:
            present = present.filter(group__branch=branch)
        return (
            self.filter(score__gt=0, member__merged_into=None, member__erased_at=None, member__no_marketing=False)
            .filter(member__in=present.values("member"))
            .exclude(member__in=known.values("member"))
            .exclude(member__in=SeedExclusion.objects.filter(branch=branch).values("member"))
            .order_by("-score", "member_id")
        )
