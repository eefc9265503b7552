"""Somebody who signed up is taken off the list."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import StaffRequest, next_address, writer_required
from campaigns.activities.forms import TakeOffForm
from campaigns.activities.models import SignUp
from campaigns.activities.services import next_to_move_up, signup_take_off
from campaigns.activities.texts import when_words
from campaigns.activities.views.reach import activity_changeable
from community_ops.lib.toasts import toast, warn


@require_http_methods(["GET", "POST"])
@writer_required
def take_off(request: StaffRequest, pk: int, signup: int) -> HttpResponse:
    """Shows whom it concerns, and who gets the place, before it is done."""
    activity, now = activity_changeable(request, pk), timezone.now()
    rows = SignUp.objects.visible_to(request.user).filter(activity=activity).select_related("member", "activity")
    row = get_object_or_404(rows, pk=signup)
    back = next_address(request, reverse("campaigns:activity", args=[activity.pk]))
    form = TakeOffForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            moved = signup_take_off(by=request.user, now=now, signup=row, reason=form.cleaned_data["reason"])
        except ValidationError as error:
            warn(request, " ".join(error.messages))
            return redirect(back)
        if moved is None:
            warn(request, _("%(name)s is not on the list any more.") % {"name": row.member})
        elif moved:
            names = ", ".join(str(one.member) for one in moved)
            toast(request, _("%(name)s is off the list. Moved up: %(names)s.") % {"name": row.member, "names": names})
        else:
            toast(request, _("%(name)s is off the list.") % {"name": row.member})
        return redirect(back)
    begun = activity.starts_at is None or now >= activity.starts_at
    context = {
        "activity": activity,
        "row": row,
        "form": form,
        "when": when_words(activity),
        "stands": row.is_standing and not begun,
        "begun": begun,
        "next": next_to_move_up(signup=row, now=now),
        "back": back,
    }
    status = 422 if form.is_bound else 200
    return render(request, "console/campaigns/activities/take_off.html", context, status=status)
