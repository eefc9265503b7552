"""How groups stand, read for pages and the API."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from accounts.models import User
from activity.models import Event
from analytics.health.counting import SPOKEN
from analytics.health.days import ONE, Days
from analytics.health.models import DailyGroupStat, GroupHealth, HealthWalk
from groups.models import Group, HealthStage
from members.models import Membership

COURSE = 90
SPOKE_DAYS = 28
SILENT = timedelta(days=30)
WEEK = 7 * ONE


def judged_day() -> date | None:
    """The last day for which every group is judged."""
    return HealthWalk.objects.values_list("day", flat=True).first()


def health_visible_to(user: User, day: date) -> QuerySet[GroupHealth]:
    """How the open groups that a person may see stood on a day, with their stage a week earlier as `stage_before`."""
    groups = Group.objects.visible_to(user).open()
    earlier = GroupHealth.objects.filter(group=OuterRef("group"), day=day - WEEK).values("stage")[:1]
    rows = GroupHealth.objects.filter(day=day, group__in=groups)
    return rows.annotate(stage_before=Subquery(earlier)).select_related("group__branch")


@dataclass(frozen=True)
class StageCount:
    stage: HealthStage
    count: int
    before: int


def stage_counts(user: User, day: date) -> list[StageCount]:
    """How many open groups stand where, and how many did a week earlier. One query."""
    groups = Group.objects.visible_to(user).open()
    rows = GroupHealth.objects.filter(day__in=(day, day - WEEK), group__in=groups).order_by().values("stage")
    counted = rows.annotate(now=Count("pk", filter=Q(day=day)), before=Count("pk", filter=Q(day=day - WEEK)))
    found = {row["stage"]: row for row in counted}
    return [
        StageCount(stage, *((found[stage]["now"], found[stage]["before"]) if stage in found else (0, 0)))
        for stage in HealthStage
    ]


@dataclass(frozen=True)
class CourseDay:
    """A local day of a group: members active, messages, interactions by staff, who came and went, and the stage."""

    day: date
    active: int
    messages: int
    interactions: int
    joined: int
    left: int
    stage: str


def course_of(group: Group, until: date, days: int = COURSE) -> list[CourseDay]:
    """The last days up to `until`, oldest first; days without anything are there with zeros. Two queries."""
    first = until - (days - 1) * ONE
    stats = {row.day: row for row in DailyGroupStat.objects.filter(group=group, day__range=(first, until))}
    stages = dict(GroupHealth.objects.filter(group=group, day__range=(first, until)).values_list("day", "stage"))
    course = []
    for number in range(days):
        day = first + number * ONE
        row = stats.get(day)
        figures = (row.active, row.messages, row.interactions, row.joined, row.left) if row else (0,) * 5
        course.append(CourseDay(day, *figures, stages.get(day, "")))
    return course


@dataclass(frozen=True)
class Voices:
    """Members present, how many of them wrote in four weeks, and how many were seen nowhere for thirty days."""

    present: int
    spoke: int
    silent: int


def voices_of(group: Group, *, day: date, now: datetime) -> Voices:
    days = Days(day - (SPOKE_DAYS - 1) * ONE, day)
    wrote = Event.objects.filter(group_id=group.pk, kind__slug__in=SPOKEN, at__gte=days.start, at__lt=days.end)
    present = Membership.objects.present().filter(group=group)
    counts = present.aggregate(
        present=Count("pk"),
        spoke=Count("pk", filter=Q(member__in=wrote.values("member_id"))),
        silent=Count("pk", filter=Q(member__last_seen_at__lte=now - SILENT)),
    )
    return Voices(**counts)


def latest_of(groups: Collection[Group | int]) -> dict[int, GroupHealth]:
    """The newest row of each group."""
    newest = GroupHealth.objects.filter(group=OuterRef("group")).order_by("-day").values("day")[:1]
    return {row.group_id: row for row in GroupHealth.objects.filter(group__in=groups, day=Subquery(newest))}
