"""Who might be a benchmark of a group."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDate

from activity.models import BuiltInKind, Event
from campaigns.stories.models import Benchmark
from campaigns.stories.querysets import REACTIONS
from groups.models import Group
from members.models import Member, Membership

# Over how many days candidates are measured, and how many are shown.
WINDOW = timedelta(days=14)
SHOWN = 5


@dataclass(frozen=True)
class Candidate:
    """`days` is on how many local days they did something, `acts` how often they wrote, answered, liked, checked in."""

    member: Member
    days: int
    acts: int


def candidates(*, group: Group, now: datetime) -> list[Candidate]:
    """Members present who did something on most days lately; nobody who is a benchmark of the group. Two queries."""
    named = Benchmark.objects.standing().filter(group=group)
    present = Membership.objects.present().filter(group=group, member__erased_at=None)
    rows = (
        Event.objects.filter(
            group_id=group.pk,
            at__gt=now - WINDOW,
            at__lte=now,
            kind__slug__in=[*REACTIONS, BuiltInKind.CHECK_IN, BuiltInKind.QUESTION],
            member_id__in=present.values("member_id"),
        )
        .exclude(member_id__in=named.values("member_id"))
        .order_by()
        .values("member_id")
        .annotate(days=Count(TruncDate("at"), distinct=True), acts=Count("pk"))
        .order_by("-days", "-acts", "member_id")[:SHOWN]
    )
    found = list(rows)
    members = Member.objects.in_bulk([row["member_id"] for row in found])
    return [Candidate(members[row["member_id"]], row["days"], row["acts"]) for row in found]
