"""At the door: the code that members scan, and the list that staff tick."""

from __future__ import annotations

import segno
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, next_address, writer_required
from campaigns.activities.codes import code_for, seconds_left
from campaigns.activities.models import Activity, SignUp
from campaigns.activities.services import attendance_close, attendance_take_back, attended_mark
from campaigns.activities.views.console import tab_url
from campaigns.activities.views.reach import activity_changeable
from community_ops.lib.toasts import toast, warn


@require_GET
@never_cache
@writer_required
def activity_door(request: StaffRequest, pk: int) -> HttpResponse:
    """The code, as large as the screen, with how many are in."""
    activity = activity_changeable(request, pk)
    return render(request, "console/campaigns/activities/door.html", _shown(activity))


@require_GET
@never_cache
@writer_required
def door_code(request: StaffRequest, pk: int) -> HttpResponse:
    """The code of this minute: the part of the page that changes."""
    activity = activity_changeable(request, pk)
    return render(request, "console/campaigns/activities/door_code.html", _shown(activity))


def _shown(activity: Activity) -> dict[str, object]:
    now = timezone.now()
    address = settings.PUBLIC_URL + reverse("member:activity_attend", args=[code_for(activity.pk, now)])
    return {
        "activity": activity,
        "code": segno.make(address, error="m").svg_data_uri(border=2, dark="#000", light="#fff", omitsize=True),
        "seconds": seconds_left(now),
        "came": activity.came,  # type: ignore[attr-defined]
        "taken": activity.taken,  # type: ignore[attr-defined]
    }


@require_POST
@writer_required
def attendance_tick(request: StaffRequest, pk: int) -> HttpResponse:
    activity = activity_changeable(request, pk)
    signup = _signup(request, activity)
    back = next_address(request, tab_url(activity, "attendance"))
    try:
        attended_mark(now=timezone.now(), activity=activity, member=signup.member, by=request.user)
    except ValidationError as error:
        warn(request, " ".join(error.messages))
    else:
        asked: dict[str, str | int] = {"signup": signup.pk, "next": back}
        query = urlencode(asked)
        undo = f"{reverse('campaigns:activity_untick', args=[activity.pk])}?{query}"
        toast(request, _("%(name)s is marked as here.") % {"name": signup.member}, undo_url=undo)
    return redirect(back)


@require_POST
@writer_required
def attendance_untick(request: StaffRequest, pk: int) -> HttpResponse:
    activity = activity_changeable(request, pk)
    signup = _signup(request, activity)
    try:
        if attendance_take_back(by=request.user, now=timezone.now(), signup=signup):
            toast(request, _("%(name)s is not marked any more.") % {"name": signup.member})
    except ValidationError as error:
        warn(request, " ".join(error.messages))
    return redirect(next_address(request, tab_url(activity, "attendance")))


@require_POST
@writer_required
def attendance_missed(request: StaffRequest, pk: int) -> HttpResponse:
    """Says of everybody who was not marked that they missed it. Each can still be ticked afterwards."""
    activity = activity_changeable(request, pk)
    missed = attendance_close(by=request.user, now=timezone.now(), activity=activity)
    text = ngettext(
        "%(count)d member missed it. Whoever was there after all can still be ticked.",
        "%(count)d members missed it. Whoever was there after all can still be ticked.",
        missed,
    )
    toast(request, text % {"count": missed})
    return redirect(tab_url(activity, "attendance"))


def _signup(request: StaffRequest, activity: Activity) -> SignUp:
    asked = request.POST.get("signup", "") or request.GET.get("signup", "")
    known = asked.isascii() and asked.isdigit() and len(asked) < 19
    rows = SignUp.objects.visible_to(request.user).filter(activity=activity).select_related("member")
    return get_object_or_404(rows, pk=int(asked) if known else 0)
