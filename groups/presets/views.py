"""Presets in the settings of the console."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, role_required
from accounts.models import Role
from community_ops.lib.differences import difference
from community_ops.lib.toasts import toast, warn
from groups.models import Group, GroupPlan, Motivation, PresetEdit
from groups.presets.forms import PresetForm
from groups.presets.reading import PresetError, PresetErrors
from groups.presets.selectors import preset_for, preset_text, presets_all, shipped_text
from groups.presets.services import StalePreset, preset_reset, preset_save, preset_version


@require_GET
@role_required(Role.ADMIN)
def presets(request: StaffRequest) -> HttpResponse:
    _headquarters(request)
    changed = set(PresetEdit.objects.exclude(text="").values_list("motivation", flat=True))
    groups = dict(Group.objects.order_by().values("motivation").annotate(n=Count("pk")).values_list("motivation", "n"))
    plans = dict(
        GroupPlan.objects.order_by().values("motivation").annotate(n=Count("pk")).values_list("motivation", "n")
    )
    rows = [
        (preset, preset.motivation in changed, groups.get(preset.motivation, 0), plans.get(preset.motivation, 0))
        for preset in presets_all()
    ]
    return render(request, "console/groups/presets.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def preset(request: StaffRequest, motivation: str) -> HttpResponse:
    """A preset in readable form, as text to change, and what is different from the shipped one."""
    _headquarters(request)
    _known(motivation)
    text = preset_text(motivation)[0]
    initial = {"version": preset_version(motivation), "text": text}
    form = PresetForm(request.POST or None, request.FILES or None, initial=initial)
    problems: list[PresetError] = []
    context: dict[str, Any] = {}
    status = 422 if form.is_bound else 200
    if form.is_valid():
        typed = form.new_text()
        try:
            preset_save(
                by=request.user,
                now=timezone.now(),
                motivation=motivation,
                text=typed,
                version=form.cleaned_data["version"],
            )
        except PresetErrors as error:
            problems = error.errors
        except StalePreset as error:
            # What was typed stays. Sent again, it is meant: the form now knows the other change.
            context["others_change"] = difference(error.text, typed)
            status, version = 409, error.version
        else:
            toast(request, _("The preset is saved. Groups that open from now on take it over."))
            return redirect("groups:preset", motivation)
        data = request.POST.copy()
        data["text"] = typed
        if "others_change" in context:
            data["version"] = str(version)
        form = PresetForm(data)
        form.is_valid()
    context |= {
        "preset": preset_for(motivation),
        "form": form,
        "problems": problems,
        "is_changed": text != shipped_text(motivation),
        "difference": difference(shipped_text(motivation), text),
        "edit": PresetEdit.objects.filter(motivation=motivation).select_related("changed_by").first(),
    }
    return render(request, "console/groups/preset.html", context, status=status)


@require_GET
@role_required(Role.ADMIN)
def preset_file(request: StaffRequest, motivation: str) -> HttpResponse:
    _headquarters(request)
    _known(motivation)
    response = HttpResponse(preset_text(motivation)[0], content_type="application/yaml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="preset-{motivation}.yaml"'
    return response


@require_POST
@role_required(Role.ADMIN)
def preset_back(request: StaffRequest, motivation: str) -> HttpResponse:
    """Goes back to the shipped preset."""
    _headquarters(request)
    _known(motivation)
    version = request.POST.get("version", "")
    try:
        stands = int(version) if version.isdecimal() and len(version) < 10 else preset_version(motivation)
        preset_reset(by=request.user, now=timezone.now(), motivation=motivation, version=stands)
    except StalePreset:
        warn(request, _("Somebody else changed the preset meanwhile. Look at it again before you reset it."))
    else:
        toast(request, _("The preset is as it was shipped. The text from before is in the audit trail."))
    return redirect(reverse("groups:preset", args=[motivation]))


def _known(motivation: str) -> None:
    if motivation not in Motivation.values:
        raise Http404


def _headquarters(request: StaffRequest) -> None:
    """Presets are every branch's, so headquarters decides them."""
    if not request.user.is_headquarters:
        raise PermissionDenied
