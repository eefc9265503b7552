"""Settings: the fields of members that administrators define."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, role_required
from accounts.models import Role
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast, warn
from members.fields.services import field_archive, field_define, field_restore, field_update
from members.forms import FieldForm
from members.models import FieldDefinition


def _headquarters(request: StaffRequest) -> None:
    """Fields are for the whole community."""
    if not request.user.is_headquarters:
        raise PermissionDenied


@require_GET
@role_required(Role.ADMIN)
def fields(request: StaffRequest) -> HttpResponse:
    _headquarters(request)
    return render(request, "console/members/fields.html", {"fields": FieldDefinition.objects.all()})


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def field_new(request: StaffRequest) -> HttpResponse:
    _headquarters(request)
    form = FieldForm(request.POST or None)
    if form.is_valid():
        try:
            definition = field_define(by=request.user, **form.values())
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The field %(name)s is made.") % {"name": definition.label})
            return redirect("members:fields")
    return render(request, "console/members/field_form.html", {"form": form}, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def field_edit(request: StaffRequest, pk: int) -> HttpResponse:
    _headquarters(request)
    definition = get_object_or_404(FieldDefinition, pk=pk)
    form = FieldForm(request.POST or None, definition=definition)
    if form.is_valid():
        try:
            field_update(by=request.user, definition=definition, changes=form.values())
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("%(name)s is saved.") % {"name": definition.label})
            return redirect("members:fields")
    context = {"form": form, "definition": definition}
    return render(request, "console/members/field_form.html", context, status=422 if form.is_bound else 200)


@require_POST
@role_required(Role.ADMIN)
def field_end(request: StaffRequest, pk: int) -> HttpResponse:
    _headquarters(request)
    definition = get_object_or_404(FieldDefinition, pk=pk)
    if field_archive(by=request.user, definition=definition, now=timezone.now()):
        toast(
            request,
            _("%(name)s is out of use. What was filled in is kept.") % {"name": definition.label},
            undo_url=reverse("members:field_restore", args=[pk]),
        )
    else:
        warn(request, _("The field was out of use before."))
    return redirect("members:fields")


@require_POST
@role_required(Role.ADMIN)
def field_back(request: StaffRequest, pk: int) -> HttpResponse:
    _headquarters(request)
    definition = get_object_or_404(FieldDefinition, pk=pk)
    field_restore(by=request.user, definition=definition)
    toast(request, _("%(name)s is in use again.") % {"name": definition.label})
    return redirect("members:fields")
