"""The orders of a member, loaded into their page."""

from __future__ import annotations

from django.db.models import Count, Sum
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from campaigns.orders.models import Order
from members.models import Member

SHOWN = 20


@require_GET
@staff_required
def member_orders(request: StaffRequest, pk: int) -> HttpResponse:
    member = get_object_or_404(Member.objects.visible_to(request.user), pk=pk)
    orders = Order.objects.filter(member=member)
    totals = orders.values("currency").annotate(total=Sum("amount"), orders=Count("pk")).order_by("currency")
    context = {"orders": orders.order_by("-ordered_at", "-pk")[:SHOWN], "totals": totals, "shown": SHOWN}
    return render(request, "console/campaigns/member_orders.html", context)
