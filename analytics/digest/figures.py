"""What happened in a person's groups in a week, against the week before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Q, QuerySet, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from analytics.health.days import ONE, Days, zone
from analytics.health.models import DailyGroupStat, GroupHealth
from analytics.health.selectors import judged_day
from analytics.index.source import source_of
from analytics.queries.activity import ActivityQuery
from analytics.sources import Selection, SqlNames
from groups.models import Group, HealthStage

WEEK = timedelta(days=7)
MOST_MOVED = 3
TURNED = (HealthStage.DECLINING, HealthStage.DEAD)
# Sums of the table of groups by day, with their words.
SUMS: tuple[tuple[str, str | Promise], ...] = (
    ("joined", pgettext_lazy("digest", "Joined")),
    ("left", pgettext_lazy("digest", "Left")),
    ("messages", _("Messages")),
    ("check_ins", _("Check-ins")),
    ("orders", _("Orders")),
)


@dataclass(frozen=True)
class WeekFigure:
    key: str
    label: str | Promise
    value: int
    before: int


@dataclass(frozen=True)
class Moved:
    """A group that wrote more, or less, than the week before."""

    group_id: int
    name: str
    value: int
    before: int


@dataclass(frozen=True)
class Week:
    """Seven local days up to the evening before, as one person sees them."""

    days: Days
    before: Days
    groups: int
    figures: list[WeekFigure]
    up: list[Moved]
    down: list[Moved]
    turned: int

    @property
    def is_quiet(self) -> bool:
        return not any(figure.value or figure.before for figure in self.figures)


def week_before(day: date) -> tuple[Days, Days]:
    """The seven days up to the one before `day`, and the seven before those."""
    return Days(day - WEEK, day - ONE), Days(day - 2 * WEEK, day - WEEK - ONE)


def week_of(user: User, *, day: date, now: datetime) -> Week:
    """The week that ended before `day`, in so many queries however many groups there are."""
    days, before = week_before(day)
    groups = Group.objects.visible_to(user).open()
    stats = DailyGroupStat.objects.filter(group__in=groups, day__range=(before.first, days.last))
    sums = stats.aggregate(
        **{f"{key}_now": _sum(key, days) for key, _label in SUMS},
        **{f"{key}_before": _sum(key, before) for key, _label in SUMS},
    )
    active = [_active(user, span, zone(), now) for span in (days, before)]
    figures = [WeekFigure("active", _("Active members"), *active)]
    figures += [WeekFigure(key, label, sums[f"{key}_now"], sums[f"{key}_before"]) for key, label in SUMS]
    moved = (
        stats.order_by()
        .values("group_id", "group__name")
        .annotate(value=_sum("messages", days), before=_sum("messages", before))
        .annotate(change=F("value") - F("before"))
    )
    return Week(
        days=days,
        before=before,
        groups=groups.count(),
        figures=figures,
        up=_moved(moved.filter(change__gt=0).order_by("-change", "group_id")),
        down=_moved(moved.filter(change__lt=0).order_by("change", "group_id")),
        turned=_turned(groups, days),
    )


def _sum(key: str, days: Days) -> Sum:
    return Sum(key, filter=Q(day__range=(days.first, days.last)), default=0)


def _active(user: User, days: Days, tz: ZoneInfo, now: datetime) -> int:
    question = {
        "timezone": tz.key,
        "metric": "unique",
        "interval": "month",
        "range": {"from": days.first.isoformat(), "to": days.last.isoformat()},
    }
    result = ActivityQuery.read(question, zone=tz, now=now).compute(source_of(Selection(user)), SqlNames(), now=now)
    return int(result.all["overall"])


def _moved(rows: QuerySet[Any, Any]) -> list[Moved]:
    return [Moved(row["group_id"], row["group__name"], row["value"], row["before"]) for row in rows[:MOST_MOVED]]


def _turned(groups: QuerySet[Group], days: Days) -> int:
    """How many groups began to decline, or died, in these days and still do."""
    judged = judged_day()
    if judged is None:
        return 0
    rows = GroupHealth.objects.filter(group__in=groups, day=judged, stage__in=TURNED, since__gte=days.first)
    return rows.count()
