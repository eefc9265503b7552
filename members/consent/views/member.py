"""A member reads the text, agrees to it, and takes that back as easily."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import next_address
from community_ops.lib.unlisted import unlisted
from members.consent.asking import question
from members.consent.models import Consent
from members.consent.services import consent_give, consent_withdraw
from members.visitors.http import nobody, session_of, visitor_of


@require_http_methods(["GET", "POST"])
def consent(request: HttpRequest) -> HttpResponse:
    """The text in force, and where the member stands; POST agrees to the version that the form names."""
    visitor = visitor_of(request)
    session = session_of(request)
    if visitor is None or session is None:
        return nobody(request)
    after = next_address(request, reverse("member:me"))
    if request.method == "POST":
        asked = request.POST.get("version", "")
        version = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0
        given = consent_give(now=timezone.now(), member=visitor, version=version, channel=session.opened_by)
        if given is not None:
            return unlisted(redirect(after))
    context = question(after) | {
        "given": Consent.objects.standing()
        .filter(member=visitor)
        .select_related("text")
        .order_by("-text__version")
        .first(),
        "is_newer": request.method == "POST",
    }
    status = 409 if request.method == "POST" else 200
    return unlisted(render(request, "member/members/consent.html", context, status=status))


@require_POST
def withdraw(request: HttpRequest) -> HttpResponse:
    visitor = visitor_of(request)
    if visitor is None:
        return nobody(request)
    consent_withdraw(now=timezone.now(), member=visitor)
    return unlisted(redirect("member:consent"))
