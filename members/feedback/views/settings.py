"""What administrators decide about feedback."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import StaffRequest, role_required
from accounts.models import Role
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast
from members.feedback.forms import CategoriesForm
from members.feedback.models import NeedCategory
from members.feedback.services import categories_save


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def categories(request: StaffRequest) -> HttpResponse:
    """What holds for every branch is decided by headquarters."""
    if not request.user.is_headquarters:
        raise PermissionDenied
    named = NeedCategory.objects.in_use().values_list("name", flat=True)
    form = CategoriesForm(request.POST or None, initial={"names": "\n".join(named)})
    if form.is_valid():
        try:
            categories_save(by=request.user, now=timezone.now(), names=form.cleaned_data["names"].splitlines())
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The categories are saved."))
            return redirect("members:need_categories")
    status = 422 if form.is_bound else 200
    return render(request, "console/members/feedback/categories.html", {"form": form}, status=status)
