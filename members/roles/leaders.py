"""Opinion leaders: how many a group has against how many it should have, and who would make a good one.

For each figure of the last `window_days` days in this group

    points = weight × min(1, value ÷ (3 × the median of those who did anything, at least 1))

and the score is the sum of the points, at most 100: three times what is usual in the group earns full marks, so that a
quiet group finds its leaders as well as a loud one, and nobody gets there by chatter alone.
"""

from __future__ import annotations

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

FULL_MARKS_AT = 3
LEAST_SCORE = 50
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
    """A figure of a candidate with what is usual in the group."""

    label: str | Promise
    weight: int
    value: int
    median: float

    @property
    def points(self) -> float:
        return self.weight * min(1.0, self.value / (FULL_MARKS_AT * max(self.median, 1)))


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

    As many as the group lacks to its line, three at least and ten at most, each with half of the full score or more.
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
    if not rows:
        return []
    usual = {name: median(row[name] for row in rows.values()) for name, _label, _weight in FIGURES}
    lately = now - timedelta(days=policy.again_days)
    present = (
        Membership.objects.present()
        .filter(group=group, member__erased_at=None)
        .exclude(pk__in=MemberRole.objects.filter(role=GroupRole.LEADER, ended_at=None).values("membership"))
        .exclude(pk__in=LeaderPass.objects.filter(passed_at__gt=lately).values("membership"))
        .select_related("member")
    )
    found = [
        Candidate(
            membership,
            [Figure(label, weight, rows[membership.member_id][name], usual[name]) for name, label, weight in FIGURES],
        )
        for membership in present
        if membership.member_id in rows
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
