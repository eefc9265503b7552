"""What the ranking of groups shows, sorts by and is narrowed to."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy, pgettext_lazy

from analytics.health.reasons import stage_words
from analytics.ranking.definitions import CHANGE, RANKING
from analytics.ranking.definitions import FIGURES as DEFINITIONS
from analytics.ranking.selectors import FIGURES
from community_ops.lib.lists import Column, Filter
from groups.models import CommunityType, HealthStage, Motivation

LABELS = {
    "active": gettext_lazy("Activity"),
    "joined": gettext_lazy("Joined"),
    "orders": gettext_lazy("Orders"),
    "messages": gettext_lazy("Messages"),
}
WIDE = {"messages": "lg", "joined": "md"}


def _figure(name: str) -> list[Column[Any]]:
    """The figure, which sorts by its change, and in files what it was before."""
    return [
        Column(
            f"{name}_change",
            LABELS[name],
            order=f"{name}_change",
            value=lambda row: row.now[name],
            number=True,
            wide=WIDE.get(name, ""),
            definition=DEFINITIONS[name],
            how=CHANGE,
        ),
        Column(
            f"{name}_before",
            pgettext_lazy("figure", "Before: %s") % LABELS[name],
            value=lambda row: row.before[name],
            shown=False,
        ),
    ]


COLUMNS: list[Column[Any]] = [
    Column("name", gettext_lazy("Group"), order="name", value=lambda row: row.name),
    Column("external_id", gettext_lazy("Id in other systems"), value=lambda row: row.external_id, shown=False),
    Column(
        "branch",
        gettext_lazy("Branch"),
        order="branch__name",
        value=lambda row: row.branch,
        nullable=True,
        wide="xl",
    ),
    Column(
        "stage",
        gettext_lazy("Stage"),
        order="stage",
        value=lambda row: stage_words(row.stage),
        wide="sm",
        definition=RANKING[2],
    ),
    Column(
        "stage_before",
        gettext_lazy("Stage before the range"),
        value=lambda row: stage_words(row.stage_before),
        shown=False,
    ),
    *(column for name in FIGURES for column in _figure(name)),
]
FILTERS: list[Filter[Any]] = [
    Filter("stage", gettext_lazy("Stage"), HealthStage.choices, lambda rows, value: rows.filter(stage=value)),
    Filter(
        "community_type",
        gettext_lazy("Community type"),
        CommunityType.choices,
        lambda rows, value: rows.filter(community_type=value),
    ),
    Filter(
        "motivation",
        gettext_lazy("Motivation"),
        Motivation.choices,
        lambda rows, value: rows.filter(motivation=value),
    ),
]
