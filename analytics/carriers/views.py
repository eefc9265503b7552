"""Who carries the community, in the console."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from analytics.carriers.definitions import CARRIERS, REFERRALS
from analytics.carriers.selectors import FIGURES, FILED, ROOTS, Span, carriers_of, concentration_of, roots_of, tree_of
from analytics.channels.scope import Scope
from analytics.channels.views import span_context, span_form
from analytics.pages.parts import share_of, zone_words
from community_ops.lib.lists import csv_response, xlsx_response
from groups.models import Group

LABELS = {
    "messages": gettext_lazy("Messages"),
    "answers": gettext_lazy("Answers"),
    "check_ins": gettext_lazy("Check-ins"),
    "invited": gettext_lazy("Invited"),
    "brought": gettext_lazy("Orders brought"),
}


@require_GET
@staff_required
def carriers(request: StaffRequest) -> HttpResponseBase:
    """Who carries the community?"""
    now = timezone.now()
    form = span_form(request, now)
    group = _group(request)
    figure = request.GET.get("figure", "")
    figure = figure if figure in FIGURES else "messages"
    context: dict[str, Any] = {
        **span_context(request, form, now),
        "group": group,
        "figure": figure,
        "kept_here": [("figure", figure), *([("group", str(group.pk))] if group else [])],
    }
    if form.is_valid():
        span = Span(form.scope(), form.span(), group)
        export = request.GET.get("export", "")
        if export in ("csv", "xlsx"):
            write = csv_response if export == "csv" else xlsx_response
            heads = [gettext_lazy("Name"), gettext_lazy("Id in other systems"), *(LABELS[name] for name in FIGURES)]
            rows = carriers_of(span, figure=figure, most=FILED)
            lines = ([row.member.name, row.member.external_id, *row.cells] for row in rows)
            return write(f"carriers-{figure}.{export}", heads, lines)
        found = concentration_of(span)
        context |= {
            "rows": carriers_of(span, figure=figure),
            "heads": [(name, LABELS[name], _address(request, figure=name)) for name in FIGURES],
            "found": found,
            "leader_share": share_of(found.leaders, found.members),
            "led_share": share_of(found.by_leaders, found.interactions),
            "texts": CARRIERS,
            "csv_url": _address(request, export="csv"),
            "xlsx_url": _address(request, export="xlsx"),
            "whole_url": _address(request, group=""),
        }
    return render(request, "console/analytics/carriers.html", context)


def _group(request: StaffRequest) -> Group | None:
    asked = request.GET.get("group", "")
    if not asked:
        return None
    known = asked.isascii() and asked.isdigit() and len(asked) < 19
    return get_object_or_404(Group.objects.visible_to(request.user), pk=int(asked) if known else 0)


def _address(request: StaffRequest, **changes: str) -> str:
    query = request.GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value:
            query[name] = value
    return f"{request.path}?{query.urlencode()}"


@require_GET
@staff_required
def tree(request: StaffRequest) -> HttpResponseBase:
    """Who brought whom: from those at the top, or from one member on."""
    scope, now = Scope(request.user), timezone.now()
    asked, page = request.GET.get("member", ""), request.GET.get("page", "1")
    for value in (asked or "1", page):
        if not (value.isascii() and value.isdigit() and len(value) < 16):
            raise Http404
    number = max(1, int(page))
    root = get_object_or_404(scope.members(), pk=int(asked)) if asked else None
    if root:
        nodes, total = tree_of(scope, [root.pk]), 1
    else:
        nodes, total = roots_of(scope, first=(number - 1) * ROOTS)
    above = root.invited_by if root else None
    context = {
        "nodes": nodes,
        "root": root,
        "above": above if above and scope.members().filter(pk=above.pk).exists() else None,
        "total": total,
        "previous": number - 1,
        "next": number + 1 if not root and number * ROOTS < total else 0,
        "texts": REFERRALS,
        "as_of": now,
        "zone": zone_words(ZoneInfo(settings.TIME_ZONE), now),
    }
    return render(request, "console/analytics/referrals.html", context)
