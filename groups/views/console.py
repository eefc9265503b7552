"""The groups in the console."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from accounts.history import action_words
from accounts.models import AuditEntry
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast, warn
from groups.forms import GroupForm
from groups.models import Group, GroupState, Motivation
from groups.presets.selectors import plan_shown, presets_all
from groups.presets.services import preset_apply
from groups.selectors import WEEK, group_days, group_next_deliveries, group_week
from groups.services import (
    WHOLE_POSITIONING,
    StaleGroup,
    group_archive,
    group_create,
    group_restore,
    group_tags_set,
    group_update,
    group_version,
    positioning_missing,
)


@require_http_methods(["GET", "POST"])
@writer_required
def group_new(request: StaffRequest) -> HttpResponse:
    form = GroupForm(request.POST or None, user=request.user)
    if form.is_valid():
        values = form.values()
        if not request.user.is_headquarters:
            values["branch"] = request.user.branch
        now = timezone.now()
        try:
            with transaction.atomic():
                group = group_create(by=request.user, now=now, opens=form.opens, tags=form.tag_names(), **values)
                if form.opens and form.cleaned_data["use_preset"]:
                    preset_apply(by=request.user, now=now, group=group)
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The group %(name)s is made.") % {"name": group.name})
            return redirect("groups:detail", group.pk)
    return render(request, "console/groups/form.html", _form_context(form), status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@writer_required
def group_edit(request: StaffRequest, pk: int) -> HttpResponse:
    group = _visible(request, pk)
    form = GroupForm(request.POST or None, user=request.user, group=group, version=group_version(group))
    stale: StaleGroup | None = None
    if form.is_valid():
        now = timezone.now()
        try:
            with transaction.atomic():
                group_update(
                    by=request.user,
                    now=now,
                    group=group,
                    changes=form.values(),
                    version=form.cleaned_data["version"],
                    opens=form.opens,
                )
                group_tags_set(by=request.user, group=group, names=form.tag_names())
                if form.opens and form.cleaned_data.get("use_preset"):
                    preset_apply(by=request.user, now=now, group=group)
        except ValidationError as error:
            add_errors(form, error)
        except StaleGroup as error:
            stale = error
        else:
            opened = form.opens and group.state == GroupState.ACTIVE
            toast(request, _("The group is open. Members can come.") if opened else _("The group is saved."))
            return redirect("groups:detail", group.pk)
    context: dict[str, Any] = {**_form_context(form), "group": group}
    if stale:
        # What was typed stays. Sent again, it is meant: the form now knows the other change.
        data = request.POST.copy()
        data["version"] = group_version(stale.group)
        form.data = data
        context["others_change"] = _history(group).first()
        context["differences"] = [
            (form[name].label, _shown(stale.group, name))
            for name, value in form.values().items()
            if getattr(stale.group, name) != value
        ]
        return render(request, "console/groups/form.html", context, status=409)
    return render(request, "console/groups/form.html", context, status=422 if form.is_bound else 200)


@require_GET
@staff_required
def group_detail(request: StaffRequest, pk: int) -> HttpResponse:
    """How the group is, and what is next."""
    group = _visible(request, pk)
    now = timezone.now()
    days = group_days(group=group, now=now)
    context = {
        "group": group,
        "tab": "overview",
        "days": days,
        "this_week": group_week(group=group, until=now),
        "week_before": group_week(group=group, until=now - WEEK),
        "next_deliveries": group_next_deliveries(group=group, now=now),
        "has_course": any(day.messages or day.active for day in days),
        "active_course": [day.active for day in days],
        "messages_course": [day.messages for day in days],
        "missing": [GroupForm.base_fields[name].label for name in positioning_missing(group)],
        "plan": plan_shown(group, now),
        "tags": group.tags.all(),
        "history": [(action_words(entry.action), entry) for entry in _history(group)[:5]],
    }
    return render(request, "console/groups/overview.html", context)


@require_GET
@staff_required
def group_part(request: StaffRequest, pk: int, tab: str) -> HttpResponse:
    """A tab whose content another app draws: members, feed, deliveries."""
    return render(request, "console/groups/part.html", {"group": _visible(request, pk), "tab": tab})


@require_POST
@writer_required
def group_close(request: StaffRequest, pk: int) -> HttpResponse:
    group = _visible(request, pk)
    if group_archive(by=request.user, group=group):
        toast(
            request,
            _("%(name)s is archived. Nothing is posted to it any more.") % {"name": group.name},
            undo_url=reverse("groups:restore", args=[group.pk]),
        )
    else:
        warn(request, _("%(name)s is closed already.") % {"name": group.name})
    return redirect("groups:detail", group.pk)


@require_POST
@writer_required
def group_reopen(request: StaffRequest, pk: int) -> HttpResponse:
    group = _visible(request, pk)
    if group_restore(by=request.user, group=group):
        toast(request, _("%(name)s is open again.") % {"name": group.name})
    else:
        warn(request, _("%(name)s is not archived.") % {"name": group.name})
    return redirect("groups:detail", group.pk)


def _form_context(form: GroupForm) -> dict[str, Any]:
    motivations = dict(Motivation.choices)
    return {
        "form": form,
        "presets": presets_all(),
        "whole": WHOLE_POSITIONING,
        "motivation_label": motivations.get(form["motivation"].value(), ""),
    }


def _visible(request: StaffRequest, pk: int) -> Group:
    groups = Group.objects.visible_to(request.user).select_related("branch", "rule_set", "audience_grade")
    return get_object_or_404(groups, pk=pk)


def _history(group: Group) -> QuerySet[AuditEntry]:
    entries = AuditEntry.objects.filter(subject_type="groups.group", subject_id=group.pk)
    return entries.select_related("actor").order_by("-at", "-pk")


def _shown(group: Group, name: str) -> str:
    """A field as people read it."""
    display = getattr(group, f"get_{name}_display", None)
    value = display() if display else getattr(group, name)
    return "–" if value in (None, "") else str(value)
