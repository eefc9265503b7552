"""The weekly digest: what a person chooses in their profile, the letters, and the way out that each of them carries."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required
from analytics.digest.forms import DigestForm
from analytics.digest.letter import digest_of_token, letter_of
from analytics.digest.models import Digest, DigestMail, MailState
from analytics.digest.services import (
    digest_get,
    digest_set,
    digest_stop,
    mail_again,
    mail_draft,
    mail_is_set_up,
    mail_now,
)
from analytics.digest.words import reason_words
from analytics.health.days import zone
from analytics.pages.parts import zone_words
from analytics.tasks import enqueue_digest
from community_ops.lib.toasts import toast, warn
from community_ops.lib.unlisted import unlisted

SHOWN = 5
UNDER_WAY = (MailState.DUE, MailState.WRITING, MailState.SENDING)
# So long a page looks after a letter that is due; then no worker seems to run.
LOOKED_AFTER = timedelta(minutes=5)


@require_http_methods(["GET", "POST"])
@staff_required(readers_may_post=True)
def digest(request: StaffRequest) -> HttpResponse:
    """A page of its own, and a part of the profile."""
    now = timezone.now()
    chosen = digest_get(request.user, now=now)
    form = DigestForm(request.POST or None, digest=chosen)
    if request.method == "POST" and form.is_valid():
        digest_set(user=request.user, now=now, **form.cleaned_data)
        text = _("The weekly digest is on.") if form.cleaned_data["is_on"] else _("The weekly digest is off.")
        toast(request, text)
        return redirect("accounts:profile")
    return _shown(request, form, chosen, now)


def _shown(request: StaffRequest, form: DigestForm, chosen: Digest, now: datetime) -> HttpResponse:
    context = {"form": form, "zone": zone_words(zone(), now), **_letters(request, now, chosen)}
    template = "part" if request.htmx else "page"
    return render(request, f"console/analytics/digest/{template}.html", context, status=422 if form.is_bound else 200)


def _letters(request: StaffRequest, now: datetime, chosen: Digest) -> dict[str, Any]:
    """What the letters of late are drawn from."""
    mails = DigestMail.objects.filter(user=request.user).order_by(Coalesce("asked_at", "due_at").desc())[:SHOWN]
    return {
        "chosen": chosen,
        "is_set_up": mail_is_set_up(),
        "mails": [(mail, reason_words(mail)) for mail in mails],
        "again": (MailState.UNKNOWN, MailState.FAILED),
        "is_moving": any(
            mail.state in UNDER_WAY and mail.next_at <= now < mail.next_at + LOOKED_AFTER for mail in mails
        ),
    }


@require_GET
@staff_required
def digest_letter(request: StaffRequest) -> HttpResponse:
    """The letter that was due last, as its reader's mail program shows it."""
    now = timezone.now()
    chosen = digest_get(request.user, now=now)
    html = str(letter_of(chosen, mail_draft(chosen, now=now), now=now).alternatives[0][0])
    response = HttpResponse(html)
    # A letter carries its style along, which the policy of the console's pages would refuse.
    styles = [
        b64encode(sha256(style.encode()).digest()).decode() for style in re.findall(r"<style>(.*?)</style>", html, re.S)
    ]
    allowed = " ".join(f"'sha256-{style}'" for style in styles)
    response["Content-Security-Policy"] = f"default-src 'none'; style-src {allowed}; frame-ancestors 'none'"
    return response


@require_GET
@staff_required
def digest_letters(request: StaffRequest) -> HttpResponse:
    """How the letters stand: the part of the page that asks again while one is on its way."""
    now = timezone.now()
    context = _letters(request, now, digest_get(request.user, now=now))
    return render(request, "console/analytics/digest/letters.html", context)


@require_POST
@staff_required(readers_may_post=True)
def digest_now(request: StaffRequest) -> HttpResponse:
    """Sends the letter of the last week at once, beside the one that comes every week."""
    now = timezone.now()
    try:
        mail, is_new = mail_now(user=request.user, now=now)
    except ValidationError as error:
        warn(request, " ".join(error.messages))
    else:
        if is_new:
            transaction.on_commit(partial(enqueue_digest, mail.pk))
            toast(request, _("A letter is on its way. Its state below says what becomes of it."))
        else:
            toast(request, _("One is on its way already, or left a moment ago."))
    if request.htmx:
        context = _letters(request, now, digest_get(request.user, now=now))
        return render(request, "console/analytics/digest/letters.html", context)
    return redirect("analytics:digest")


@require_POST
@staff_required(readers_may_post=True)
def digest_again(request: StaffRequest, pk: int) -> HttpResponse:
    """Sends a letter again of which nobody knows whether it arrived."""
    if not DigestMail.objects.filter(pk=pk, user=request.user).exists():
        raise Http404
    if mail_again(user=request.user, mail_id=pk, now=timezone.now()):
        toast(request, _("The letter is sent again within a minute."))
    else:
        warn(request, _("It is on its way, or has arrived, by now."))
    return redirect("accounts:profile")


# Mail programs press the link of the header by themselves, without a cookie (RFC 8058): the signed address is what
# says that they may.
@csrf_exempt
@require_http_methods(["GET", "POST"])
def digest_stop_page(request: HttpRequest, token: str) -> HttpResponse:
    """Stops the letters of whoever holds one; opened by GET it only asks, because programs look at links."""
    found = digest_of_token(token)
    if found is None:
        raise Http404
    # In the language of the letter's reader; where they chose none, in that of the browser.
    with translation.override(found.user.language or translation.get_language()):
        if request.method == "POST":
            digest_stop(digest=found)
        context = {"digest": found, "stopped": request.method == "POST" or not found.is_on}
        response = render(request, "console/analytics/digest/stop.html", context)
    return unlisted(response)
