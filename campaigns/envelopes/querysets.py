from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.db.models.functions import Coalesce

if TYPE_CHECKING:
    from accounts.models import User
    from campaigns.envelopes.models import (  # noqa: F401  named in the bases below
        Envelope,
        EnvelopeBudget,
        EnvelopeRound,
        EnvelopeShare,
    )
    from groups.models import Group
    from members.models import Membership


class BudgetQuerySet(models.QuerySet["EnvelopeBudget"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every budget, a branch its own: what headquarters has is not a branch's to spend."""
        return self if user.branch_id is None else self.filter(branch_id=user.branch_id)


class EnvelopeQuerySet(models.QuerySet["Envelope"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every envelope, a branch those that reach one of its groups."""
        if user.branch_id is None:
            return self
        rounds = apps.get_model("campaigns", "EnvelopeRound").objects
        return self.filter(Exists(rounds.filter(envelope=OuterRef("pk"), group__branch_id=user.branch_id)))

    def matching(self, text: str) -> Self:
        rounds = apps.get_model("campaigns", "EnvelopeRound").objects
        in_group = Exists(rounds.filter(envelope=OuterRef("pk"), group__name__icontains=text))
        return self.filter(Q(greeting__icontains=text) | in_group)


class RoundQuerySet(models.QuerySet["EnvelopeRound"]):
    def visible_to(self, user: User) -> Self:
        return self if user.branch_id is None else self.filter(group__branch_id=user.branch_id)

    def to_open(self, now: datetime) -> Self:
        return self.filter(state="planned", opens_at__lte=now)

    def to_end(self, now: datetime) -> Self:
        return self.filter(state="open", expires_at__lte=now)

    def live(self) -> Self:
        """Those that can still be stopped."""
        return self.filter(state__in=["planned", "open"])

    def open_at(self, now: datetime) -> Self:
        """Those in which members can claim, also where nobody came round to opening or ending them yet."""
        return self.live().filter(opens_at__lte=now, expires_at__gt=now)

    def of_group(self, group: Group) -> Self:
        return self.filter(group=group).select_related("envelope")

    def meant_for(self, membership: Membership) -> Self:
        """Those whose role and tag this member has; a segment is asked for one by one (see audience.py)."""
        roles = apps.get_model("members", "MemberRole").objects.filter(
            membership=membership.pk, ended_at=None, role=OuterRef("envelope__role")
        )
        tags = apps.get_model("members", "MemberTag").objects.filter(
            member=membership.member_id, tag=OuterRef("envelope__tag_id")
        )
        return self.filter(
            Q(envelope__role__in=["", "member"]) | Exists(roles), Q(envelope__tag_id=None) | Exists(tags)
        )

    def with_results(self) -> Self:
        """`claimed` shares, and the points in them `given`."""
        taken = Q(shares__member__isnull=False)
        return self.annotate(
            claimed=Count("shares", filter=taken), given=Coalesce(Sum("shares__amount", filter=taken), 0)
        )


class ShareQuerySet(models.QuerySet["EnvelopeShare"]):
    def free(self) -> Self:
        return self.filter(member=None, is_void=False)

    def of_member(self, member_id: int) -> Self:
        """A person's shares, also those of rows that were merged into theirs."""
        return self.filter(Q(member=member_id) | Q(member__merged_into=member_id))

    def claimed(self) -> Self:
        return self.filter(member__isnull=False)
