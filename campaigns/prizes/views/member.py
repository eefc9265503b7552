"""A member's prizes, and those that can be had for points."""

from __future__ import annotations

import uuid

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns.prizes.forms import AddressForm
from campaigns.prizes.models import Award, AwardState, Prize
from campaigns.prizes.services import NotOffered, OutOfStock, award_address_set, award_receive, prize_buy
from groups.models import Group
from members.models import Member, Membership
from members.points.services import NotEnoughPoints, points_of
from members.visitors.http import for_visitors

OPEN = (AwardState.ADDRESS_MISSING, AwardState.TO_SEND)


def _groups(member: Member) -> QuerySet[Group]:
    present = Membership.objects.present().filter(member=member)
    return Group.objects.open().filter(pk__in=present.values("group"))


def _offered(member: Member) -> QuerySet[Prize]:
    """What a member of these groups can take for points."""
    groups = _groups(member)
    mine = Q(branch__in=groups.values("branch")) | (Q(branch=None) if groups.exists() else Q(pk__in=[]))
    return Prize.objects.buyable().filter(mine).select_related("picture").order_by("points_price", "title", "pk")


@require_GET
@for_visitors
def prizes(request: HttpRequest, member: Member) -> HttpResponse:
    awards = Award.objects.filter(member=member).standing().select_related("prize__picture")
    context = {
        "member": member,
        "balance": points_of(member),
        "awards": list(awards),
        "offered": list(_offered(member)[:100]),
    }
    return render(request, "member/campaigns/prizes.html", context)


@require_http_methods(["GET", "POST"])
@for_visitors
def offer(request: HttpRequest, member: Member, pk: int) -> HttpResponse:
    """What is to be taken and what it costs, before it is taken."""
    prize = get_object_or_404(_offered(member), pk=pk)
    once = request.POST.get("once", "")
    refusal = ""
    if request.method == "POST" and len(once) == 32 and once.isalnum():
        shown = request.POST.get("price", "")
        group = _groups(member).filter(Q(branch=prize.branch_id) if prize.branch_id else Q()).order_by("pk").first()
        try:
            made = prize_buy(
                prize=prize,
                member=member,
                group=group,
                key=f"buy:{member.pk}:{once}",
                price=int(shown) if shown.isascii() and shown.isdigit() and len(shown) < 10 else 0,
                reason=_("Taken for points"),
                now=timezone.now(),
            )
        except NotEnoughPoints:
            refusal = _("You do not have enough points for it yet.")
        except OutOfStock:
            refusal = _("Somebody was quicker: nothing is left of it.")
        except NotOffered:
            refusal = _("The offer has changed meanwhile. Look at it again.")
        else:
            return redirect("member:award", made.pk)
    context = {
        "prize": prize,
        "balance": points_of(member),
        "once": once if refusal else uuid.uuid4().hex,
        "refusal": refusal,
    }
    return render(request, "member/campaigns/prize_offer.html", context, status=409 if refusal else 200)


@require_http_methods(["GET", "POST"])
@for_visitors
def award(request: HttpRequest, member: Member, pk: int) -> HttpResponse:
    """One prize of the member's own; the address can be changed until it is sent."""
    row = get_object_or_404(Award.objects.filter(member=member).select_related("prize__picture"), pk=pk)
    names = ("recipient", "phone", "address")
    form = AddressForm(request.POST or None, initial={name: getattr(row, name) for name in names})
    is_late = False
    if form.is_valid() and row.prize.needs_address:
        data = form.cleaned_data
        if award_address_set(now=timezone.now(), award=row, **{name: data[name] for name in names}):
            return redirect("member:award", row.pk)
        is_late = True
    context = {
        "row": row,
        "form": form,
        "asks": row.prize.needs_address and row.state in OPEN,
        "is_late": is_late,
    }
    return render(
        request, "member/campaigns/award.html", context, status=409 if is_late else 422 if form.errors else 200
    )


@require_POST
@for_visitors
def award_received(request: HttpRequest, member: Member, pk: int) -> HttpResponse:
    row = get_object_or_404(Award.objects.filter(member=member), pk=pk)
    award_receive(now=timezone.now(), award=row)
    return redirect("member:award", row.pk)
