"""What members need, on their phones: they write it, and read what was replied."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from members.feedback.models import LONGEST_NEED, NeedAsk, NeedCategory, NeedReceipt
from members.feedback.services import need_write, receipts_see
from members.visitors.http import Visit, for_members

SHOWN = 50


@require_GET
@for_members
def feedback(request: HttpRequest, visit: Visit) -> HttpResponse:
    return _page(request, visit)


@require_POST
@for_members
def write(request: HttpRequest, visit: Visit) -> HttpResponse:
    text, asked = request.POST.get("text", ""), request.POST.get("category", "")
    known = asked.isascii() and asked.isdigit() and len(asked) < 19
    category = NeedCategory.objects.in_use().filter(pk=int(asked)).first() if known else None
    try:
        need_write(now=timezone.now(), member=visit.member, group=visit.group, text=text, category=category)
    except ValidationError as error:
        return _page(request, visit, 422, typed=text, chosen=category, problem=error.messages[0])
    return redirect(f"{reverse('member:feedback', args=[visit.group.page_token])}?sent=1")


def _page(request: HttpRequest, visit: Visit, status: int = 200, **more: Any) -> HttpResponse:
    asks = list(
        NeedAsk.objects.filter(member=visit.member, group=visit.group)
        .select_related("need__category")
        .order_by("-at", "-pk")[:SHOWN]
    )
    receipts = NeedReceipt.objects.filter(member=visit.member, reply__need__in=[ask.need_id for ask in asks])
    held: dict[int, list[NeedReceipt]] = {}
    unseen = []
    for receipt in receipts.select_related("reply").order_by("reply__at", "pk"):
        held.setdefault(receipt.reply.need_id, []).append(receipt)
        unseen += [receipt] if receipt.seen_at is None else []
    # A need that somebody asked for twice shows its replies once.
    shown = [(ask, held.pop(ask.need_id, [])) for ask in asks]
    if unseen:
        receipts_see(now=timezone.now(), receipts=unseen)
    context = {
        "visit": visit,
        "group": visit.group,
        "asks": shown,
        "categories": list(NeedCategory.objects.in_use()),
        "longest": LONGEST_NEED,
        "is_sent": request.GET.get("sent") == "1",
        **more,
    }
    return render(request, "member/members/feedback.html", context, status=status)
