from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from campaigns.checkins.today import running_programmes
from campaigns.today.bundles import ALL, MINE, groups_of, todo
from campaigns.today.day import day_so_far
from groups.models import Group
from members.work.forms import staff_for


@require_GET
@staff_required
def today(request: StaffRequest) -> HttpResponse:
    user, now, whose = request.user, timezone.now(), _whose(request)
    found = todo(user=user, now=now, whose=whose)
    context = {
        "now": now,
        "day": day_so_far(user=user, now=now),
        "todo": found,
        "whose": whose,
        "here": request.get_full_path(),
        "has_groups": found.in_groups or Group.objects.visible_to(user).exists(),
        "people": staff_for(user)[:200] if user.may_write else [],
    }
    return render(request, "console/campaigns/today.html", context)


@require_GET
@staff_required
def check_ins(request: StaffRequest) -> HttpResponse:
    """How the check-ins of this day stand: a part of the page of today."""
    whose = _whose(request)
    groups = groups_of(request.user, whose)
    context = {
        "running": running_programmes(user=request.user, groups=groups, now=timezone.now()),
        "back": reverse("campaigns:today") + ("?whose=all" if whose == ALL else ""),
    }
    return render(request, "console/campaigns/checkins/of_today.html", context)


def _whose(request: StaffRequest) -> str:
    """Whoever only reads has nothing that is theirs to do: they see how it stands everywhere."""
    return ALL if request.GET.get("whose") == ALL or not request.user.may_write else MINE


@require_GET
@staff_required
def home(request: StaffRequest) -> HttpResponse:
    return redirect("campaigns:today")
