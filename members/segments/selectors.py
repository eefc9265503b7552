"""Who is in a segment, and how many that were."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.models import User
from members.models import Member, Segment, SegmentCount
from members.segments.filters import FilterField, fields_for, members_matching

COURSE = 60  # days


def segment_members(
    segment: Segment, *, user: User, now: datetime, fields: dict[str, FilterField] | None = None
) -> QuerySet[Member]:
    """The members who are in the segment now, of those that `user` may see. Of a branch's segment headquarters sees
    the branch's members only."""
    found = members_matching(segment.definition, user=user, now=now, fields=fields)
    if segment.branch is not None and user.branch_id is None:
        return found.filter(pk__in=Member.objects.visible_to(User(branch=segment.branch)).values("pk"))
    return found


def segment_member_ids(segment: Segment, *, user: User, now: datetime) -> frozenset[int]:
    """The numbers of those members, for reports."""
    return frozenset(segment_members(segment, user=user, now=now).values_list("pk", flat=True))


def segment_sizes(segments: Iterable[Segment], *, user: User, now: datetime) -> dict[int, int]:
    """How many members each segment has now, of those that `user` may see. Two queries, however many segments."""
    fields = fields_for(user)
    counts = {}
    for segment in segments:
        members = segment_members(segment, user=user, now=now, fields=fields).order_by().annotate(all=Value(1))
        counts[f"size_{segment.pk}"] = Coalesce(Subquery(members.values("all").annotate(n=Count("pk")).values("n")), 0)
    if not counts:
        return {}
    names = list(counts)
    row: tuple[Any, ...] = User.objects.filter(pk=user.pk).annotate(**counts).values_list(*names).get()
    return {int(name.removeprefix("size_")): size for name, size in zip(names, row, strict=True)}


def segment_courses(segments: Iterable[Segment], *, user: User, today: date) -> dict[int, list[int]]:
    """The numbers of members of the last days, oldest first, by segment: those that `user` would have seen."""
    counts = SegmentCount.objects.filter(segment__in=list(segments), day__gt=today - timedelta(days=COURSE))
    courses: dict[int, list[int]] = {}
    for row in counts.filter(branch=user.branch_id).order_by("segment_id", "day"):
        courses.setdefault(row.segment_id, []).append(row.members)
    return courses
