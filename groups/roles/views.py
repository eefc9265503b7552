"""My duties: what my roles ask of me across my groups, ticked off one by one or all at once."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from community_ops.lib.toasts import toast, warn
from community_ops.templatetags.ui import number
from groups.models import Group
from groups.roles.duties import due_in, duty_tick, duty_untick, my_duties
from groups.roles.models import Duty


@require_GET
@staff_required
def duties(request: StaffRequest) -> HttpResponse:
    context = {"duties": my_duties(user=request.user, now=timezone.now()), "here": request.get_full_path()}
    return render(request, "console/groups/roles_duties.html", context)


@require_POST
@writer_required
def duty_done(request: StaffRequest, pk: int) -> HttpResponse:
    """Ticks a duty: in the groups sent, or in every group where it is mine and not done."""
    now = timezone.now()
    duty = get_object_or_404(Duty.objects.in_force(), pk=pk)
    groups = _mine(request, duty)
    asked = request.POST.getlist("groups")
    if "all" not in request.POST:
        groups = [group for group in groups if str(group.pk) in asked]
    ticked = duty_tick(by=request.user, now=now, duty=duty, groups=groups)
    target = next_address(request, reverse("groups:duties"))
    if ticked:
        ids = ",".join(str(group) for group in ticked)
        text = ngettext(
            "“%(duty)s” is done in %(shown)s group.", "“%(duty)s” is done in %(shown)s groups.", len(ticked)
        )
        undo = f"{reverse('groups:duty_undo', args=[duty.pk])}?{urlencode({'groups': ids, 'next': target})}"
        toast(request, text % {"duty": duty.text, "shown": number(len(ticked))}, undo_url=undo)
    else:
        warn(request, _("It was done there already."))
    return redirect(target)


def _mine(request: StaffRequest, duty: Duty) -> list[Group]:
    """The groups where this duty is mine now; an administrator of the platform may tick it everywhere they see."""
    groups = Group.objects.visible_to(request.user).open()
    if not request.user.is_admin or "all" in request.POST:
        groups = groups.filter(staff_roles__user=request.user, staff_roles__role=duty.role)
    return [group for group in groups.distinct() if due_in(duty, group)]


@require_POST
@writer_required
def duty_undo(request: StaffRequest, pk: int) -> HttpResponse:
    duty = get_object_or_404(Duty, pk=pk)
    groups = [
        int(pk) for pk in request.GET.get("groups", "").split(",") if pk.isascii() and pk.isdigit() and len(pk) < 19
    ]
    count = duty_untick(by=request.user, now=timezone.now(), duty=duty, groups=groups)
    if count:
        toast(request, _("“%(duty)s” is to do again.") % {"duty": duty.text})
    else:
        warn(request, _("There is nothing to take back."))
    return redirect(next_address(request, reverse("groups:duties")))
