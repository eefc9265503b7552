"""Who got a prize, and what is to be sent."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from campaigns.prizes.forms import CancelForm
from campaigns.prizes.models import Award, AwardState, Prize
from campaigns.prizes.services import (
    addresses_exported,
    award_cancel,
    award_receive,
    award_unsend,
    awards_mark_sent,
)
from community_ops.lib.lists import Column, Filter, Listing, csv_response
from community_ops.lib.toasts import toast, warn


@require_GET
@staff_required
def awards(request: StaffRequest) -> HttpResponseBase:
    """The queue: without another choice, what waits to be sent. Exported are no addresses; those have their own way."""
    rows = Award.objects.visible_to(request.user).select_related("prize", "member", "group")
    columns: list[Column[Any]] = [
        Column("box", gettext_lazy("Choose all on this page")),
        Column("prize", gettext_lazy("Prize"), order="prize__title", value=lambda row: row.prize.title),
        Column("member", gettext_lazy("Member"), order="member__name", value=lambda row: row.member.name),
        Column(
            "group", gettext_lazy("Group"), order="group__name", value=lambda row: row.group, nullable=True, wide="lg"
        ),
        Column("reason", gettext_lazy("Reason"), value=lambda row: row.reason, wide="xl"),
        Column("awarded", gettext_lazy("Awarded"), order="awarded_at", value=lambda row: row.awarded_at, wide="md"),
        Column("state", gettext_lazy("State"), order="state", value=lambda row: row.get_state_display()),
        Column("tracking", gettext_lazy("Tracking"), value=lambda row: row.tracking, shown=False),
    ]
    prizes = Prize.objects.visible_to(request.user).order_by("title", "pk").values_list("pk", "title")
    listing = Listing(
        request,
        rows if request.GET.get("state") else rows.filter(state__in=(AwardState.ADDRESS_MISSING, AwardState.TO_SEND)),
        columns=columns,
        filters=[
            Filter(
                "state",
                gettext_lazy("State"),
                AwardState.choices,
                lambda found, value: found.filter(state=value),
                unset=gettext_lazy("Not sent yet"),
            ),
            Filter(
                "prize",
                gettext_lazy("Prize"),
                [(str(pk), title) for pk, title in prizes],
                lambda found, value: found.filter(prize=value),
            ),
        ],
        search=lambda found, text: found.filter(pk__in=Award.objects.matching(text).values("pk")),
        sort="awarded",
        id="awards",
    )
    if listing.export:
        return listing.export_response("awards")
    context = {"listing": listing, "here": request.get_full_path()}
    return render(request, "console/campaigns/prizes/awards.html", context)


@require_POST
@writer_required
def awards_sent(request: StaffRequest) -> HttpResponse:
    """Marks those that were ticked as sent."""
    target = next_address(request, reverse("campaigns:awards"))
    chosen = _chosen(request, request.POST.getlist("ids"))
    tracking = _tracking(request)
    count = awards_mark_sent(by=request.user, now=timezone.now(), awards=chosen, tracking=tracking)
    if count:
        text = ngettext("%(shown)d prize is marked as sent.", "%(shown)d prizes are marked as sent.", count)
        toast(request, text % {"shown": count})
    if not chosen:
        warn(request, _("Tick at least one row first."))
    elif count < len(chosen):
        warn(request, _("Those without an address, or that were sent meanwhile, stay as they are."))
    return redirect(target)


@require_POST
@writer_required
def addresses(request: StaffRequest) -> HttpResponseBase:
    """A file for whoever packs: all that is ready to be sent, with names and addresses. Who took it is written down."""
    ready = Award.objects.visible_to(request.user).filter(state=AwardState.TO_SEND).exclude(address="")
    rows = list(ready.select_related("prize", "member").order_by("prize__title", "awarded_at", "pk"))
    if not rows:
        warn(request, _("Nothing is ready to be sent with an address."))
        return redirect("campaigns:awards")
    addresses_exported(by=request.user, awards=rows)
    heads = [_("Number"), _("Prize"), _("Name of the recipient"), _("Phone"), _("Address")]
    lines = [[row.pk, row.prize.title, row.recipient, row.phone, row.address] for row in rows]
    response = csv_response(f"addresses-{timezone.localdate():%Y-%m-%d}.csv", heads, lines)
    response["Cache-Control"] = "no-store"
    return response


@require_http_methods(["GET", "POST"])
@staff_required
def award(request: StaffRequest, pk: int) -> HttpResponse:
    """One award: where it stands, where it goes, and what can be done. Only who may change it reads the address."""
    row = _visible(request, pk)
    form = CancelForm(request.POST if "cancel" in request.POST else None)
    if request.method == "POST":
        now, act = timezone.now(), request.POST.get("act", "")
        done = True
        if act == "sent":
            done = bool(awards_mark_sent(by=request.user, now=now, awards=[row], tracking=_tracking(request)))
        elif act == "unsent":
            done = award_unsend(by=request.user, award=row)
        elif act == "received":
            done = award_receive(by=request.user, now=now, award=row)
        elif form.is_valid():
            done = award_cancel(by=request.user, now=now, award=row, reason=form.cleaned_data["reason"])
        if not form.errors:
            if done:
                toast(request, _("It is noted."))
            else:
                warn(request, _("It is in another state by now. Look again."))
            return redirect("campaigns:award", row.pk)
    context = {"row": row, "form": form, "may_act": request.user.may_write}
    return render(request, "console/campaigns/prizes/award.html", context, status=422 if form.is_bound else 200)


@require_POST
@writer_required
def award_sent(request: StaffRequest, pk: int) -> HttpResponse:
    """Marks one as sent where it is listed; Undo takes it back."""
    row = _visible(request, pk)
    back = next_address(request, reverse("campaigns:award", args=[row.pk]))
    if awards_mark_sent(by=request.user, now=timezone.now(), awards=[row], tracking=_tracking(request)):
        undo = f"{reverse('campaigns:award_unsend', args=[row.pk])}?{urlencode({'next': back})}"
        said = _("“%(prize)s” for %(name)s is marked as sent.") % {"prize": row.prize, "name": row.member}
        toast(request, said, undo_url=undo)
    else:
        warn(request, _("It is in another state by now. Look again."))
    return redirect(back)


@require_POST
@writer_required
def award_not_sent(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    if award_unsend(by=request.user, award=row):
        toast(request, _("“%(prize)s” for %(name)s waits to be sent again.") % {"prize": row.prize, "name": row.member})
    else:
        warn(request, _("It is in another state by now. Look again."))
    return redirect(next_address(request, reverse("campaigns:award", args=[row.pk])))


def _visible(request: StaffRequest, pk: int) -> Award:
    rows = Award.objects.visible_to(request.user).select_related("prize", "member", "group")
    return get_object_or_404(rows, pk=pk)


def _tracking(request: StaffRequest) -> str:
    return request.POST.get("tracking", "").replace("\x00", "").strip()[:200]


def _chosen(request: StaffRequest, asked: list[str]) -> QuerySet[Award]:
    numbers = {int(number) for number in asked if number.isascii() and number.isdigit() and len(number) < 19}
    return Award.objects.visible_to(request.user).select_related("prize").filter(pk__in=numbers)
