"""The question that a member answers before taking part."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from community_ops.lib.unlisted import unlisted
from groups.models import Group
from members.consent.services import text_in_force
from members.privacy.retention import periods

# The periods that members can make sense of; the others are about work of staff.
SHOWN = ("applications", "evidence", "messages", "exports", "notes")


def question(after: str) -> dict[str, Any]:
    """What the page of the question shows; `after` is where the member goes on."""
    shown = [period for period in periods() if period.kind.slug in SHOWN]
    return {"text": text_in_force(), "after": after, "periods": shown}


def asked_first(request: HttpRequest, group: Group | None = None) -> HttpResponse:
    """In place of a page that only those open who agreed: the question. Nothing of what was sent was done."""
    home = reverse("member:group", args=[group.page_token]) if group else reverse("member:me")
    after = request.get_full_path() if request.method == "GET" else home
    context = question(after) | {"group": group, "was_sent": request.method != "GET"}
    return unlisted(render(request, "member/members/consent.html", context, status=403))
