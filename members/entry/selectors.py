"""Figures and steps of the first days, and who an applicant may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Min, OuterRef, Q, Subquery
from django.db.models.functions import Lower

from accounts.models import User
from activity.models import BuiltInKind, Event
from groups.models import Group, Rule, RuleSetVersion, VersionState
from members.entry.models import Application, GroupTitle, Newcomer
from members.models import Member, Membership

WITHIN = timedelta(days=7)
COHORT = timedelta(days=30)
TITLED = 12


@dataclass(frozen=True)
class IntroductionShare:
    """Of `joined` members, `introduced` introduced themselves within seven days. See docs/definitions.md."""

    introduced: int
    joined: int


def introduction_share(*, group: Group, now: datetime) -> IntroductionShare:
    """Those who joined in the 30 days that ended seven days before `now`: everybody had their seven days. One query."""
    until = now - WITHIN
    row = Membership.objects.filter(group=group, joined_at__gt=until - COHORT, joined_at__lte=until).aggregate(
        joined=Count("pk"),
        introduced=Count("pk", filter=Q(introduced_at__lte=F("joined_at") + WITHIN)),
    )
    return IntroductionShare(row["introduced"], row["joined"])


@dataclass(frozen=True)
class Steps:
    """How far a newcomer has come; each is when it happened, or nothing."""

    welcomed: datetime | None
    acknowledged: datetime | None
    introduced: datetime | None
    befriended: datetime | None
    told: datetime | None

    @property
    def all(self) -> tuple[datetime | None, ...]:
        return (self.welcomed, self.acknowledged, self.introduced, self.befriended, self.told)

    @property
    def done(self) -> int:
        return sum(step is not None for step in self.all)


def newcomer_steps(memberships: Sequence[Membership]) -> dict[int, Steps]:
    """The steps of these memberships, by their number. Three queries, however many there are."""
    numbers = [membership.pk for membership in memberships]
    # Later joinings come last and win.
    newcomers = {row.membership_id: row for row in Newcomer.objects.filter(membership__in=numbers).order_by("number")}
    acknowledged = dict(
        Membership.objects.filter(
            pk__in=numbers,
            acknowledgements__version__state=VersionState.PUBLISHED,
            acknowledgements__version__rule_set=F("group__rule_set"),
        ).values_list("pk", "acknowledgements__at")
    )
    friended = dict(
        Event.objects.filter(
            member_id__in=[membership.member_id for membership in memberships], kind__slug=BuiltInKind.FRIENDED
        )
        .order_by()
        .values_list("member_id")
        .annotate(first=Min("at"))
    )
    steps = {}
    for membership in memberships:
        newcomer = newcomers.get(membership.pk)
        steps[membership.pk] = Steps(
            newcomer.welcomed_at if newcomer else None,
            acknowledged.get(membership.pk),
            membership.introduced_at,
            friended.get(membership.member_id),
            newcomer.told_at if newcomer else None,
        )
    return steps


def application_suggestions(applications: Iterable[Application], *, user: User) -> dict[int, list[Member]]:
    """Members in the person's reach who may be the applicant: by the id of the other system or by WeChat id, never by
    name. One query."""
    asked = list(applications)
    contacts = {application.contact.lower() for application in asked} - {""}
    names = {application.external_id for application in asked} - {""}
    found: list[Member] = []
    if contacts or names:
        members = Member.objects.visible_to(user).filter(merged_into=None, erased_at=None)
        by_contact = members.annotate(wechat=Lower("contact"))
        found = list(by_contact.filter(Q(external_id__in=names) | Q(wechat__in=contacts)).order_by("pk"))
    return {
        application.pk: [
            member
            for member in found
            if (application.external_id and member.external_id == application.external_id)
            or (application.contact and member.contact.lower() == application.contact.lower())
        ]
        for application in asked
    }


def rules_of(group: Group) -> tuple[RuleSetVersion | None, list[Rule]]:
    """The rules that a group follows now, for whoever thinks of joining."""
    version = RuleSetVersion.objects.filter(rule_set=group.rule_set_id, state=VersionState.PUBLISHED).first()
    return version, list(version.rules.all()) if version else []


def titled_members(group: Group) -> list[Membership]:
    """The first members of a group who hold a title, by its place among the group's titles and then by name. One
    query."""
    place = GroupTitle.objects.filter(group=group, name=OuterRef("title")).values("position")[:1]
    holders = Membership.objects.present().filter(group=group).exclude(title="").select_related("member")
    return list(holders.annotate(place=Subquery(place)).order_by("place", "member__name", "pk")[:TITLED])
