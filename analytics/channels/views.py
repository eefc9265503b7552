"""Channels in the console: all of them, one of them, and the members behind a figure."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from accounts.models import User
from activity.models import Channel
from analytics.channels.definitions import CHANNELS
from analytics.channels.forms import SpanForm
from analytics.channels.page import channel_rows, courses, headline, whole_row
from analytics.channels.people import FIGURES, members_behind
from analytics.forms import PRESETS
from analytics.pages.parts import SMALL_SAMPLE, zone_words
from analytics.pages.people import Behind
from analytics.pages.rows import RowListing
from analytics.sources import Selection
from analytics.views.console import COLUMNS as PEOPLE_COLUMNS
from community_ops.lib.lists import Column, Listing, csv_response, xlsx_response
from members.models import Member

ALL = "all"


def _file(name: str) -> Any:
    return lambda row: getattr(row, f"sort_{name}")


def _columns() -> list[Column[Any]]:
    def column(name: str, label: Any, **more: Any) -> Column[Any]:
        return Column(name, label, order=f"sort_{name}", value=_file(name), number=True, **more)

    return [
        Column("name", gettext_lazy("Channel"), order="name", value=lambda row: row.name),
        column("clicked", gettext_lazy("Clicked a link")),
        column("joins", gettext_lazy("Joined")),
        column("friends", gettext_lazy("Friends")),
        column("orders", gettext_lazy("Orders")),
        Column(
            "revenue", gettext_lazy("Revenue"), order="sort_revenue", value=lambda row: str(row.revenue), number=True
        ),
        Column("spend", gettext_lazy("Spend"), order="sort_spend", value=lambda row: str(row.spend), number=True),
        Column(
            "per_join",
            gettext_lazy("Cost per join"),
            order="sort_per_join",
            value=lambda row: str(row.per_join),
            number=True,
        ),
        Column(
            "per_friend",
            gettext_lazy("Cost per friend"),
            order="sort_per_friend",
            value=lambda row: str(row.per_friend),
            number=True,
        ),
        Column(
            "per_order",
            gettext_lazy("Cost per order"),
            order="sort_per_order",
            value=lambda row: str(row.per_order),
            number=True,
        ),
        Column(
            "per_member",
            gettext_lazy("Revenue per member"),
            order="sort_per_member",
            value=lambda row: str(row.per_member),
            number=True,
        ),
        Column(
            "payback",
            gettext_lazy("Paid back"),
            order="sort_payback",
            value=lambda row: " · ".join(row.payback_texts),
            number=True,
        ),
    ]


def span_context(request: HttpRequest, form: SpanForm, now: datetime) -> dict[str, Any]:
    """What the bar with the range and the definitions beside the answer need."""
    return {
        "form": form,
        "presets": [(key, label, _preset(request, key)) for key, label in PRESETS],
        "as_of": now,
        "zone": zone_words(ZoneInfo(settings.TIME_ZONE), now),
        "small": SMALL_SAMPLE,
    }


def _preset(request: HttpRequest, key: str) -> str:
    query = request.GET.copy()
    for name in ("from", "to", "page", "export"):
        query.pop(name, None)
    query["preset"] = key
    return f"{request.path}?{query.urlencode()}"


def span_form(request: StaffRequest, now: datetime) -> SpanForm:
    return SpanForm(request.GET, user=request.user, now=now, zone=ZoneInfo(settings.TIME_ZONE))


@require_GET
@staff_required
def channels(request: StaffRequest) -> HttpResponseBase:
    """Which channel pays?"""
    now = timezone.now()
    form = span_form(request, now)
    context = span_context(request, form, now)
    if form.is_valid():
        rows = channel_rows(form, now=now)
        listing = RowListing(
            request,
            rows,
            columns=_columns(),
            search=lambda found, text: [row for row in found if text.casefold() in row.name.casefold()],
            sort="-joins",
        )
        if listing.export:
            return listing.export_response("channels")
        told, quickest = headline(rows)
        context |= {
            "listing": listing,
            "kept": _kept(request, form),
            "whole": whole_row(rows, form),
            "headline": told,
            "quickest": quickest,
            "texts": CHANNELS,
        }
    return render(request, "console/analytics/channels/list.html", context)


def _kept(request: HttpRequest, form: SpanForm) -> list[tuple[str, str]]:
    """The range, for the form that searches."""
    return [(name, value) for name in ("preset", "from", "to", "branch") if (value := request.GET.get(name, ""))]


@require_GET
@staff_required
def channel(request: StaffRequest, pk: int) -> HttpResponseBase:
    """One channel: what its members brought against what it cost, by day."""
    now = timezone.now()
    found = get_object_or_404(Channel, pk=pk)
    form = span_form(request, now)
    context: dict[str, Any] = {"channel": found, **span_context(request, form, now)}
    if not _is_known(request.user, found):
        raise Http404
    if form.is_valid():
        row = next((row for row in channel_rows(form, now=now) if row.figures.channel == pk), None)
        if row:
            drawn = courses(row, now=now)
            asked = request.GET.get("export", "")
            if asked in ("csv", "xlsx") and drawn:
                course = next((one for one in drawn if one.currency == request.GET.get("currency")), drawn[0])
                write = csv_response if asked == "csv" else xlsx_response
                name = f"channel-{found.pk}-{course.currency}.{asked}"
                return write(name, course.table.file_heads(), course.table.values())
            context |= {"row": row, "courses": drawn, "texts": CHANNELS, "address": form.address()}
        context["back"] = f"{reverse('analytics:channels')}?{form.address()}"
    return render(request, "console/analytics/channels/channel.html", context)


def _is_known(user: User, channel: Channel) -> bool:
    """A branch does not hear of channels that only others use."""
    if user.branch_id is None:
        return True
    spends = channel.spends.filter(branch=user.branch_id)
    return spends.exists() or Selection(user).events().filter(channel=channel).exists()


@require_GET
@staff_required
def channel_people(request: StaffRequest) -> HttpResponseBase:
    now = timezone.now()
    form = span_form(request, now)
    figure, asked = request.GET.get("figure", ""), request.GET.get("channel", "")
    is_number = asked.isascii() and asked.isdigit() and len(asked) < 19
    if figure not in FIGURES or not form.is_valid() or not (is_number or asked == ALL):
        raise Http404
    number = int(asked) if is_number else None
    code = Channel.objects.filter(pk=number).first() if number else None
    if number and (code is None or not _is_known(request.user, code)):
        raise Http404
    members = members_behind(form.scope(), form.span(), figure=figure, channel=number, now=now)
    listing = Listing(
        request,
        members,
        columns=PEOPLE_COLUMNS,
        sort="name",
        search=lambda rows, text: rows.filter(pk__in=Member.objects.matching(text).values("pk")),
    )
    if listing.export:
        return listing.export_response("members")
    name = code.code if code else (_("No channel known") if number == 0 else _("All channels"))
    first, last = form.days
    kept = [*_kept(request, form), ("figure", figure), ("channel", asked)]
    context = {
        "listing": listing,
        "behind": Behind(np.zeros(0, np.int64), [name, str(FIGURES[figure].label), f"{first} – {last}"]),
        "report_label": gettext_lazy("Channels"),
        "report_url": reverse("analytics:channels"),
        "kept": kept,
        "back": form.address(),
    }
    return render(request, "console/analytics/people.html", context)
