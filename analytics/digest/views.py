"""The weekly digest: what a person chooses in their profile, and the way out that each letter carries."""

from __future__ import annotations

from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required
from analytics.digest.forms import DigestForm
from analytics.digest.letter import digest_of_token
from analytics.digest.models import Digest, DigestMail, MailState
from analytics.digest.services import digest_get, digest_set, digest_stop, mail_again, mail_is_set_up
from analytics.health.days import zone
from analytics.pages.parts import zone_words
from community_ops.lib.toasts import toast, warn
from community_ops.lib.unlisted import unlisted

SHOWN = 3


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
    context = {
        "form": form,
        "chosen": chosen,
        "is_set_up": mail_is_set_up(),
        "zone": zone_words(zone(), now),
        "mails": DigestMail.objects.filter(user=request.user).order_by("-week")[:SHOWN],
        "again": (MailState.UNKNOWN, MailState.FAILED),
    }
    template = "part" if request.htmx else "page"
    return render(request, f"console/analytics/digest/{template}.html", context, status=422 if form.is_bound else 200)


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
