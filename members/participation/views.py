"""What administrators decide about points for taking part."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import StaffRequest, role_required
from accounts.models import Role
from accounts.views.policies import policy_page
from members.participation.forms import ParticipationForm
from members.participation.policy import ParticipationPolicy


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def settings(request: StaffRequest) -> HttpResponse:
    """What holds for every branch is decided by headquarters."""
    return policy_page(
        request,
        policy=ParticipationPolicy,
        form_type=ParticipationForm,
        template="console/members/participation.html",
        saved=_("The points are saved. They hold from now on."),
        to="members:participation",
    )
