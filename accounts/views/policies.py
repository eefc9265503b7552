"""The page of one subject of accounts.policies that holds for every branch."""

from __future__ import annotations

from dataclasses import asdict

from django.core.exceptions import PermissionDenied
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import StaffRequest
from accounts.policies import PolicyValues, StalePolicy, policy_get, policy_save, policy_version
from community_ops.lib.toasts import toast


def policy_page(
    request: StaffRequest, *, policy: type[PolicyValues], form_type: type[BaseForm], template: str, saved: str, to: str
) -> HttpResponse:
    """Shows what is decided and keeps what headquarters decide; `saved` is said then, on the page `to`. The form has
    `values()`, which gives the policy, and a hidden field for the version that was read."""
    if not request.user.is_headquarters:
        raise PermissionDenied
    initial = {**asdict(policy_get(policy)), "version": policy_version(policy)}
    form = form_type(request.POST or None, initial=initial)
    if form.is_valid():
        values: PolicyValues = form.values()  # type: ignore[attr-defined]
        try:
            policy_save(by=request.user, now=timezone.now(), values=values, version=form.cleaned_data["version"])
        except StalePolicy:
            form.add_error(None, _("Somebody else has changed it meanwhile. Copy what you wrote, and open it again."))
        else:
            toast(request, saved)
            return redirect(to)
    return render(request, template, {"form": form}, status=422 if form.is_bound else 200)
