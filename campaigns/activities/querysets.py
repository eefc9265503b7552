from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from groups.models import Group
from members.models import Membership

if TYPE_CHECKING:
    from accounts.models import User
    from campaigns.activities.models import Activity, ActivityNotice, ActivityReview, SignUp  # noqa: F401  named in the bases below

PLACES = ("going", "attended", "missed")


class ActivityQuerySet(models.QuerySet["Activity"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every activity, a branch those that one of its groups is invited to."""
        if user.branch_id is None:
            return self
        return self.filter(Exists(Group.objects.visible_to(user).filter(activities=OuterRef("pk"))))

    def of_groups(self, groups: models.QuerySet[Group]) -> Self:
        """Those that one of these groups is invited to."""
        return self.filter(Exists(groups.filter(activities=OuterRef("pk"))))

    def announced(self) -> Self:
        """What members know of: no drafts."""
        return self.exclude(decided="draft")

    def matching(self, text: str) -> Self:
        if not text:
            return self
        return self.filter(Q(title__icontains=text) | Q(text__icontains=text) | Q(place__icontains=text))

    def in_state(self, state: str, now: datetime) -> Self:
        """By the state that people read; needs with_counts() for "open" and "full"."""
        if state in ("draft", "cancelled"):
            return self.filter(decided=state)
        stands = self.filter(decided="open")
        if state == "over":
            return stands.filter(ends_at__lte=now)
        if state == "running":
            return stands.filter(starts_at__lte=now, ends_at__gt=now)
        full = Q(capacity__isnull=False, taken__gte=F("capacity"))
        coming = stands.filter(starts_at__gt=now)
        return coming.filter(full) if state == "full" else coming.exclude(full)

    def with_counts(self) -> Self:
        """Each with `taken`, `waiting`, `came` and `missed`: how many have a place, wait, came and did not."""
        return self.annotate(
            taken=_signups(state__in=PLACES),
            waiting=_signups(state="waiting"),
            came=_signups(state="attended"),
            missed=_signups(state="missed"),
        )


def _signups(**states: object) -> Coalesce:
    signups = apps.get_model("campaigns", "SignUp").objects.filter(activity=OuterRef("pk"), **states)
    counted = signups.order_by().values("activity").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


class SignUpQuerySet(models.QuerySet["SignUp"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees everybody, a branch those who signed up through one of its groups."""
        return self if user.branch_id is None else self.filter(group__branch_id=user.branch_id)

    def with_place(self) -> Self:
        return self.filter(state__in=PLACES)

    def standing(self) -> Self:
        """Who has a place that is still to come, or waits for one."""
        return self.filter(state__in=["going", "waiting"])

    def waiting(self) -> Self:
        """The waiting list, in its order."""
        return self.filter(state="waiting").order_by("signed_at", "pk")

    def still_there(self) -> Self:
        """Of members who are still in the group through which they signed up."""
        present = Membership.objects.present().filter(member=OuterRef("member_id"), group=OuterRef("group_id"))
        return self.filter(Exists(present), member__erased_at=None)

    def matching(self, text: str) -> Self:
        return self.filter(Q(member__name__icontains=text) | Q(member__external_id__icontains=text))


class NoticeQuerySet(models.QuerySet["ActivityNotice"]):
    def timely(self, now: datetime) -> Self:
        """Those that still say something: until the activity is over."""
        return self.filter(signup__activity__ends_at__gt=now)


class ReviewQuerySet(models.QuerySet["ActivityReview"]):
    def visible_to(self, user: User) -> Self:
        return self if user.branch_id is None else self.filter(group__branch_id=user.branch_id)
