"""Settings: how many points may be given away in red envelopes."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import StaffRequest, role_required
from accounts.models import Role
from campaigns.envelopes.forms import BudgetForm
from campaigns.envelopes.models import EnvelopeBudget
from campaigns.envelopes.services import StaleBudget, budget_save, month_available, month_of
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast


@require_GET
@role_required(Role.ADMIN)
def budgets(request: StaffRequest) -> HttpResponse:
    month = month_of(timezone.now())
    rows = EnvelopeBudget.objects.visible_to(request.user).select_related("branch")
    context = {"rows": [(row, month_available(budget=row, month=month)) for row in rows[:100]]}
    return render(request, "console/campaigns/envelopes/budgets.html", context)


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def budget(request: StaffRequest, pk: int | None = None) -> HttpResponse:
    row = get_object_or_404(EnvelopeBudget.objects.visible_to(request.user), pk=pk) if pk else None
    form = BudgetForm(request.POST or None, user=request.user, budget=row)
    if form.is_valid():
        data = form.cleaned_data
        branch = row.branch if row else data["branch"] if request.user.is_headquarters else request.user.branch
        try:
            budget_save(
                by=request.user,
                now=timezone.now(),
                budget=row,
                name=data["name"],
                branch=branch,
                month_limit=data["month_limit"],
                is_open=data["is_open"],
                version=data["version"] or 0,
            )
        except ValidationError as error:
            add_errors(form, error)
        except StaleBudget:
            form.add_error(None, _("Somebody else has changed it meanwhile. Copy what you wrote, and open it again."))
        else:
            toast(request, _("The budget is saved."))
            return redirect("campaigns:envelope_budgets")
    context = {"form": form, "budget": row, "months": row.months.select_related("account")[:12] if row else []}
    status = 422 if form.is_bound else 200
    return render(request, "console/campaigns/envelopes/budget.html", context, status=status)
