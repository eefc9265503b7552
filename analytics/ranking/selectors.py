"""Groups with their figures over a range of days and as many days before, summed up in the database."""

from __future__ import annotations

from typing import Any

from django.db.models import F, FilteredRelation, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from analytics.health.days import ONE, Days
from analytics.health.models import GroupHealth
from groups.models import Group

FIGURES = ("active", "joined", "orders", "messages")


def groups_ranked(groups: QuerySet[Group], days: Days) -> QuerySet[Any]:
    """Each group with `<figure>_now`, `<figure>_before` and `<figure>_change`, and the stage it had before.

    `active` is counted by day: one member on three days counts three.
    """
    before = Days(days.first - len(days) * ONE, days.first - ONE)
    here = Q(daily_stats__day__gte=before.first, daily_stats__day__lte=days.last)
    rows: QuerySet[Any] = groups.annotate(days=FilteredRelation("daily_stats", condition=here))
    for name in FIGURES:
        rows = rows.annotate(
            **{
                f"{name}_now": Coalesce(Sum(f"days__{name}", filter=Q(days__day__gte=days.first)), 0),
                f"{name}_before": Coalesce(Sum(f"days__{name}", filter=Q(days__day__lt=days.first)), 0),
            }
        )
    judged = GroupHealth.objects.filter(group=OuterRef("pk"), day__lt=days.first).order_by("-day")
    ranked: QuerySet[Any] = rows.annotate(
        stage_before=Subquery(judged.values("stage")[:1]),
        **{f"{name}_change": F(f"{name}_now") - F(f"{name}_before") for name in FIGURES},
    )
    return ranked
