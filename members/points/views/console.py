"""Points in the console: of one member, and of all."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import StaffRequest, role_required, staff_required
from accounts.models import Role
from accounts.views.policies import policy_page
from community_ops.lib.lists import Column, Listing
from community_ops.lib.toasts import toast
from members.models import Member
from members.points.ceilings import ceiling_of, has_ceiling
from members.points.forms import BookForm, CeilingForm
from members.points.models import Account, Transfer
from members.points.policy import PointsPolicy
from members.points.reasons import words_for
from members.points.selectors import held_by_purpose, ledger_check, may_book, moved_since
from members.points.services import BeyondCeiling, NotEnoughPoints, points_book, points_of

MONTH = timedelta(days=30)


@require_http_methods(["GET", "POST"])
@staff_required
def member_points(request: StaffRequest, pk: int) -> HttpResponseBase:
    """What a member holds and every entry; who may gives or takes by hand."""
    member = get_object_or_404(Member.objects.visible_to(request.user), pk=pk)
    may_act = member.erased_at is None and may_book(request.user, [member])
    form = BookForm(request.POST or None, initial={"once": uuid.uuid4().hex})
    if request.method == "POST" and not may_act:
        raise PermissionDenied
    if form.is_valid():
        data = form.cleaned_data
        try:
            points_book(
                by=request.user,
                now=timezone.now(),
                member=member,
                points=data["points"],
                reason=data["reason"],
                key=data["once"],
            )
        except NotEnoughPoints as error:
            form.add_error(
                "points", _("%(name)s holds %(points)s only.") % {"name": member, "points": f"{error.balance:,}"}
            )
        except BeyondCeiling as error:
            form.add_error("points", _beyond(error.left))
        except ValueError:
            form.add_error(None, _("This form was sent before with other points. Open the page again."))
        else:
            text = ngettext("%(shown)s point booked.", "%(shown)s points booked.", abs(data["points"]))
            toast(request, text % {"shown": f"{abs(data['points']):,}"})
            return redirect("members:member_points", member.pk)
    listing = _listing(request, member)
    if listing.export:
        return listing.export_response("points")
    context = {
        "member": member,
        "listing": listing,
        "rows": [(*words_for(row), row) for row in listing.rows],
        "balance": points_of(member),
        "form": form,
        "may_act": may_act,
        "ceiling": ceiling_of(user=request.user, now=timezone.now()) if has_ceiling(request.user) else None,
    }
    status = 422 if form.is_bound else 200
    return render(request, "console/members/points.html", context, status=status)


def _beyond(left: int) -> str:
    if not left:
        return _("You have booked all that you may by hand today. Ask an administrator of headquarters for more.")
    text = ngettext(
        "You may book %(shown)s point now. Ask an administrator of headquarters for more.",
        "You may book %(shown)s points now. Ask an administrator of headquarters for more.",
        left,
    )
    return text % {"shown": f"{left:,}"}


def _listing(request: StaffRequest, member: Member) -> Listing[Any]:
    account = Account.objects.filter(member=member).first()
    rows = Transfer.objects.of(account).signed(account) if account else Transfer.objects.none()
    columns: list[Column[Any]] = [
        Column("at", gettext_lazy("Time"), order="at", value=lambda row: row.at),
        Column("reason", gettext_lazy("What for"), value=lambda row: " · ".join(filter(None, words_for(row)))),
        Column("by", gettext_lazy("By"), value=lambda row: row.by, wide="md"),
        Column("points", pgettext_lazy("ledger", "Points"), value=lambda row: row.change, number=True),
    ]
    return Listing(request, rows.select_related("by"), columns=columns, sort="-at", id="points")


@require_GET
@staff_required
def points_part(request: StaffRequest, pk: int) -> HttpResponse:
    """What a member holds: a card on the member's page."""
    member = get_object_or_404(Member.objects.visible_to(request.user), pk=pk)
    return render(request, "console/members/points_of_member.html", {"member": member, "balance": points_of(member)})


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def ceilings(request: StaffRequest) -> HttpResponse:
    """How much may be booked by hand."""
    return policy_page(
        request,
        policy=PointsPolicy,
        form_type=CeilingForm,
        template="console/members/points_by_hand.html",
        saved=_("The ceilings are saved. They hold from now on."),
        to="members:points_by_hand",
    )


@require_GET
@role_required(Role.ADMIN)
def ledger(request: StaffRequest) -> HttpResponse:
    """Where all points are, what they moved for, and whether the books are right."""
    if not request.user.is_headquarters:
        raise PermissionDenied
    now = timezone.now()
    context = {
        "held": held_by_purpose(),
        "moved": moved_since(now - MONTH),
        "check": ledger_check(),
        "days": MONTH.days,
    }
    return render(request, "console/members/points_ledger.html", context)
