from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from members.models import Member

if TYPE_CHECKING:
    from accounts.models import User
    from campaigns.proposals.models import Proposal  # noqa: F401  named in the base below


class ProposalQuerySet(models.QuerySet["Proposal"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every proposal, a branch those for its groups."""
        return self if user.branch_id is None else self.filter(group__branch_id=user.branch_id)

    def open(self) -> Self:
        """Those that members vote on."""
        return self.filter(state="open", hidden_at=None)

    def matching(self, text: str) -> Self:
        return self.filter(Q(title__icontains=text) | Q(text__icontains=text) | Q(member__name__icontains=text))

    def with_votes(self, member: Member | None = None) -> Self:
        """`wanted`, by how many, and `is_mine`, whether by this member."""
        votes = apps.get_model("campaigns", "ProposalVote").objects.filter(proposal=OuterRef("pk"))
        counted = votes.order_by().values("proposal").annotate(n=Count("pk")).values("n")
        return self.annotate(wanted=Coalesce(Subquery(counted), 0), is_mine=Exists(votes.filter(member=member)))
