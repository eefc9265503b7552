"""The page that managers open in the morning."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from analytics.definitions import OVERVIEW
from analytics.overview.forms import RANGES, OverviewForm
from analytics.overview.page import days_words, overview_page
from analytics.overview.scope import Scope
from analytics.pages.explain import facts_of
from analytics.pages.parts import SMALL_SAMPLE
from analytics.sources import Selection
from community_ops.lib.lists import csv_response, xlsx_response


@require_GET
@staff_required
def overview(request: StaffRequest) -> HttpResponseBase:
    now, zone = timezone.now(), ZoneInfo(settings.TIME_ZONE)
    form = OverviewForm(request.GET, user=request.user, now=now, zone=zone)
    context: dict[str, Any] = {"form": form, "small": SMALL_SAMPLE, "ranges": RANGES}
    if form.is_valid():
        scope = Scope(form.viewer, form.range, now)
        page = overview_page(form, scope)
        export = request.GET.get("export")
        if export in ("csv", "xlsx"):
            write = csv_response if export == "csv" else xlsx_response
            name = f"overview-{form.range.last:%Y-%m-%d}.{export}"
            return write(name, page.table.file_heads(), page.table.values())
        context |= {
            "page": page,
            "scope": scope,
            "facts": facts_of(form, now=now, zone=zone, range=days_words(form)),
            "definitions": OVERVIEW["stages"],
            "ever": not page.is_empty or Selection(form.viewer).events().exists(),
        }
    return render(request, "console/analytics/overview.html", context)
