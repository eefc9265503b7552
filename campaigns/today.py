from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required


@require_GET
@staff_required
def today(request: StaffRequest) -> HttpResponse:
    return render(request, "console/campaigns/today.html")


@require_GET
@staff_required
def home(request: StaffRequest) -> HttpResponse:
    return redirect("campaigns:today")
