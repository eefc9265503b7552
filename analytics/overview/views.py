"""The page that managers open in the morning: at once, with parts that it loads by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from analytics.definitions import OVERVIEW
from analytics.overview.forms import RANGES, OverviewForm
from analytics.overview.page import (
    FIGURES,
    LABELS,
    MOVED,
    Answers,
    days_words,
    has_anything,
    overview_page,
    stages_of,
)
from analytics.overview.scope import Scope
from analytics.pages.explain import facts_of
from analytics.pages.parts import SMALL_SAMPLE, Text
from analytics.sources import Selection
from community_ops.lib.lists import csv_response, xlsx_response


@dataclass(frozen=True)
class Late:
    """A part of the page that is still to come: where it is asked for, and what stands in its place meanwhile."""

    name: str
    url: str
    labels: list[Text]


@require_GET
@staff_required
def overview(request: StaffRequest) -> HttpResponseBase:
    now = timezone.now()
    form = _form(request, now)
    context: dict[str, Any] = {"form": form, "ranges": RANGES, "whole": "whole" in request.GET}
    if form.is_valid():
        scope = Scope(form.viewer, form.range, now)
        export = request.GET.get("export")
        if export in ("csv", "xlsx"):
            write = csv_response if export == "csv" else xlsx_response
            table = overview_page(form, scope).table
            return write(f"overview-{form.range.last:%Y-%m-%d}.{export}", table.file_heads(), table.values())
        context |= {"scope": scope, "definitions": OVERVIEW["stages"], **_shown(form)}
        if not has_anything(form, scope):
            context |= {"is_empty": True, "ever": Selection(form.viewer).events().exists()}
        elif context["whole"]:
            page = overview_page(form, scope)
            context |= {"page": page, "stages": page.stages}
        else:
            context |= {"stages": stages_of(form, scope), **_late(form)}
    return render(request, "console/analytics/overview.html", context)


@require_GET
@staff_required
def overview_part(request: StaffRequest) -> HttpResponse:
    """Some of the figures, or what made up the change of one."""
    form = _form(request, timezone.now())
    name, _colon, key = request.GET.get("part", "").partition("-")
    parts: dict[str, dict[str, Any]] = {"figures": FIGURES, "moved": MOVED}
    if key not in parts.get(name, {}) or not form.is_valid():
        raise Http404
    answers = Answers(form, Scope(form.viewer, form.range, form.now), is_whole=False)
    context: dict[str, Any] = {"answer": parts[name][key](answers), "key": key, **_shown(form)}
    if key == "sales":
        context["currencies_left_out"] = answers.currencies_left_out
    if (name, key) == ("figures", "active"):
        context["active"] = answers.active.members[0]
    return render(request, f"console/analytics/overview_{name}.html", context)


def _form(request: StaffRequest, now: datetime) -> OverviewForm:
    return OverviewForm(request.GET, user=request.user, now=now, zone=ZoneInfo(settings.TIME_ZONE))


def _shown(form: OverviewForm) -> dict[str, Any]:
    facts = facts_of(form, now=form.now, zone=form.zone, range=days_words(form))
    return {"facts": facts, "small": SMALL_SAMPLE}


# What is known of the figures of a part before they are counted; a currency of revenue is not.
_LABELS = {
    "places": [LABELS["members"], LABELS["joined"], LABELS["left"]],
    "active": [LABELS["active"]],
    "newcomers": [LABELS["stayed"], LABELS["bought"]],
    "sales": [LABELS["orders"], LABELS["revenue"]],
}


def _late(form: OverviewForm) -> dict[str, list[Late]]:
    def late(part: str, labels: list[Text]) -> Late:
        return Late(part, f"{reverse('analytics:overview_part')}?{urlencode({'part': part})}&{form.address()}", labels)

    return {
        "late_figures": [late(f"figures-{key}", _LABELS[key]) for key in FIGURES],
        "late_moves": [late(f"moved-{key}", [LABELS[key]]) for key in MOVED],
    }
