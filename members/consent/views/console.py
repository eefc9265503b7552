"""Settings: the text that members agree to."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import StaffRequest, role_required
from accounts.models import Role
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast, warn
from members.consent.forms import TextForm
from members.consent.models import ConsentText
from members.consent.services import StaleText, draft_publish, draft_save, text_draft, text_in_force


def _headquarters(request: StaffRequest) -> None:
    """What members agree to holds for the whole community."""
    if not request.user.is_headquarters:
        raise PermissionDenied


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def texts(request: StaffRequest) -> HttpResponse:
    """The version in force, the draft of the next one, and all before."""
    _headquarters(request)
    draft = text_draft()
    form = TextForm(request.POST or None, draft=draft, start=text_in_force())
    stale = False
    if form.is_valid():
        try:
            draft_save(by=request.user, now=timezone.now(), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        except StaleText:
            stale = True
            data = request.POST.copy()
            data["revision"] = str(draft.revision if draft else 0)
            form.data = data
        else:
            toast(request, _("The draft is saved. Nobody is asked before you publish it."))
            return redirect("members:consent")
    standing = Count("consents", filter=Q(consents__withdrawn_at=None, consents__member__erased_at=None))
    withdrawn = Count("consents", filter=Q(consents__withdrawn_at__isnull=False))
    context = {
        "form": form,
        "draft": draft,
        "stale": stale,
        "published": ConsentText.objects.published()
        .select_related("published_by")
        .annotate(agreed=standing, withdrawn=withdrawn),
    }
    status = 409 if stale else 422 if form.is_bound else 200
    return render(request, "console/members/consent.html", context, status=status)


@require_POST
@role_required(Role.ADMIN)
def publish(request: StaffRequest) -> HttpResponse:
    _headquarters(request)
    revision = request.POST.get("revision", "")
    try:
        number = int(revision) if revision.isascii() and revision.isdigit() and len(revision) < 9 else 0
        text = draft_publish(by=request.user, now=timezone.now(), revision=number)
    except StaleText:
        warn(request, _("Nothing was published: the draft was changed or published meanwhile. Look at it again."))
    else:
        toast(request, _("Version %(version)s is in force. Members are asked on their next visit.") % {"version": text})
    return redirect("members:consent")
