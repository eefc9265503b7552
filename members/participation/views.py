"""What administrators decide about points for taking part."""

from __future__ import annotations

from dataclasses import asdict

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import StaffRequest, role_required
from accounts.models import Role
from accounts.policies import StalePolicy, policy_get, policy_save, policy_version
from community_ops.lib.toasts import toast
from members.participation.forms import ParticipationForm
from members.participation.policy import ParticipationPolicy


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def settings(request: StaffRequest) -> HttpResponse:
    """What holds for every branch is decided by headquarters."""
    if not request.user.is_headquarters:
        raise PermissionDenied
    initial = {**asdict(policy_get(ParticipationPolicy)), "version": policy_version(ParticipationPolicy)}
    form = ParticipationForm(request.POST or None, initial=initial)
    if form.is_valid():
        try:
            policy_save(by=request.user, now=timezone.now(), values=form.values(), version=form.cleaned_data["version"])
        except StalePolicy:
            form.add_error(None, _("Somebody else has changed it meanwhile. Copy what you wrote, and open it again."))
        else:
            toast(request, _("The points are saved. They hold from now on."))
            return redirect("members:participation")
    status = 422 if form.is_bound else 200
    return render(request, "console/members/participation.html", {"form": form}, status=status)
