"""Whose members, events and spend a page about channels or people is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from accounts.models import Branch, User
from activity.models import BuiltInKind, Event, EventKind
from analytics.health.days import Days, local_day
from groups.models import Group
from groups.querysets import GroupQuerySet
from members.acquisition.querysets import ChannelSpendQuerySet
from members.models import ChannelSpend, Member, Membership
from members.querysets import MemberQuerySet, MembershipQuerySet


@dataclass(frozen=True)
class Scope:
    """What a person may see, and of that one branch; without one everything they may see."""

    user: User
    branch: Branch | None = None

    @property
    def branch_id(self) -> int | None:
        return self.user.branch_id or (self.branch.pk if self.branch else None)

    @property
    def is_whole(self) -> bool:
        return self.branch_id is None

    def places(self) -> MembershipQuerySet:
        places = Membership.objects.visible_to(self.user)
        return places if self.is_whole else places.filter(group__branch=self.branch_id)

    def members(self) -> QuerySet[Member]:
        return Member.objects.visible_to(self.user)

    def people(self) -> MemberQuerySet:
        """Members as they stand: neither merged into another row nor erased."""
        return Member.objects.visible_to(self.user).current()

    def groups(self) -> GroupQuerySet:
        groups = Group.objects.visible_to(self.user)
        return groups if self.is_whole else groups.filter(branch=self.branch_id)

    def spends(self) -> ChannelSpendQuerySet:
        spends = ChannelSpend.objects.visible_to(self.user).in_force()
        return spends if self.is_whole else spends.filter(branch=self.branch_id)

    def events_of_members(self) -> QuerySet[Event]:
        """Events of people who are known to be members in it: in its groups, and outside of any."""
        if self.is_whole:
            return Event.objects.order_by()
        return Event.objects.filter(Q(group_id__in=self.groups().values("pk")) | Q(group_id=None)).order_by()


@dataclass(frozen=True)
class Cohorts:
    """Who came first into a group of the scope within these days, with the channel that brought them, as it was known
    at `until`: with a moment of the past, two ranges are compared at the same age."""

    scope: Scope
    days: Days
    until: datetime

    @property
    def last(self) -> date:
        """The last day that counts: later orders of the cohort count on."""
        return max(self.days.first, local_day(self.until))

    def rows(self) -> QuerySet[Any]:
        """Their first membership, each with `touch`: the channel of the earliest event that carries one."""
        places = self.scope.places()
        earlier = places.filter(member=OuterRef("member")).filter(
            Q(joined_at__lt=OuterRef("joined_at")) | Q(joined_at=OuterRef("joined_at"), pk__lt=OuterRef("pk"))
        )
        came = places.filter(joined_at__gte=self.days.start, joined_at__lt=min(self.days.end, self.until))
        return came.filter(~Exists(earlier)).annotate(touch=self.touch("member_id")).order_by()

    def touch(self, member: str) -> Subquery:
        events = self.scope.events_of_members().filter(member_id=OuterRef(member), at__lt=self.until)
        return Subquery(events.filter(channel__isnull=False).order_by("at", "pk").values("channel_id")[:1])

    def steps(self) -> QuerySet[Any]:
        """The same rows with what became of them: `friend`, `buyer`."""
        steps: QuerySet[Any] = self.rows().annotate(friend=self._did(BuiltInKind.FRIENDED), buyer=self._bought())
        return steps

    def _did(self, kind: str) -> Exists:
        events = self.scope.events_of_members().filter(kind=_number(kind), at__lt=self.until)
        return Exists(events.filter(member_id=OuterRef("member_id")))

    def _bought(self) -> Exists:
        events = self.scope.events_of_members().filter(kind=_number(BuiltInKind.ORDERED), at__lt=self.until)
        return Exists(events.filter(member_id=OuterRef("member_id"), at__gte=OuterRef("joined_at")))

    def clicks(self) -> QuerySet[Any]:
        """Clicks on links with a channel by people who were in no group yet, with `came`: whether they joined since.

        They belong to no branch, so only the whole community has any.
        """
        places = Membership.objects.filter(member=OuterRef("member_id"), joined_at__lt=self.until)
        clicks = Event.objects.filter(
            kind=_number(BuiltInKind.LINK_CLICK),
            channel__isnull=False,
            at__gte=self.days.start,
            at__lt=min(self.days.end, self.until),
        )
        strangers = clicks.filter(~Exists(places.filter(joined_at__lt=OuterRef("at")))).order_by()
        clicks = strangers.annotate(came=Exists(places))
        return clicks if self.scope.is_whole else clicks.none()


def _number(slug: str) -> Subquery:
    return Subquery(EventKind.objects.filter(slug=slug).values("pk"))
