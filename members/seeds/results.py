"""What seed users bring: whom they invite and who stays, what they write, and how their groups fare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from django.db.models import (
    Case,
    Count,
    DecimalField,
    Exists,
    F,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from activity.models import BuiltInKind, Event, EventKind
from groups.models import CommunityType, Group, GroupRole, GroupState, Motivation
from members.models import Member, Membership
from members.roles.models import MemberRole
from members.seeds.models import SeedUser

STAYED = timedelta(days=30)
SPAN = timedelta(days=28)
# Fewer groups than this on either side, or fewer members in a group, say nothing.
ENOUGH_GROUPS = 3
ENOUGH_MEMBERS = 10
GROUPS_SHOWN = 50


def with_results(seeds: QuerySet[SeedUser], *, now: datetime) -> QuerySet[SeedUser]:
    """Seed users who accepted, with what they brought since then: `brought` members, `due` of whom came 30 days ago or
    more, `stayed` of whom were still in a group 30 days after joining it; `wrote` messages, gave `answered` answers;
    the `bought` orders of those they brought, and their `worth`. Everything is counted by subqueries over indexes."""
    since = OuterRef("accepted_at")
    brought = Member.objects.filter(invited_by=OuterRef("member"), first_seen_at__gte=since)
    joined = Membership.objects.filter(member=OuterRef("pk"), joined_at__lte=now - STAYED)
    still = joined.filter(Q(left_at=None) | Q(last_seen_at__gt=F("left_at")) | Q(left_at__gte=F("joined_at") + STAYED))
    own = Event.objects.filter(member_id=OuterRef("member"), at__gte=since, at__lte=now)
    numbers = dict(EventKind.objects.values_list("slug", "pk"))
    bought = Event.objects.filter(
        member_id__in=Member.objects.filter(
            invited_by=OuterRef(OuterRef("member")), first_seen_at__gte=OuterRef(since)
        ).values("pk"),
        kind_id=numbers.get(BuiltInKind.ORDERED, 0),
        at__gte=since,
        at__lte=now,
    )
    return seeds.filter(accepted_at__isnull=False).annotate(
        brought=_count(brought, "invited_by"),
        due=_count(brought.filter(Exists(joined)), "invited_by"),
        stayed=_count(brought.filter(Exists(still)), "invited_by"),
        wrote=_count(own.filter(kind_id=numbers.get(BuiltInKind.MESSAGE, 0)), "member_id"),
        answered=_count(own.filter(kind_id=numbers.get(BuiltInKind.ANSWER, 0)), "member_id"),
        bought=_count(bought, "kind_id"),
        worth=Coalesce(
            Subquery(bought.order_by().values("kind_id").annotate(sum=Sum("value")).values("sum")),
            Value(Decimal(0)),
            output_field=DecimalField(max_digits=16, decimal_places=2),
        ),
    )


def _count(rows: QuerySet[Any], by: str) -> Coalesce:
    return Coalesce(Subquery(rows.order_by().values(by).annotate(number=Count("pk")).values("number")), 0)


@dataclass(frozen=True)
class Side:
    """Groups of one sort: how many, and their medians over the last seven days."""

    groups: int
    active: float
    messages: float


@dataclass(frozen=True)
class Likeness:
    """Groups of one motivation, type and size, with a seed user and without. `enough` is False where there are too few
    on a side to say anything."""

    motivation: str | Promise
    community_type: str | Promise
    size: str | Promise
    with_seeds: Side
    without: Side

    @property
    def enough(self) -> bool:
        return min(self.with_seeds.groups, self.without.groups) >= ENOUGH_GROUPS


SIZES: tuple[tuple[int, str | Promise], ...] = (
    (50, _("up to 50 members")),
    (200, _("51 to 200 members")),
    (10**9, _("more than 200 members")),
)


def likenesses(*, user: User) -> list[Likeness]:
    """Active groups that have a seed user now against like ones that have none. One query."""
    holding = MemberRole.objects.filter(membership__group=OuterRef("pk"), role=GroupRole.SEED, ended_at=None)
    groups = Group.objects.visible_to(user).filter(state=GroupState.ACTIVE, member_count__gte=ENOUGH_MEMBERS)
    rows = groups.annotate(has_seed=Exists(holding)).values_list(
        "motivation", "community_type", "member_count", "active_7d", "messages_7d", "has_seed"
    )
    found: dict[tuple[str, str, int], dict[bool, list[tuple[float, float]]]] = defaultdict(
        lambda: {True: [], False: []}
    )
    for motivation, sort, members, active, messages, has_seed in rows.order_by():
        size = next(place for place, (most, _words) in enumerate(SIZES) if members <= most)
        found[motivation, sort, size][has_seed].append((100 * active / members, messages / members))
    motivations, sorts = dict(Motivation.choices), dict(CommunityType.choices)
    return [
        Likeness(motivations[motivation], sorts.get(sort, "–"), SIZES[size][1], _side(sides[True]), _side(sides[False]))
        for (motivation, sort, size), sides in sorted(found.items())
        if sides[True]
    ]


def _side(figures: Sequence[tuple[float, float]]) -> Side:
    if not figures:
        return Side(0, 0, 0)
    return Side(
        len(figures),
        round(median(active for active, _messages in figures), 1),
        round(median(messages for _active, messages in figures), 1),
    )


@dataclass(frozen=True)
class BeforeAfter:
    """A group in the 28 days before its first seed user and in the 28 days after."""

    group: Group
    since: datetime
    messages_before: int
    messages_after: int
    active_before: int
    active_after: int
    complete: bool

    @property
    def ends(self) -> datetime:
        return self.since + SPAN

    @property
    def enough(self) -> bool:
        """Whether the 28 days are over and the group was alive enough before for a comparison."""
        return self.complete and self.active_before >= ENOUGH_MEMBERS


def before_and_after(*, user: User, now: datetime) -> list[BeforeAfter]:
    """The groups whose first seed user came last, up to 50. Three queries."""
    starts = MemberRole.objects.filter(role=GroupRole.SEED, membership__group__in=Group.objects.visible_to(user))
    firsts = dict(
        starts.order_by()
        .values_list("membership__group")
        .annotate(first=Min("since"))
        .order_by("-first", "membership__group")[:GROUPS_SHOWN]
    )
    if not firsts:
        return []
    within, later = Q(), []
    for group, since in firsts.items():
        within |= Q(group_id=group, at__gte=since - SPAN, at__lt=since + SPAN)
        later.append(When(group_id=group, at__gte=since, then=Value(True)))
    figures: dict[tuple[int, bool], tuple[int, int]] = {}
    rows = (
        Event.objects.filter(within, at__lte=now)
        .annotate(is_after=Case(*later, default=Value(False)))
        .order_by()
        .values_list("group_id", "is_after")
        .annotate(
            messages=Count("pk", filter=Q(kind__slug=BuiltInKind.MESSAGE)), active=Count("member_id", distinct=True)
        )
    )
    for group, is_after, messages, active in rows:
        figures[group, bool(is_after)] = (messages, active)
    groups = Group.objects.in_bulk(firsts)
    return [
        BeforeAfter(
            groups[group],
            since,
            figures.get((group, False), (0, 0))[0],
            figures.get((group, True), (0, 0))[0],
            figures.get((group, False), (0, 0))[1],
            figures.get((group, True), (0, 0))[1],
            complete=since + SPAN <= now,
        )
        for group, since in firsts.items()
    ]
