"""What members ask for, over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncMonth
from django.utils import timezone

from accounts.models import User
from members.feedback.models import Need, NeedAsk, NeedCategory

MONTHS = 6


@dataclass(frozen=True)
class Theme:
    """How often needs of a category were asked for, month by month. `category` is None for those without one."""

    category: NeedCategory | None
    counts: Sequence[int]

    @property
    def total(self) -> int:
        return sum(self.counts)


def months_until(now: datetime) -> list[date]:
    """The first days of the last MONTHS local months, this one last."""
    first = timezone.localdate(now).replace(day=1)
    found = [first]
    while len(found) < MONTHS:
        first = (first - timedelta(days=1)).replace(day=1)
        found.insert(0, first)
    return found


def themes(*, user: User, now: datetime) -> tuple[list[date], list[Theme]]:
    """The months, and what was asked for in them, the most frequent first. Two queries."""
    months = months_until(now)
    since = timezone.make_aware(datetime.combine(months[0], datetime.min.time()))
    rows = (
        NeedAsk.objects.visible_to(user)
        .filter(at__gte=since, at__lte=now)
        .order_by()
        .annotate(month=TruncMonth("at"))
        .values("need__category", "month")
        .annotate(n=Count("pk"))
        .values_list("need__category", "month", "n")
    )
    counts: dict[int | None, dict[date, int]] = {}
    for category, month, number in rows:
        counts.setdefault(category, {})[timezone.localdate(month)] = number
    named: list[NeedCategory | None] = list(NeedCategory.objects.filter(pk__in=[key for key in counts if key]))
    if None in counts:
        named.append(None)
    found = [Theme(one, [counts[one.pk if one else None].get(month, 0) for month in months]) for one in named]
    return months, sorted(found, key=lambda theme: -theme.total)


def alike(need: Need, user: User, text: str = "") -> QuerySet[Need]:
    """Needs that `need` could become part of: of its branch, those of its category first; with `text` those that say
    it."""
    others = Need.objects.visible_to(user).standing().filter(branch=need.branch_id).exclude(pk=need.pk)
    if text:
        others = others.matching(text)
    with_askers: Any = others.with_askers().select_related("category")
    rows: QuerySet[Need] = with_askers.order_by("-asked_at", "-pk")
    return rows
