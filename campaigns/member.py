"""The page of a group that members open on their phone from a link or a code."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from community_ops.lib.unlisted import unlisted
from delivery.models import FeedItem
from groups.models import Group
from members.entry.models import EntryPlan
from members.entry.selectors import rules_of, titled_members
from members.visitors.http import visit_of, visitor_of, wechat_door
from members.visitors.tiles import tiles_of

PAGE = 20


@require_GET
def group_page(request: HttpRequest, token: str) -> HttpResponse:
    """Purpose, promise and posts of a group. The token in the address is the key: it cannot be guessed."""
    group = get_object_or_404(Group.objects.open(), page_token=token)
    asked = request.GET.get("page", "")
    page = int(asked) if asked.isascii() and asked.isdigit() and 0 < len(asked) < 5 else 1
    start = (max(page, 1) - 1) * PAGE
    found = list(FeedItem.objects.of_group(group.pk)[start : start + PAGE + 1])
    visit = visit_of(request, group)
    stranger = visit is None and page <= 1
    context = {
        "group": group,
        "visitor": visitor_of(request),
        "is_open": stranger and EntryPlan.objects.filter(group=group, is_open=True).exists(),
        "wechat": wechat_door(request) if stranger else "",
        "visit": visit,
        "tiles": tiles_of(visit, timezone.now()) if visit and page <= 1 else [],
        "titled": titled_members(group) if page <= 1 else [],
        "rules": rules_of(group)[1] if page <= 1 else [],
        "items": found[:PAGE],
        "page": max(page, 1),
        "older": page + 1 if found[PAGE:] else None,
    }
    return unlisted(render(request, "member/campaigns/group.html", context), personal=visit is not None)
