"""Who carries the community, in the console."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from analytics.carriers.definitions import BROUGHT, CARRIERS, LIKES, REFERRALS
from analytics.carriers.forms import BOARDS, CarriersForm
from analytics.carriers.page import board_of, board_table, carriers_page
from analytics.carriers.selectors import FILED
from analytics.carriers.tree import ROOTS, roots_of, tree_of
from analytics.channels.scope import Scope
from analytics.health.days import local_day
from analytics.pages.explain import Facts
from analytics.pages.frame import address_with, files_of, frame_of
from analytics.pages.parts import zone_words
from community_ops.lib.lists import csv_response, xlsx_response

TREE_FIGURES = {
    "brought": gettext_lazy("Brought"),
    "present": gettext_lazy("Still present"),
    "ordered": gettext_lazy("Ordered"),
    "revenue": gettext_lazy("Revenue"),
}


@require_GET
@staff_required
def carriers(request: StaffRequest) -> HttpResponseBase:
    """Who carries the community?"""
    now, zone = timezone.now(), ZoneInfo(settings.TIME_ZONE)
    form = CarriersForm(request.GET, user=request.user, now=now, zone=zone)
    context = frame_of(request, form, now=now, zone=zone) | {"files": files_of(request)}
    if form.is_valid():
        figure, export = form.cleaned_data["figure"], request.GET.get("export", "")
        if export in ("csv", "xlsx"):
            write = csv_response if export == "csv" else xlsx_response
            table = board_table(board_of(form, FILED))
            return write(f"carriers-{figure}-{local_day(now)}.{export}", table.file_heads(), table.values())
        context |= {
            "page": carriers_page(form),
            "heads": [(name, label, address_with(request, figure=name)) for name, label in BOARDS],
            "figure": figure,
            "definitions": CARRIERS,
            "likes": LIKES,
        }
    return render(request, "console/analytics/carriers.html", context)


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
    asked_zone = zone_words(ZoneInfo(settings.TIME_ZONE), now)
    context = {
        "figures": [(key, label, BROUGHT[key]) for key, label in TREE_FIGURES.items()],
        "facts": Facts(
            pgettext("range", "all the time until now"), asked_zone, now, [(_("Member"), root.name)] if root else []
        ),
        "nodes": nodes,
        "root": root,
        "above": above if above and scope.members().filter(pk=above.pk).exists() else None,
        "total": total,
        "previous": number - 1,
        "next": number + 1 if not root and number * ROOTS < total else 0,
        "texts": REFERRALS,
        "as_of": now,
        "zone": asked_zone,
    }
    return render(request, "console/analytics/referrals.html", context)
