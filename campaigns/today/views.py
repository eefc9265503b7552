from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from campaigns.today.bundles import ALL, MINE, todo
from campaigns.today.day import day_so_far
from groups.models import Group
from members.work.forms import staff_for


@require_GET
@staff_required
def today(request: StaffRequest) -> HttpResponse:
    user, now = request.user, timezone.now()
    # Whoever only reads has nothing that is theirs to do: they see how it stands everywhere.
    whose = ALL if request.GET.get("whose") == ALL or not user.may_write else MINE
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
def home(request: StaffRequest) -> HttpResponse:
    return redirect("campaigns:today")
