"""The initiator programme of a group in the console."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast, warn
from groups.models import Group, GroupRole, Permission
from groups.roles.permissions import matrix, may
from members.initiators.forms import KitForm, ProgrammeForm
from members.initiators.models import InitiatorProgramme, KitItem
from members.initiators.selectors import initiators_of, proposals_for
from members.initiators.services import StaleProgramme, kit_add, kit_remove, programme_save
from members.models import MemberRole, Membership
from members.roles.services import member_role_end, member_role_grant


def _visible(request: StaffRequest, pk: int) -> Group:
    return get_object_or_404(Group.objects.visible_to(request.user).select_related("branch"), pk=pk)


def _changeable(request: StaffRequest, pk: int) -> Group:
    """A group whose initiators the person may look after."""
    group = _visible(request, pk)
    if not may(request.user, Permission.INVITE, group):
        raise PermissionDenied(_("You may not invite in this group."))
    return group


def _page(request: StaffRequest, group: Group, *, status: int = 200, **more: Any) -> HttpResponse:
    now = timezone.now()
    programme = InitiatorProgramme.objects.filter(group=group).select_related("group").first()
    allowed = matrix()[GroupRole.INITIATOR]
    context = {
        "group": group,
        "tab": "team",
        "programme": programme,
        "initiators": initiators_of(group=group, now=now),
        "proposals": proposals_for(programme=programme, now=now) if programme else [],
        "powers": [(label, value in allowed) for value, label in Permission.choices],
        "kit": list(programme.kit.all()) if programme else [],
        "may_change": may(request.user, Permission.INVITE, group),
        "form": ProgrammeForm(programme=programme),
        "kit_form": KitForm(),
        **more,
    }
    return render(request, "console/members/initiators/page.html", context, status=status)


@require_GET
@staff_required
def page(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _visible(request, pk))


@require_POST
@writer_required
def save(request: StaffRequest, pk: int) -> HttpResponse:
    group = _changeable(request, pk)
    form = ProgrammeForm(request.POST, programme=InitiatorProgramme.objects.filter(group=group).first())
    if form.is_valid():
        try:
            programme_save(
                by=request.user,
                now=timezone.now(),
                group=group,
                changes=form.values(),
                version=form.cleaned_data["version"],
            )
        except StaleProgramme as conflict:
            # What was typed stays. Sent again, it is meant: the form now knows the other change.
            data = request.POST.copy()
            data["version"] = str(conflict.programme.version)
            form.data = data
            return _page(request, group, status=409, form=form, stale=True)
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The initiator programme is saved."))
            return redirect("members:group_initiators", group.pk)
    return _page(request, group, status=422, form=form)


@require_POST
@writer_required
def kit_new(request: StaffRequest, pk: int) -> HttpResponse:
    group = _changeable(request, pk)
    form = KitForm(request.POST)
    if form.is_valid():
        try:
            item = kit_add(by=request.user, now=timezone.now(), group=group, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("%(title)s is in the kit.") % {"title": item.title})
            return redirect("members:group_initiators", group.pk)
    return _page(request, group, status=422, kit_form=form)


@require_POST
@writer_required
def kit_delete(request: StaffRequest, pk: int, item_pk: int) -> HttpResponse:
    group = _changeable(request, pk)
    item = get_object_or_404(
        KitItem.objects.filter(programme__group=group).select_related("programme__group"), pk=item_pk
    )
    if kit_remove(by=request.user, item=item):
        toast(request, _("%(title)s is out of the kit.") % {"title": item.title})
    return redirect("members:group_initiators", group.pk)


@require_POST
@writer_required
def grant(request: StaffRequest, pk: int, member_pk: int) -> HttpResponse:
    """Makes a member an initiator."""
    group = _changeable(request, pk)
    membership = get_object_or_404(Membership.objects.filter(group=group).select_related("member"), member=member_pk)
    try:
        role = member_role_grant(by=request.user, now=timezone.now(), membership=membership, role=GroupRole.INITIATOR)
    except ValidationError as error:
        warn(request, " ".join(error.messages))
    else:
        toast(
            request,
            _("%(name)s is an initiator now.") % {"name": membership.member},
            undo_url=reverse("members:initiator_end", args=[group.pk, role.pk]),
        )
    return redirect("members:group_initiators", group.pk)


@require_POST
@writer_required
def end(request: StaffRequest, pk: int, role_pk: int) -> HttpResponse:
    """Ends the role of an initiator."""
    group = _changeable(request, pk)
    roles = MemberRole.objects.filter(membership__group=group, role=GroupRole.INITIATOR)
    role = get_object_or_404(roles.select_related("membership__member"), pk=role_pk)
    if member_role_end(by=request.user, now=timezone.now(), role=role):
        toast(
            request,
            _("%(name)s is no initiator any more.") % {"name": role.membership.member},
            undo_url=reverse("members:initiator_grant", args=[group.pk, role.membership.member_id]),
        )
    return redirect("members:group_initiators", group.pk)
