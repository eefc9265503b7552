"""Channels in the console: all of them, one of them, and the members behind a figure."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404
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
from analytics.channels.definitions import CHANGE, CHANNEL, CHANNELS, FIGURE_TEXTS
from analytics.channels.forms import SpanForm
from analytics.channels.page import channel_page, channel_rows, headline, whole_row
from analytics.channels.people import FIGURES, members_behind
from analytics.forms import is_number
from analytics.pages.frame import frame_of
from analytics.pages.people import ORDERS, Behind
from analytics.pages.rows import RowListing
from analytics.views.console import people_listing
from community_ops.lib.lists import Column, csv_response, xlsx_response
from members.acquisition.offered import channels_offered
from members.models import Member

ALL = "all"
# Columns that say how they stand against the range before.
CHANGING = ("clicked", "joins", "friends", "orders", "revenue", "spend")


def _columns() -> list[Column[Any]]:
    def column(name: str, label: Any, value: str = "") -> Column[Any]:
        """In files a number as the list sorts it; money in words, with its currency, from the attribute `value`."""
        return Column(
            name,
            label,
            order=f"sort_{name}",
            value=attrgetter(f"sort_{name}") if not value else lambda row: str(getattr(row, value)),
            number=True,
            definition=FIGURE_TEXTS[name],
            how=CHANGE if name in CHANGING else "",
        )

    return [
        Column("name", gettext_lazy("Channel"), order="name", value=attrgetter("name"), definition=CHANNEL),
        column("clicked", gettext_lazy("Clicked a link")),
        column("joins", gettext_lazy("Joined")),
        column("friends", gettext_lazy("Friends")),
        column("orders", gettext_lazy("Orders")),
        column("revenue", gettext_lazy("Revenue"), "revenue"),
        column("spend", gettext_lazy("Spend"), "spend"),
        column("per_join", gettext_lazy("Cost per join"), "per_join"),
        column("per_friend", gettext_lazy("Cost per friend"), "per_friend"),
        column("per_order", gettext_lazy("Cost per order"), "per_order"),
        column("per_member", gettext_lazy("Revenue per member"), "per_member"),
        column("payback", gettext_lazy("Paid back"), "payback_words"),
    ]


def _asked(request: StaffRequest) -> tuple[SpanForm, dict[str, Any]]:
    """The question of this page, and its frame."""
    now, zone = timezone.now(), ZoneInfo(settings.TIME_ZONE)
    form = SpanForm(request.GET, user=request.user, now=now, zone=zone)
    return form, frame_of(request, form, now=now, zone=zone)


@require_GET
@staff_required
def channels(request: StaffRequest) -> HttpResponseBase:
    """Which channel pays?"""
    form, context = _asked(request)
    if form.is_valid():
        rows = channel_rows(form, now=form.now)
        listing = RowListing(
            request,
            rows,
            columns=_columns(),
            search=lambda found, text: [row for row in found if text.casefold() in row.name.casefold()],
            sort="-joins",
            id="report",
        )
        if listing.export:
            return listing.export_response("channels")
        told, quickest = headline(rows)
        context |= {
            "page": listing,
            "listing": listing,
            "whole": whole_row(rows, form),
            "headline": told,
            "quickest": quickest,
            "texts": CHANNELS,
        }
    return render(request, "console/analytics/channels/list.html", context)


@require_GET
@staff_required
def channel(request: StaffRequest, pk: int) -> HttpResponseBase:
    """One channel: what its members brought against what it cost, by day."""
    found = get_object_or_404(Channel, pk=pk)
    if not _is_known(request.user, found):
        raise Http404
    form, context = _asked(request)
    context["channel"] = found
    facts = context["facts"]
    if facts is not None:
        page = channel_page(form, pk)
        asked = request.GET.get("export", "")
        if asked in ("csv", "xlsx") and page.courses:
            course = next((one for one in page.courses if one.currency == request.GET.get("currency")), page.courses[0])
            write = csv_response if asked == "csv" else xlsx_response
            name = f"channel-{found.pk}-{course.currency}.{asked}"
            return write(name, course.table.file_heads(), course.table.values())
        context |= {
            "page": page,
            "facts": replace(facts, filters=[(_("Channel"), found.code), *facts.filters]),
            "columns": _columns()[1:],
            "texts": CHANNELS,
            "address": form.address(),
            "back": f"{reverse('analytics:channels')}?{form.address()}",
        }
    return render(request, "console/analytics/channels/channel.html", context)


def _is_known(user: User, channel: Channel) -> bool:
    return channels_offered(user).filter(pk=channel.pk).exists()


@require_GET
@staff_required
def channel_people(request: StaffRequest) -> HttpResponseBase:
    form, found, members = asked_people(request)
    listing = people_listing(request, members)
    if listing.export:
        return listing.export_response("members")
    asked = request.GET.copy()
    asked["report"] = "channels"
    span = [(name, value) for name in ("preset", "from", "to", "branch") if (value := request.GET.get(name, ""))]
    context = {
        "listing": listing,
        "behind": found,
        "report_label": gettext_lazy("Channels"),
        "report_url": reverse("analytics:channels"),
        "kept": [*span, *((name, request.GET[name]) for name in ("figure", "channel"))],
        "back": form.address(),
        "asked": asked.urlencode(),
    }
    return render(request, "console/analytics/people.html", context)


def asked_people(request: StaffRequest) -> tuple[SpanForm, Behind, QuerySet[Member]]:
    """The members behind the figure of a channel that an address points at. Raises Http404."""
    form, _frame = _asked(request)
    figure, asked = request.GET.get("figure", ""), request.GET.get("channel", "")
    if figure not in FIGURES or not form.is_valid() or not (is_number(asked) or asked == ALL):
        raise Http404
    number = int(asked) if asked != ALL else None
    code = Channel.objects.filter(pk=number).first() if number else None
    if number and (code is None or not _is_known(request.user, code)):
        raise Http404
    members = members_behind(form.scope(), form.span(), figure=figure, channel=number, now=form.now)
    name = code.code if code else (_("No channel known") if number == 0 else _("All channels"))
    first, last = form.days
    words = [name, str(FIGURES[figure].label), f"{first} – {last}"]
    return form, Behind(members, words, ORDERS if figure == "buyers" else ""), members
