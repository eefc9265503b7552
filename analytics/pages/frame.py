"""What stands around the answer of every report (templates/console/analytics/base.html)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from accounts.access import StaffRequest
from analytics.forms import LATEST, PRESETS, RangeForm, ReportForm
from analytics.pages.explain import facts_of
from analytics.pages.parts import SMALL_SAMPLE, zone_words
from analytics.sources import Selection
from groups.models import Group

GROUPS_OFFERED = 20


def frame_of(request: StaffRequest, form: ReportForm, *, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """The bar with the question, the facts behind each "?", and where to go when nothing is found."""
    return {
        "form": form,
        "as_of": now,
        "zone": zone_words(zone, now),
        "small": SMALL_SAMPLE,
        "presets": _presets(request, form),
        "all_time": address_with(request, preset="all", since=None, **{"from": None, "to": None}),
        # Asked by the template, where there is nothing to show.
        "ever": Selection(request.user).events().exists,
        "offered": Group.objects.visible_to(request.user)[:GROUPS_OFFERED],
        "facts": facts_of(form, now=now, zone=zone),
    }


def files_of(request: HttpRequest) -> dict[str, str]:
    """Where the table of a report is taken away as a file."""
    return {kind: address_with(request, export=kind) for kind in ("csv", "xlsx")}


def address_with(request: HttpRequest, **changes: str | None) -> str:
    """The address of this page with these values; None takes one away."""
    query = request.GET.copy()
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = value
    return f"{request.path}?{query.urlencode()}"


def _presets(request: HttpRequest, form: ReportForm) -> list[tuple[str, Any, str]]:
    """The ranges that are offered; the last days with events only where these are long ago."""
    quiet = isinstance(form, RangeForm) and form.is_quiet
    gone = {"from": None, "to": None, "page": None, "export": None}
    return [(key, label, address_with(request, preset=key, **gone)) for key, label in PRESETS if quiet or key != LATEST]
