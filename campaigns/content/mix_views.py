"""The mix of values in the console: of all groups, and on the page of one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from campaigns.content.mix import WEEK, Mix, group_mixes, mix_groups, week_of
from community_ops.lib.lists import csv_response, xlsx_response
from delivery.models import Value
from groups.models import Group

PAGE = 25
MOST_GROUPS = 5000
ORDERS = ("off", "name", "sent")
EARLIEST = date(2000, 1, 3)


@require_GET
@staff_required
def mix(request: StaffRequest) -> HttpResponseBase:
    """All groups with their mix, the furthest off first."""
    monday = _week(request)
    text = request.GET.get("q", "").replace("\x00", "").strip()[:120]
    order = request.GET.get("sort", "")
    order = order if order in ORDERS else "off"
    groups = list(
        mix_groups(Group.objects.visible_to(request.user).matching(text)).select_related("branch")[:MOST_GROUPS]
    )
    mixes = group_mixes(groups, monday)
    rows = sorted(((group, mixes[group.pk]) for group in groups), key=_key(order))
    asked = request.GET.get("export", "")
    if asked in ("csv", "xlsx"):
        answer = xlsx_response if asked == "xlsx" else csv_response
        return answer(f"content-mix-{monday:%Y-%m-%d}.{asked}", _header(), (_cells(group, mix) for group, mix in rows))
    today = timezone.localdate()
    context = {
        "tab": "mix",
        "monday": monday,
        "sunday": monday + timedelta(days=6),
        "earlier": monday - WEEK if monday > EARLIEST else None,
        "later": monday + WEEK if monday + WEEK <= week_of(today) else None,
        "is_this_week": monday == week_of(today),
        "page": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "text": text,
        "order": order,
        "cut": len(groups) == MOST_GROUPS,
        "query": _query(request),
    }
    return render(request, "console/campaigns/content/mix.html", context)


@require_GET
@staff_required
def group_mix(request: StaffRequest, pk: int) -> HttpResponse:
    """The mix of one group this week and the week before: a part of its page."""
    group = get_object_or_404(Group.objects.visible_to(request.user), pk=pk)
    monday = week_of(timezone.localdate())
    context = {
        "group": group,
        "weeks": [
            (_("This week"), group_mixes([group], monday)[group.pk]),
            (_("Last week"), group_mixes([group], monday - WEEK)[group.pk]),
        ],
    }
    return render(request, "console/campaigns/content/group_mix.html", context)


def _week(request: StaffRequest) -> date:
    """The Monday asked for by any of its days; this week's where none is."""
    this = week_of(timezone.localdate())
    try:
        asked = week_of(date.fromisoformat(request.GET.get("week", "")))
    except (ValueError, OverflowError):
        return this
    return min(max(asked, EARLIEST), this)


def _key(order: str) -> Any:
    def key(row: tuple[Group, Mix]) -> Any:
        group, mix = row
        if order == "name":
            return (group.name, group.pk)
        if order == "sent":
            return (-mix.sent, group.name, group.pk)
        # Of few posts a share is mostly chance, so they stand behind those that say something.
        return (mix.off is None, mix.is_small, -(mix.off or 0), -mix.unclassified, group.name, group.pk)

    return key


def _query(request: StaffRequest) -> dict[str, str]:
    """The address of the page with other pages, weeks and orders left to the template."""
    kept = {}
    for name in ("week", "sort", "page", "export"):
        query = request.GET.copy()
        query.pop(name, None)
        if name != "page":
            query.pop("page", None)
        encoded = query.urlencode()
        kept[name] = f"{encoded}&" if encoded else ""
    return kept


def _header() -> list[str]:
    values = [str(label) for _value, label in Value.choices]
    targets = [_("%(value)s, target in percent") % {"value": value} for value in values]
    return [_("Group"), _("Sent"), *values, _("Not classified"), _("Off the target"), *targets]


def _cells(group: Group, mix: Mix) -> list[object]:
    counts = [share.count for share in mix.shares]
    targets = [share.target for share in mix.shares]
    return [group.name, mix.sent, *counts, mix.unclassified, mix.off, *targets]
