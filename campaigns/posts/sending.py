"""What administrators decide about sending: quiet hours and daily limit, days off, occasions of the brand; and what a
single group decides otherwise."""

from __future__ import annotations

from datetime import time
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import StaffRequest, role_required
from accounts.models import Branch, Role
from accounts.policies import StalePolicy, policy_get, policy_save, policy_version
from campaigns.posts.limits import MOST_A_DAY, SendingPolicy
from campaigns.posts.models import GroupSending, Scene, SceneCalendar, SpecialDay
from campaigns.posts.services.holiday_files import LARGEST, days_from_file
from campaigns.posts.services.holidays import (
    NewDay,
    days_read,
    group_limits_set,
    scene_add,
    scene_remove,
    special_days_add,
    special_days_remove,
)
from community_ops.lib.forms import MarkedForm, add_errors
from community_ops.lib.toasts import toast, warn
from groups.models import Group

CLOCK = {"type": "time"}
SHOWN = 200


class LimitsForm(MarkedForm):
    """Quiet hours and daily limit of the whole community."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    quiet_from = forms.TimeField(
        label=gettext_lazy("Quiet from"), required=False, widget=forms.TimeInput(format="%H:%M", attrs=CLOCK)
    )
    quiet_until = forms.TimeField(
        label=gettext_lazy("Quiet until"), required=False, widget=forms.TimeInput(format="%H:%M", attrs=CLOCK)
    )
    daily_quota = forms.IntegerField(
        label=gettext_lazy("Posts a day to one group, at most"),
        required=False,
        min_value=0,
        max_value=MOST_A_DAY,
        help_text=gettext_lazy("Empty or 0: as many as are planned."),
    )
    apart_minutes = forms.IntegerField(
        label=gettext_lazy("Minutes between two posts"),
        min_value=0,
        max_value=240,
        help_text=gettext_lazy("Posts to one group that lie closer together are shown as a conflict."),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if ("quiet_from" in data and "quiet_until" in data) and (not data["quiet_from"]) != (not data["quiet_until"]):
            self.add_error("quiet_until", ValidationError(_("Give both ends of the quiet hours, or neither.")))
        return data

    def policy(self) -> SendingPolicy:
        data = self.cleaned_data
        return SendingPolicy(
            daily_quota=data["daily_quota"] or 0,
            quiet_from=f"{data['quiet_from'] or time():%H:%M}",
            quiet_until=f"{data['quiet_until'] or time():%H:%M}",
            apart_minutes=data["apart_minutes"],
        )


class GroupLimitsForm(MarkedForm):
    """What one group decides otherwise."""

    quiet_from = LimitsForm.base_fields["quiet_from"]
    quiet_until = LimitsForm.base_fields["quiet_until"]
    daily_quota = forms.IntegerField(
        label=gettext_lazy("Posts a day to one group, at most"),
        required=False,
        min_value=0,
        max_value=MOST_A_DAY,
        help_text=gettext_lazy("Empty: as all groups. 0: as many as are planned."),
    )


class DaysForm(MarkedForm):
    """Days off, pasted or from a file, for all or for one branch."""

    branch = forms.ModelChoiceField(
        label=gettext_lazy("For"), queryset=Branch.objects.order_by("name"), required=False,
        empty_label=gettext_lazy("All branches"),
    )  # fmt: skip
    lines = forms.CharField(
        label=gettext_lazy("Days, one line each"),
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 6, "translate": "no", "placeholder": "2026-10-01..2026-10-08 国庆节\n2026-10-10 国庆节 上班"}
        ),
        help_text=gettext_lazy("A day or a range, a name, and “working” for a weekend that is worked."),
    )
    file = forms.FileField(
        label=gettext_lazy("Or a file"),
        required=False,
        help_text=gettext_lazy("A calendar (.ics), or a table (.csv) of day, name and kind."),
        widget=forms.FileInput(attrs={"accept": ".ics,.csv,text/calendar,text/csv"}),
    )

    def days(self) -> list[NewDay]:
        """Raises ValidationError by field."""
        if file := self.cleaned_data["file"]:
            return days_from_file(file.read(LARGEST + 1))
        return days_read(self.cleaned_data["lines"])


class OccasionForm(MarkedForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    calendar = forms.ChoiceField(label=gettext_lazy("Comes"), choices=SceneCalendar.choices)
    month = forms.IntegerField(label=gettext_lazy("Month"), required=False, min_value=1, max_value=12)
    day = forms.IntegerField(label=gettext_lazy("Day of the month"), required=False, min_value=1, max_value=31)
    on = forms.DateField(
        label=gettext_lazy("Date, for one day only"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def sending(request: StaffRequest) -> HttpResponse:
    """Quiet hours, daily limit, days off and occasions of the community."""
    _hold_to_headquarters(request)
    if request.method != "POST":
        return _page(request)
    data = request.POST.copy()
    form = LimitsForm(data)
    if not form.is_valid():
        return _page(request, limits=form, status=422)
    version = form.cleaned_data["version"]
    try:
        policy_save(by=request.user, now=timezone.now(), values=form.policy(), version=version)
    except StalePolicy as stale:
        # What was typed stays. Sent again, it is meant: the form now knows the other change.
        data["version"] = str(stale.version)
        return _page(request, limits=form, stands=policy_get(SendingPolicy), status=409)
    toast(request, _("The limits are saved. They hold from now on."))
    return redirect("campaigns:sending")


@require_POST
@role_required(Role.ADMIN)
def days_add(request: StaffRequest) -> HttpResponse:
    _hold_to_headquarters(request)
    form = DaysForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            days = form.days()
        except ValidationError as error:
            add_errors(form, error)
        else:
            branch = form.cleaned_data["branch"]
            count = special_days_add(by=request.user, now=timezone.now(), days=days, branch=branch)
            text = ngettext("%(count)d day is entered.", "%(count)d days are entered.", count)
            toast(request, text % {"count": count})
            return redirect("campaigns:sending")
    return _page(request, days=form, status=422)


@require_POST
@role_required(Role.ADMIN)
def day_remove(request: StaffRequest, pk: int) -> HttpResponse:
    _hold_to_headquarters(request)
    row = get_object_or_404(SpecialDay, pk=pk)
    special_days_remove(by=request.user, now=timezone.now(), ids=[row.pk])
    toast(request, _("%(day)s is an ordinary day again.") % {"day": row.day})
    return redirect("campaigns:sending")


@require_POST
@role_required(Role.ADMIN)
def occasion_add(request: StaffRequest) -> HttpResponse:
    _hold_to_headquarters(request)
    form = OccasionForm(request.POST)
    if form.is_valid():
        try:
            scene = scene_add(by=request.user, now=timezone.now(), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("“%(name)s” is among the festivals of posts now.") % {"name": scene.name})
            return redirect("campaigns:sending")
    return _page(request, occasion=form, status=422)


@require_POST
@role_required(Role.ADMIN)
def occasion_remove(request: StaffRequest, pk: int) -> HttpResponse:
    _hold_to_headquarters(request)
    scene = get_object_or_404(Scene, pk=pk)
    try:
        scene_remove(by=request.user, scene=scene)
    except ValidationError as error:
        warn(request, " ".join(error.messages))
    else:
        toast(request, _("“%(name)s” is taken out.") % {"name": scene.name})
    return redirect("campaigns:sending")


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def group_limits(request: StaffRequest, pk: int) -> HttpResponse:
    """Quiet hours and daily limit of one group, where they differ from those of all."""
    group = get_object_or_404(Group.objects.visible_to(request.user), pk=pk)
    row = GroupSending.objects.filter(group=group).first()
    names = ("daily_quota", "quiet_from", "quiet_until")
    form = GroupLimitsForm(
        request.POST if request.method == "POST" else None,
        initial={name: getattr(row, name) for name in names} if row else {},
    )
    if form.is_valid():
        try:
            group_limits_set(by=request.user, group=group, **{name: form.cleaned_data[name] for name in names})
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The limits of this group are saved."))
            return redirect("campaigns:group_channel", group.pk)
    context = {"group": group, "form": form, "of_all": policy_get(SendingPolicy)}
    return render(request, "console/campaigns/group_limits.html", context, status=422 if form.is_bound else 200)


def _page(request: StaffRequest, *, status: int = 200, **typed: Any) -> HttpResponse:
    context = {
        "limits": _limits_form(),
        "days": DaysForm(),
        "occasion": OccasionForm(),
        "special_days": SpecialDay.objects.filter(day__gte=timezone.localdate()).select_related("branch")[:SHOWN],
        "occasions": Scene.objects.select_related("branch"),
        **typed,
    }
    return render(request, "console/campaigns/sending.html", context, status=status)


def _limits_form() -> LimitsForm:
    policy = policy_get(SendingPolicy)
    held = policy.quiet_from != policy.quiet_until
    return LimitsForm(
        initial={
            "version": policy_version(SendingPolicy),
            "quiet_from": policy.quiet_from if held else None,
            "quiet_until": policy.quiet_until if held else None,
            "daily_quota": policy.daily_quota or None,
            "apart_minutes": policy.apart_minutes,
        }
    )


def _hold_to_headquarters(request: StaffRequest) -> None:
    if not request.user.is_headquarters:
        raise PermissionDenied
