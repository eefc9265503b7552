"""Who is in a segment, and how many that were."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db.models import QuerySet

from accounts.models import User
from members.models import Member, Segment, SegmentCount
from members.segments.filters import members_matching

COURSE = 60  # days


def segment_members(segment: Segment, *, user: User, now: datetime) -> QuerySet[Member]:
    """The members who are in the segment now, of those that `user` may see. Of a branch's segment headquarters sees
    the branch's members only."""
    found = members_matching(segment.definition, user=user, now=now)
    if segment.branch is not None and user.branch_id is None:
        return found.filter(pk__in=Member.objects.visible_to(User(branch=segment.branch)).values("pk"))
    return found


def segment_member_ids(segment: Segment, *, user: User, now: datetime) -> frozenset[int]:
    """The numbers of those members, for reports."""
    return frozenset(segment_members(segment, user=user, now=now).values_list("pk", flat=True))


def segment_courses(segments: Iterable[Segment], *, user: User, today: date) -> dict[int, list[int]]:
    """The numbers of members of the last days, oldest first, by segment: those that `user` would have seen."""
    counts = SegmentCount.objects.filter(segment__in=list(segments), day__gt=today - timedelta(days=COURSE))
    courses: dict[int, list[int]] = {}
    for row in counts.filter(branch=user.branch_id).order_by("segment_id", "day"):
        courses.setdefault(row.segment_id, []).append(row.members)
    return courses
