"""The ranking of groups in the console."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from analytics.channels.page import change_text
from analytics.channels.views import span_context, span_form
from analytics.ranking.definitions import RANKING
from analytics.ranking.selectors import FIGURES, groups_ranked
from community_ops.lib.lists import Column, Filter, Listing
from groups.models import CommunityType, Group, HealthStage, Motivation

LABELS = {
    "active": gettext_lazy("Activity"),
    "joined": gettext_lazy("Joined"),
    "orders": gettext_lazy("Orders"),
    "messages": gettext_lazy("Messages"),
}


def _columns() -> list[Column[Any]]:
    columns: list[Column[Any]] = [
        Column("name", gettext_lazy("Group"), order="name", value=lambda row: row.name),
        Column("external_id", gettext_lazy("Id in other systems"), value=lambda row: row.external_id, shown=False),
        Column(
            "branch",
            gettext_lazy("Branch"),
            order="branch__name",
            value=lambda row: row.branch.name if row.branch else "",
            nullable=True,
            wide="xl",
        ),
        Column("stage", gettext_lazy("Stage"), order="stage", value=lambda row: _stage(row.stage), wide="sm"),
        Column(
            "stage_before",
            gettext_lazy("Stage before the range"),
            value=lambda row: _stage(row.stage_before),
            shown=False,
        ),
    ]
    for name in FIGURES:
        wide = {"messages": "lg", "joined": "md"}.get(name, "")
        columns += [
            Column(
                f"{name}_change",
                LABELS[name],
                order=f"{name}_change",
                value=lambda row, name=name: getattr(row, f"{name}_now"),  # type: ignore[misc]
                number=True,
                wide=wide,
            ),
            Column(
                f"{name}_before",
                pgettext_lazy("figure", "Before: %s") % LABELS[name],
                value=lambda row, name=name: getattr(row, f"{name}_before"),  # type: ignore[misc]
                shown=False,
            ),
        ]
    return columns


def _stage(value: str | None) -> str:
    return str(HealthStage(value).label) if value else ""


@require_GET
@staff_required
def ranking(request: StaffRequest) -> HttpResponseBase:
    """Which groups rose or fell most?"""
    now = timezone.now()
    form = span_form(request, now)
    context = span_context(request, form, now)
    if form.is_valid():
        days = form.span()
        groups = form.scope().groups().open().select_related("branch")
        listing = Listing(
            request,
            groups_ranked(groups, days),
            columns=_columns(),
            filters=[
                Filter(
                    "stage", gettext_lazy("Stage"), HealthStage.choices, lambda rows, value: rows.filter(stage=value)
                ),
                Filter(
                    "type",
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
            ],
            search=lambda rows, text: rows.filter(pk__in=Group.objects.matching(text).values("pk")),
            sort="active_change",
        )
        if listing.export:
            return listing.export_response("groups-ranked")
        for row in listing.rows:
            row.cells = [_cell(row, name) for name in FIGURES]
            row.stage_was = _stage(row.stage_before) if row.stage_before != row.stage else ""
        kept = [(name, value) for name in ("preset", "from", "to", "branch") if (value := request.GET.get(name, ""))]
        context |= {"listing": listing, "kept": kept, "texts": RANKING}
    return render(request, "console/analytics/ranking.html", context)


def _cell(row: Any, name: str) -> tuple[int, int, int, str]:
    """The figure, its change, the size of that, and the change in percent."""
    value, before = getattr(row, f"{name}_now"), getattr(row, f"{name}_before")
    return value, value - before, abs(value - before), change_text(value, before)
