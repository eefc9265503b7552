from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

if TYPE_CHECKING:
    from accounts.models import User
    from members.models import ImportRun, Member, Membership  # noqa: F401  named in the bases below


class MembershipQuerySet(models.QuerySet["Membership"]):
    def present(self) -> Self:
        return self.filter(Q(left_at__isnull=True) | Q(last_seen_at__gt=F("left_at")))

    def visible_to(self, user: User) -> Self:
        """Those in groups that the person may see; all of them without a look at each group for headquarters."""
        return self if user.branch_id is None else self.filter(group__branch_id=user.branch_id)

    def in_open_groups(self) -> Self:
        """Those in groups that are run. Said as a negation: nearly all groups are, so going through them one by one
        would be the slowest way to nearly all rows."""
        group = apps.get_model("groups", "Group")
        return self.exclude(group__in=group.objects.closed())


class MemberQuerySet(models.QuerySet["Member"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees everybody; a branch sees those who are or were in one of its groups."""
        if user.branch_id is None:
            return self
        membership = apps.get_model("members", "Membership")
        return self.filter(Exists(membership.objects.filter(member=OuterRef("pk"), group__branch_id=user.branch_id)))

    def current(self) -> Self:
        """People as they stand: neither merged into another row nor erased."""
        return self.filter(merged_into=None, erased_at=None)

    def marketable(self) -> Self:
        """Those who may be advertised to one by one. Whatever addresses single members asks this; a post to a group
        reaches everybody in it and cannot leave anybody out."""
        return self.current().filter(no_marketing=False)

    def matching(self, text: str) -> Self:
        """Members whose name or external id contains `text`."""
        return self.filter(Q(name__icontains=text) | Q(external_id__icontains=text)) if text else self


class ImportRunQuerySet(models.QuerySet["ImportRun"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every import; a branch sees those that its own staff started."""
        return self if user.branch_id is None else self.filter(started_by__branch_id=user.branch_id)
