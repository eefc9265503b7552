"""The ranking of groups in the console."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.conf import settings
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from analytics.health.reasons import stage_words
from analytics.pages.frame import frame_of
from analytics.ranking.definitions import RANKING
from analytics.ranking.forms import RankingForm
from analytics.ranking.page import change_cells, ranking_listing


@require_GET
@staff_required
def ranking(request: StaffRequest) -> HttpResponseBase:
    """Which groups rose or fell most?"""
    now, zone = timezone.now(), ZoneInfo(settings.TIME_ZONE)
    form = RankingForm(request.GET, user=request.user, now=now, zone=zone)
    context = frame_of(request, form, now=now, zone=zone)
    if form.is_valid():
        listing = ranking_listing(request, form)
        if listing.export:
            return listing.export_response("groups-ranked")
        for row in listing.rows:
            row.cells, row.stage_is = change_cells(row), stage_words(row.stage)
            row.stage_was = stage_words(row.stage_before) if row.stage_before != row.stage else ""
        context |= {"page": listing, "listing": listing, "texts": RANKING}
    return render(request, "console/analytics/ranking.html", context)
