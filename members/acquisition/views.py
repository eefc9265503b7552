"""What was spent on channels, in the console: read by all staff, written down by those who may change something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from accounts.models import Branch
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from members.acquisition.doubts import channels_new
from members.acquisition.forms import SpendForm
from members.acquisition.models import ChannelSpend
from members.acquisition.offered import channels_offered
from members.acquisition.services import StaleSpend, spend_record, spend_remove, spend_restore, spend_update

HEADQUARTERS = "none"
OFFERED = 1000

COLUMNS: list[Column[ChannelSpend]] = [
    Column("channel", gettext_lazy("Channel"), order="channel__code", value=lambda row: row.channel.code),
    Column("first", gettext_lazy("First day"), order="first_day", value=lambda row: row.first_day),
    Column("last", gettext_lazy("Last day"), order="last_day", value=lambda row: row.last_day, wide="sm"),
    Column("amount", gettext_lazy("Amount"), order="amount", value=lambda row: row.amount, number=True),
    Column("currency", gettext_lazy("Currency"), order="currency", value=lambda row: row.currency, wide="md"),
    Column(
        "branch",
        gettext_lazy("Branch"),
        order="branch__name",
        value=lambda row: row.branch.name if row.branch else "",
        nullable=True,
        wide="lg",
    ),
    Column("note", pgettext_lazy("spend", "Note"), value=lambda row: row.note, wide="md"),
    Column("by", gettext_lazy("By"), value=lambda row: str(row.created_by or ""), wide="xl"),
]


@require_GET
@staff_required
def spends(request: StaffRequest) -> HttpResponseBase:
    user = request.user
    rows = ChannelSpend.objects.visible_to(user).in_force().select_related("channel", "branch", "created_by")
    currencies = rows.order_by("currency").values_list("currency", "currency").distinct()
    filters: list[Filter[ChannelSpend]] = [
        Filter(
            "currency", gettext_lazy("Currency"), list(currencies), lambda found, value: found.filter(currency=value)
        )
    ]
    if user.is_headquarters:
        branches: list[tuple[Any, Any]] = [*Branch.objects.visible_to(user).values_list("pk", "name")]
        filters.append(
            Filter(
                "branch",
                gettext_lazy("Branch"),
                [*branches, (HEADQUARTERS, gettext_lazy("The whole brand"))],
                lambda found, value: found.filter(branch=None if value == HEADQUARTERS else int(value)),
            )
        )
    listing = Listing(
        request,
        rows,
        columns=[column for column in COLUMNS if column.key != "branch" or user.is_headquarters],
        filters=filters,
        search=lambda found, text: found.matching(text),  # type: ignore[attr-defined]
        sort="-first",
    )
    if listing.export:
        return listing.export_response("spend")
    return render(request, "console/members/acquisition/list.html", {"listing": listing})


@require_http_methods(["GET", "POST"])
@writer_required
def spend_new(request: StaffRequest) -> HttpResponse:
    now = timezone.now()
    initial = {"channel": request.GET.get("channel", "")[:100]}
    form = SpendForm(request.POST or None, user=request.user, now=now, initial=initial)
    if form.is_valid():
        new = channels_new([form.cleaned_data["channel"]], by=request.user)
        try:
            spend = spend_record(by=request.user, now=now, **form.values())
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The spend on %(channel)s is written down.") % {"channel": spend.channel})
            _say_new(request, new)
            return redirect("members:spends")
    return _form(request, form, None)


@require_http_methods(["GET", "POST"])
@writer_required
def spend_edit(request: StaffRequest, pk: int) -> HttpResponse:
    spend = _visible(request, pk)
    now = timezone.now()
    form = SpendForm(request.POST or None, user=request.user, now=now, spend=spend)
    if form.is_valid():
        new = channels_new([form.cleaned_data["channel"]], by=request.user)
        try:
            spend_update(
                by=request.user,
                now=now,
                spend=spend,
                version=form.cleaned_data["version"] or 0,
                changes=form.values(),
            )
        except ValidationError as error:
            add_errors(form, error)
        except StaleSpend:
            form.add_error(None, _("Somebody else has changed it meanwhile. Copy what you wrote, and open it again."))
        else:
            toast(request, _("The spend on %(channel)s is saved.") % {"channel": form.cleaned_data["channel"]})
            _say_new(request, new)
            return redirect("members:spends")
    return _form(request, form, spend)


def _say_new(request: StaffRequest, new: Mapping[str, str]) -> None:
    """A typing mistake makes a channel of its own: whoever made one notices."""
    for code, known in new.items():
        if known:
            text = _("The channel %(channel)s is new. %(known)s is close to it: change the spend if you meant it.")
            warn(request, text % {"channel": code, "known": known})
        else:
            toast(request, _("The channel %(channel)s is new.") % {"channel": code})


def _form(request: StaffRequest, form: SpendForm, spend: ChannelSpend | None) -> HttpResponse:
    codes = channels_offered(request.user).values_list("code", flat=True)[:OFFERED]
    context = {"form": form, "spend": spend, "codes": codes}
    status = 422 if form.is_bound else 200
    return render(request, "console/members/acquisition/form.html", context, status=status)


@require_POST
@writer_required
def spend_end(request: StaffRequest, pk: int) -> HttpResponse:
    spend = _visible(request, pk)
    if spend_remove(by=request.user, now=timezone.now(), spend=spend):
        words = _("%(amount)s %(currency)s on %(channel)s is removed from all reports.")
        named = {"amount": f"{spend.amount:,.2f}", "currency": spend.currency, "channel": spend.channel}
        toast(request, words % named, undo_url=reverse("members:spend_restore", args=[pk]))
    else:
        warn(request, _("It was removed before."))
    return redirect("members:spends")


@require_POST
@writer_required
def spend_back(request: StaffRequest, pk: int) -> HttpResponse:
    spend = _visible(request, pk)
    if spend_restore(by=request.user, spend=spend):
        toast(request, _("The spend on %(channel)s is back.") % {"channel": spend.channel})
    return redirect("members:spends")


def _visible(request: StaffRequest, pk: int) -> ChannelSpend:
    return get_object_or_404(ChannelSpend.objects.visible_to(request.user).select_related("channel", "branch"), pk=pk)
