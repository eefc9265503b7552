"""Roles in the settings: who may what, which duties come with a role, and the line for opinion leaders."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, role_required
from accounts.models import Role
from accounts.policies import StalePolicy, policy_get, policy_save, policy_version
from community_ops.lib.toasts import toast, warn
from community_ops.templatetags.ui import number
from groups.models import Duty, GroupRole, Permission, Rhythm
from groups.roles.duties import MOST_DUTIES, DutyDraft, StaleDuties, duties_save, duties_suggest, duties_version
from groups.roles.permissions import DEFAULTS, ROW_LABELS, ROWS, matrix
from groups.roles.services import permissions_reset, role_permission_set
from members.roles.forms import LeaderPolicyForm
from members.roles.leaders import LeaderPolicy
from members.roles.selectors import affected_by

SPARE_LINES = 2


@require_GET
@role_required(Role.ADMIN)
def roles(request: StaffRequest) -> HttpResponse:
    return _page(request)


def _page(
    request: StaffRequest,
    *,
    policy_form: LeaderPolicyForm | None = None,
    typed: tuple[str, list[DutyDraft]] | None = None,
    status: int = 200,
) -> HttpResponse:
    """`typed` is what somebody typed for the duties of a role while somebody else changed them."""
    allowed, affected = matrix(), affected_by(request.user)
    rows = [
        {
            "role": row,
            "label": ROW_LABELS[row],
            "staff": affected[row][0],
            "members": affected[row][1],
            "cells": [
                {
                    "permission": permission,
                    "allowed": permission in allowed[row],
                    "is_default": (permission in allowed[row]) == (permission in DEFAULTS[row]),
                }
                for permission in Permission
            ],
        }
        for row in ROWS
    ]
    by_role: dict[str, list[Duty]] = {}
    for duty in Duty.objects.in_force():
        by_role.setdefault(duty.role, []).append(duty)
    context = {
        "rows": rows,
        "permissions": Permission,
        "is_default": all(allowed[row] == DEFAULTS[row] for row in ROWS),
        "duties": [_duty_form(role, by_role.get(role, []), typed) for role in GroupRole],
        "rhythms": Rhythm.choices,
        "has_duties": bool(by_role),
        "policy_form": policy_form or _policy_form(),
    }
    return render(request, "console/members/roles.html", context, status=status)


def _duty_form(role: GroupRole, duties: list[Duty], typed: tuple[str, list[DutyDraft]] | None) -> dict[str, Any]:
    lines = [DutyDraft(duty.text, duty.rhythm, duty.pk) for duty in duties]
    is_stale = typed is not None and typed[0] == role
    others = [duty.text for duty in duties] if is_stale else []
    if typed is not None and is_stale:
        lines = typed[1]
    spare = max(0, min(SPARE_LINES, MOST_DUTIES - len(lines)))
    return {
        "role": role,
        "label": role.label,
        "count": len(duties),
        "version": duties_version(duties),
        "lines": [*lines, *[DutyDraft("", Rhythm.DAILY) for _line in range(spare)]],
        "is_stale": is_stale,
        "others": others,
    }


def _policy_form(data: Any = None) -> LeaderPolicyForm:
    policy = policy_get(LeaderPolicy)
    initial = {
        "share": policy.share,
        "window_days": policy.window_days,
        "again_days": policy.again_days,
        "version": policy_version(LeaderPolicy),
    }
    return LeaderPolicyForm(data, initial=initial)


@require_POST
@role_required(Role.ADMIN)
def role_cell(request: StaffRequest) -> HttpResponse:
    """Sets one cell: `role`, `permission`, `allowed` 1 or 0; of the form, or of the address for an Undo."""
    _headquarters(request)
    sent = request.POST if "role" in request.POST else request.GET
    role, permission, asked = sent.get("role", ""), sent.get("permission", ""), sent.get("allowed", "")
    if role not in ROWS or permission not in Permission.values or asked not in ("0", "1"):
        raise Http404
    allowed = asked == "1"
    if role_permission_set(by=request.user, role=role, permission=permission, allowed=allowed):
        words = {"role": ROW_LABELS[role], "permission": Permission(permission).label}
        text = (
            _("%(role)s: “%(permission)s” is allowed.") if allowed else _("%(role)s: “%(permission)s” is not allowed.")
        )
        query = urlencode({"role": role, "permission": permission, "allowed": "0" if allowed else "1"})
        toast(request, text % words, undo_url=f"{reverse('members:role_cell')}?{query}")
    else:
        warn(request, _("Somebody else decided the same meanwhile."))
    return redirect("members:roles")


@require_POST
@role_required(Role.ADMIN)
def roles_reset(request: StaffRequest) -> HttpResponse:
    _headquarters(request)
    count = permissions_reset(by=request.user)
    text = ngettext("%(shown)s permission is as at first again.", "%(shown)s permissions are as at first again.", count)
    toast(request, text % {"shown": number(count)})
    return redirect("members:roles")


@require_POST
@role_required(Role.ADMIN)
def role_duties(request: StaffRequest, role: str) -> HttpResponse:
    """The duties of a role, line by line."""
    _headquarters(request)
    if role not in GroupRole.values:
        raise Http404
    columns = (request.POST.getlist("text"), request.POST.getlist("rhythm"), request.POST.getlist("duty"))
    drafts = [
        DutyDraft(
            text.replace("\x00", "").strip()[:200],
            rhythm if rhythm in Rhythm.values else Rhythm.DAILY,
            int(pk) if pk.isascii() and pk.isdigit() and len(pk) < 19 else None,
        )
        for text, rhythm, pk in zip(*columns, strict=False)
        if text.strip()
    ][:MOST_DUTIES]
    try:
        duties_save(
            by=request.user, now=timezone.now(), role=role, drafts=drafts, version=request.POST.get("version", "")
        )
    except StaleDuties:
        return _page(request, typed=(role, drafts), status=409)
    toast(request, _("The duties are saved: %(role)s") % {"role": ROW_LABELS[role]})
    return redirect(f"{reverse('members:roles')}#duties-{role}")


@require_POST
@role_required(Role.ADMIN)
def duties_propose(request: StaffRequest) -> HttpResponse:
    _headquarters(request)
    count = duties_suggest(by=request.user, now=timezone.now())
    text = ngettext("%(shown)s duty is written down.", "%(shown)s duties are written down.", count)
    toast(request, text % {"shown": number(count)})
    return redirect("members:roles")


@require_POST
@role_required(Role.ADMIN)
def leader_policy(request: StaffRequest) -> HttpResponse:
    _headquarters(request)
    form = _policy_form(request.POST)
    if not form.is_valid():
        return _page(request, policy_form=form, status=422)
    try:
        policy_save(by=request.user, now=timezone.now(), values=form.policy(), version=form.cleaned_data["version"])
    except StalePolicy as stale:
        # What was typed stays. Sent again, it is meant: the form now knows the other change.
        data = request.POST.copy()
        data["version"] = str(stale.version)
        form = _policy_form(data)
        form.add_error(None, _("Somebody else changed this meanwhile. Save again to put yours in its place."))
        return _page(request, policy_form=form, status=409)
    toast(request, _("The line for opinion leaders is saved."))
    return redirect("members:roles")


def _headquarters(request: StaffRequest) -> None:
    """The matrix holds for every branch, so headquarters decides it; administrators of a branch read it."""
    if not request.user.is_headquarters:
        raise PermissionDenied
