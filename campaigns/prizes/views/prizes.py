"""Prizes in the console."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from accounts.models import Branch
from campaigns.prizes.forms import PrizeForm, StockForm
from campaigns.prizes.models import Award, AwardState, Prize
from campaigns.prizes.services import OutOfStock, StalePrize, prize_create, prize_update, stock_add, stock_set
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast
from delivery.models import Picture
from delivery.services.pictures import picture_create


@require_GET
@staff_required
def prizes(request: StaffRequest) -> HttpResponseBase:
    columns: list[Column[Any]] = [
        Column("title", gettext_lazy("Prize"), order="title", value=lambda row: row.title),
        Column(
            "branch",
            gettext_lazy("Branch"),
            order="branch__name",
            value=lambda row: row.branch,
            nullable=True,
            wide="md",
        ),
        Column("left", pgettext_lazy("stock", "Left"), value=lambda row: row.left, number=True),
        Column(
            "awarded", gettext_lazy("Awarded"), order="awarded", value=lambda row: row.awarded, number=True, wide="sm"
        ),
        Column(
            "price",
            gettext_lazy("Price in points"),
            order="points_price",
            value=lambda row: row.points_price,
            number=True,
            nullable=True,
            wide="sm",
        ),
        Column("open", gettext_lazy("State"), order="is_open", value=lambda row: _state(row)),
    ]
    listing = Listing(
        request,
        Prize.objects.visible_to(request.user).select_related("branch", "picture"),
        columns=columns,
        filters=[
            Filter(
                "state",
                gettext_lazy("State"),
                [
                    ("open", gettext_lazy("On offer")),
                    ("closed", gettext_lazy("Not on offer")),
                    ("gone", gettext_lazy("Nothing left")),
                ],
                _of_state,
            )
        ],
        search=lambda found, text: found.filter(pk__in=Prize.objects.matching(text).values("pk")),
        sort="title",
        id="prizes",
    )
    if listing.export:
        return listing.export_response("prizes")
    return render(request, "console/campaigns/prizes/list.html", {"listing": listing})


def _state(prize: Prize) -> str:
    return _("On offer") if prize.is_open else _("Not on offer")


def _of_state(found: Any, value: str) -> Any:
    if value == "gone":
        return found.exclude(pk__in=Prize.objects.in_stock().values("pk"))
    return found.filter(is_open=value == "open")


@require_http_methods(["GET", "POST"])
@writer_required
def prize_new(request: StaffRequest) -> HttpResponse:
    form = PrizeForm(request.POST or None, request.FILES or None, user=request.user)
    if form.is_valid():
        data = form.cleaned_data
        branch = data["branch"] if request.user.is_headquarters else request.user.branch
        try:
            prize = prize_create(
                by=request.user,
                now=timezone.now(),
                title=data["title"],
                text=data["text"],
                picture=_picture(form, branch, None),
                branch=branch,
                stock=data["stock"],
                needs_address=data["needs_address"],
                points_price=data["points_price"],
                is_open=data["is_open"],
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The prize is there."))
            return redirect("campaigns:prize", prize.pk)
    status = 422 if form.is_bound else 200
    return render(request, "console/campaigns/prizes/form.html", {"form": form, "prize": None}, status=status)


@require_http_methods(["GET", "POST"])
@staff_required
def prize(request: StaffRequest, pk: int) -> HttpResponse:
    """What it is, how many are left, and who got one."""
    row = _visible(request, pk)
    if request.method == "POST":
        _hold_to_role(request, row)
    form = PrizeForm(request.POST or None, request.FILES or None, user=request.user, prize=row)
    if form.is_valid():
        data = form.cleaned_data
        names = ("title", "text", "points_price", "needs_address", "is_open")
        try:
            changes = {name: data[name] for name in names} | {"picture": _picture(form, row.branch, row.picture)}
            prize_update(by=request.user, prize=row, changes=changes, version=data["version"] or 0)
        except ValidationError as error:
            add_errors(form, error)
        except StalePrize:
            form.add_error(None, _("Somebody else has changed it meanwhile. Copy what you wrote, and open it again."))
        else:
            toast(request, _("The prize is saved."))
            return redirect("campaigns:prize", row.pk)
    return _page(request, row, form, StockForm())


def _page(request: StaffRequest, row: Prize, form: PrizeForm, stock: StockForm) -> HttpResponse:
    awards = Award.objects.visible_to(request.user).filter(prize=row)
    context = {
        "prize": row,
        "form": form,
        "stock": stock,
        "may_act": _may(request, row),
        "newest": awards.standing().select_related("member", "group")[:10],
        "waiting": awards.filter(state__in=(AwardState.ADDRESS_MISSING, AwardState.TO_SEND)).count(),
    }
    status = 422 if form.is_bound or stock.is_bound else 200
    return render(request, "console/campaigns/prizes/form.html", context, status=status)


@require_POST
@writer_required
def prize_stock(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    _hold_to_role(request, row)
    stock = StockForm(request.POST)
    if stock.is_valid():
        how, number, reason = (stock.cleaned_data[name] for name in ("how", "number", "reason"))
        try:
            if how == "add":
                stock_add(by=request.user, prize=row, number=number, reason=reason)
            else:
                stock_set(by=request.user, prize=row, left=None if how == "free" else number, reason=reason)
        except OutOfStock:
            stock.add_error("number", _("Fewer are left than that, or there is no limit."))
        else:
            toast(request, _("The stock is changed."))
            return redirect("campaigns:prize", row.pk)
    return _page(request, row, PrizeForm(user=request.user, prize=row), stock)


def _picture(form: PrizeForm, branch: Branch | None, before: Picture | None) -> Picture | None:
    if upload := form.cleaned_data["picture"]:
        try:
            return picture_create(file=upload, branch_id=branch.pk if branch else None, now=timezone.now())
        except ValidationError as error:
            raise ValidationError({"picture": error.messages}) from error
    return None if form.cleaned_data["picture_remove"] else before


def _visible(request: StaffRequest, pk: int) -> Prize:
    return get_object_or_404(Prize.objects.visible_to(request.user).select_related("branch", "picture"), pk=pk)


def _may(request: StaffRequest, row: Prize) -> bool:
    return Prize.objects.changeable_by(request.user).filter(pk=row.pk).exists()


def _hold_to_role(request: StaffRequest, row: Prize) -> None:
    if not _may(request, row):
        raise PermissionDenied
