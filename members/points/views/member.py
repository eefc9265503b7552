"""A member's points and titles."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from members.models import Member, Membership
from members.points.models import Account, Transfer
from members.points.reasons import words_for
from members.visitors.http import for_visitors

PAGE = 30


@require_GET
@for_visitors
def points(request: HttpRequest, member: Member) -> HttpResponse:
    account = Account.objects.filter(member=member).with_balance().first()
    entries = Transfer.objects.of(account).signed(account) if account else Transfer.objects.none()
    page = Paginator(entries, PAGE).get_page(request.GET.get("page"))
    titled = Membership.objects.present().filter(member=member).exclude(title="").select_related("group")
    context = {
        "member": member,
        "balance": account.held if account else 0,
        "page": page,
        "entries": [(*words_for(row), row) for row in page.object_list],
        "titled": list(titled.order_by("group__name", "pk")),
    }
    return render(request, "member/members/points.html", context)
