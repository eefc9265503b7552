"""Opinion leaders: how many a group has against how many it should have, and who would make a good one.

For each figure of the last `window_days` days in this group

    points = weight × share of the other active members who did less

and the score is the sum of the points, at most 100. Ranks and not amounts, so that a quiet group finds its leaders as
well as a loud one, and nobody gets there by chatter alone. Active is who is present and did anything at all.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from statistics import median
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import TruncDate
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.audit import audit_record
from accounts.models import User
from accounts.policies import policy_get
from activity.models import BuiltInKind, Event
from groups.models import Group
from groups.roles.models import GroupRole
from members.models import Membership
from members.roles.models import LeaderPass, MemberRole

LEAST_SCORE = 60
# Among fewer active members a rank says nothing.
FEWEST_ACTIVE = 5
FEWEST_SHOWN, MOST_SHOWN = 3, 10


@dataclass(frozen=True)
class LeaderPolicy:
    """What share of a group should be opinion leaders (percent), over how many days candidates are measured, and
    after how many days somebody who was put off is proposed again."""

    KEY: ClassVar[str] = "opinion_leaders"
    share: int = 10
    window_days: int = 60
    again_days: int = 60


@dataclass(frozen=True)
class Figure:
    """A figure of a candidate, what is usual in the group, and the share of the others who did less."""

    label: str | Promise
    weight: int
    value: int
    median: float
    ahead_of: float

    @property
    def points(self) -> float:
        return self.weight * self.ahead_of


FIGURES: tuple[tuple[str, str | Promise, int], ...] = (
    ("days", _("active days"), 30),
    ("messages", _("messages"), 20),
    ("answers", _("answers"), 35),
    ("likes", _("likes given"), 15),
)


@dataclass(frozen=True)
class Candidate:
    membership: Membership
    figures: list[Figure]

    @property
    def score(self) -> int:
        return round(sum(figure.points for figure in self.figures))


@dataclass(frozen=True)
class Standing:
    """How a group stands against the line: leaders, members, and how many more would reach it."""

    leaders: int
    members: int
    share: int
    missing: int


def standing(*, group: Group, policy: LeaderPolicy | None = None) -> Standing:
    """One query, and one for the policy where it is not given."""
    policy = policy or policy_get(LeaderPolicy)
    leaders = (
        Membership.objects.present().filter(group=group, roles__role=GroupRole.LEADER, roles__ended_at=None).count()
    )
    wanted = ceil(group.member_count * policy.share / 100)
    return Standing(leaders, group.member_count, policy.share, max(0, wanted - leaders))


def candidates(*, group: Group, now: datetime, policy: LeaderPolicy | None = None) -> list[Candidate]:
    """Who of those present would make an opinion leader, best first; nobody who is one, or was put off lately.

    As many as the group lacks to its line, three at least and ten at most, each with LEAST_SCORE or more.
    A fixed number of queries.
    """
    policy = policy or policy_get(LeaderPolicy)
    kinds = {"messages": BuiltInKind.MESSAGE, "answers": BuiltInKind.ANSWER, "likes": BuiltInKind.LIKE}
    rows: dict[int, dict[str, Any]] = {
        row["member_id"]: dict(row)
        for row in Event.objects.filter(group_id=group.pk, at__gt=now - timedelta(days=policy.window_days), at__lte=now)
        .exclude(kind__slug__in=[BuiltInKind.JOINED, BuiltInKind.LEFT])
        .values("member_id")
        .annotate(
            days=Count(TruncDate("at"), distinct=True),
            **{name: Count("pk", filter=Q(kind__slug=kind)) for name, kind in kinds.items()},
        )
    }
    present = {
        row.member_id: row
        for row in Membership.objects.present()
        .filter(group=group, member__in=rows, member__erased_at=None)
        .select_related("member")
    }
    if len(present) < FEWEST_ACTIVE:
        return []
    values = {name: sorted(rows[pk][name] for pk in present) for name, _label, _weight in FIGURES}
    usual = {name: median(column) for name, column in values.items()}
    lately = now - timedelta(days=policy.again_days)
    leaders = MemberRole.objects.filter(membership__group=group, role=GroupRole.LEADER, ended_at=None)
    passed = LeaderPass.objects.filter(membership__group=group, passed_at__gt=lately)
    left_out = {*leaders.values_list("membership", flat=True), *passed.values_list("membership", flat=True)}

    def figure(pk: int, name: str, label: str | Promise, weight: int) -> Figure:
        value = rows[pk][name]
        ahead_of = bisect_left(values[name], value) / (len(present) - 1)
        return Figure(label, weight, value, usual[name], ahead_of)

    found = [
        Candidate(membership, [figure(pk, *about) for about in FIGURES])
        for pk, membership in present.items()
        if membership.pk not in left_out
    ]
    good = sorted(
        (candidate for candidate in found if candidate.score >= LEAST_SCORE),
        key=lambda candidate: (-candidate.score, candidate.membership.pk),
    )
    missing = standing(group=group, policy=policy).missing
    return good[: min(MOST_SHOWN, max(FEWEST_SHOWN, missing))]


def leader_pass(*, by: User, now: datetime, membership: Membership) -> LeaderPass:
    """Puts a candidate off: not proposed again before the days that the policy says."""
    with transaction.atomic():
        row, _made = LeaderPass.objects.update_or_create(
            membership=membership, defaults={"passed_at": now, "passed_by": by}
        )
        audit_record(by=by, action="member.leader_passed", subject=membership.member, after={"group": membership.group})
    return row


def leader_unpass(*, by: User, now: datetime, membership: Membership) -> bool:
    """Takes leader_pass back."""
    with transaction.atomic():
        gone, _kinds = LeaderPass.objects.filter(membership=membership).delete()
        if gone:
            audit_record(
                by=by, action="member.leader_back", subject=membership.member, after={"group": membership.group}
            )
    return bool(gone)
