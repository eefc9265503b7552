"""Rule sets: the list, one of them, its versions, and what is done with a whole set."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, role_required, staff_required
from accounts.models import Branch, Role, User
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.rules.content import RuleContent, VersionContent, content_yaml, version_content
from groups.rules.diff import version_diff
from groups.rules.forms import CopyForm, NameForm, NewRuleSetForm
from groups.rules.models import Detector, VersionState
from groups.rules.selectors import rule_set_reach, rule_sets_listed
from groups.rules.services import (
    DraftWaiting,
    RuleSetInUse,
    rule_set_archive,
    rule_set_copy,
    rule_set_create,
    rule_set_rename,
    rule_set_restore,
    version_restore,
)
from groups.rules.views.common import dry_run_address, numbered, own_set, seen_set

SHARED = "shared"


def _columns(user: User) -> list[Column[Any]]:
    return [
        Column("name", gettext_lazy("Name"), order="name", value=lambda one: one.name),
        Column(
            "branch",
            gettext_lazy("Branch"),
            order="branch__name",
            nullable=True,
            value=lambda one: one.branch.name if one.branch else _("Shared by all branches"),
            wide="md",
        ),
        Column(
            "in_force",
            gettext_lazy("Version in force"),
            order="in_force_at",
            nullable=True,
            value=lambda one: one.in_force,
            wide="sm",
        ),
        Column("groups", gettext_lazy("Groups"), order="group_count", value=lambda one: one.group_count, number=True),
        Column("reach", gettext_lazy("Members"), order="reach", value=lambda one: one.reach, number=True, wide="md"),
    ]


def _filters(user: User) -> list[Filter[Any]]:
    def in_state(found: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value == "archived":
            return found.exclude(archived_at=None)
        return found.filter(archived_at=None, **({"has_draft": True} if value == "draft" else {}))

    filters: list[Filter[Any]] = [
        Filter(
            "state",
            gettext_lazy("State"),
            [("draft", gettext_lazy("With a draft")), ("archived", gettext_lazy("Out of use"))],
            in_state,
            unset=gettext_lazy("In use"),
        )
    ]
    branches = [(str(pk), name) for pk, name in Branch.objects.visible_to(user).values_list("pk", "name")]
    if branches:
        filters.append(
            Filter(
                "branch",
                gettext_lazy("Branch"),
                [*branches, (SHARED, gettext_lazy("Shared by all branches"))],
                lambda found, value: found.filter(branch=None) if value == SHARED else found.filter(branch_id=value),
            )
        )
    return filters


@require_GET
@staff_required
def rule_sets(request: StaffRequest) -> HttpResponseBase:
    found = rule_sets_listed(request.user)
    if not request.GET.get("state") and not request.GET.get("q"):
        found = found.filter(archived_at=None)
    listing: Listing[Any] = Listing(
        request,
        found,
        columns=_columns(request.user),
        filters=_filters(request.user),
        search=lambda rows, text: rows.filter(name__icontains=text),
        sort="name",
    )
    if listing.export:
        return listing.export_response("rules")
    return render(request, "console/groups/rules/list.html", {"listing": listing})


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def rule_set_new(request: StaffRequest) -> HttpResponse:
    form = NewRuleSetForm(request.POST or None, request.FILES or None, user=request.user)
    if form.is_valid():
        branch = form.cleaned_data["branch"] if request.user.is_headquarters else request.user.branch
        try:
            rule_set = rule_set_create(
                by=request.user,
                now=timezone.now(),
                name=form.cleaned_data["name"],
                branch=branch,
                content=form.content,
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(
                request, _("%(name)s is made as a draft. Publish it when it says what you mean.") % {"name": rule_set}
            )
            return redirect("groups:rules_draft", rule_set.pk)
    return render(request, "console/groups/rules/new.html", {"form": form}, status=422 if form.is_bound else 200)


@require_GET
@staff_required
def rule_set(request: StaffRequest, pk: int) -> HttpResponse:
    """What is in force, for whom, and what came before."""
    found = seen_set(request, pk)
    versions = list(found.versions.select_related("published_by", "created_by").order_by("-number"))
    in_force = next((version for version in versions if version.state == VersionState.PUBLISHED), None)
    draft = next((version for version in versions if version.state == VersionState.DRAFT), None)
    shown = in_force or draft
    content = version_content(shown) if shown else VersionContent()
    context = {
        "rule_set": found,
        "versions": versions,
        "in_force": in_force,
        "draft": draft,
        "shown": shown,
        "content": content,
        "reach": rule_set_reach(rule_set=found, user=request.user),
        "may_change": found.may_be_changed_by(request.user),
        "dry_run_url": dry_run_address(draft or in_force),
    }
    return render(request, "console/groups/rules/detail.html", context)


@require_GET
@staff_required
def rules_version(request: StaffRequest, pk: int, number: int) -> HttpResponse:
    found = seen_set(request, pk)
    version = numbered(found, number)
    context = {
        "rule_set": found,
        "version": version,
        "content": version_content(version),
        "has_draft": found.versions.filter(state=VersionState.DRAFT).exists(),
        "before": found.versions.filter(number__lt=number).order_by("-number").first(),
        "may_change": found.may_be_changed_by(request.user),
        "dry_run_url": dry_run_address(version),
    }
    return render(request, "console/groups/rules/version.html", context)


@require_GET
@staff_required
def rules_diff(request: StaffRequest, pk: int) -> HttpResponse:
    """What changed from one version to another: `from` and `to` are numbers; else the newest against the one before."""
    found = seen_set(request, pk)
    versions = list(found.versions.order_by("-number"))
    by_number = {str(version.number): version for version in versions}
    new = by_number.get(request.GET.get("to", ""), versions[0])
    earlier = [version for version in versions if version.number < new.number]
    old = by_number.get(request.GET.get("from", ""), earlier[0] if earlier else None)
    context = {
        "rule_set": found,
        "versions": versions,
        "old": old,
        "new": new,
        "diff": version_diff(version_content(old) if old else None, version_content(new)),
        "split": request.GET.get("view") != "inline",
    }
    return render(request, "console/groups/rules/diff.html", context)


@require_GET
@staff_required
def rules_export(request: StaffRequest, pk: int, number: int) -> HttpResponse:
    """A version as YAML; with `rule` the keywords of that rule, one in each line."""
    found = seen_set(request, pk)
    version = numbered(found, number)
    content = version_content(version)
    code = request.GET.get("rule", "")
    if code:
        rule: RuleContent | None = content.rule(code)
        words = rule.params["words"] if rule and rule.detector == Detector.KEYWORDS else []
        body, kind, name = (
            "\ufeff" + "".join(f'"{word.replace(chr(34), chr(34) * 2)}"\r\n' for word in words),
            "csv",
            code,
        )
    else:
        body, kind, name = content_yaml(found.name, content), "yaml", f"rules-{found.pk}-v{number}"
    response = HttpResponse(body, content_type=f"text/{kind}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


@require_POST
@role_required(Role.ADMIN)
def rules_restore(request: StaffRequest, pk: int, number: int) -> HttpResponse:
    """An old version as a new draft."""
    found = own_set(request, pk)
    try:
        version_restore(by=request.user, now=timezone.now(), version=numbered(found, number))
    except DraftWaiting as error:
        warn(
            request,
            _("Version %(number)s is a draft already. Publish it or throw it away first.")
            % {"number": error.version.number},
        )
        return redirect("groups:rule_set", found.pk)
    toast(request, _("Version %(number)s is a draft again. Publish it to put it in force.") % {"number": number})
    return redirect("groups:rules_draft", found.pk)


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def rules_rename(request: StaffRequest, pk: int) -> HttpResponse:
    found = own_set(request, pk)
    form = NameForm(request.POST or None, initial={"name": found.name})
    if form.is_valid():
        try:
            rule_set_rename(by=request.user, rule_set=found, name=form.cleaned_data["name"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The rules are called %(name)s now.") % {"name": found.name})
            return redirect("groups:rule_set", found.pk)
    context = {"form": form, "rule_set": found, "heading": _("Rename the rules"), "button": _("Save")}
    return render(request, "console/groups/rules/small_form.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def rules_copy(request: StaffRequest, pk: int) -> HttpResponse:
    found = seen_set(request, pk)
    initial = {"name": _("%(name)s (copy)") % {"name": found.name}, "branch": found.branch_id}
    form = CopyForm(request.POST or None, user=request.user, initial=initial)
    if form.is_valid():
        branch = form.cleaned_data["branch"] if request.user.is_headquarters else request.user.branch
        try:
            copy = rule_set_copy(
                by=request.user, now=timezone.now(), rule_set=found, name=form.cleaned_data["name"], branch=branch
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("%(name)s is made as a draft. Publish it when it says what you mean.") % {"name": copy})
            return redirect("groups:rules_draft", copy.pk)
    context = {"form": form, "rule_set": found, "heading": _("Copy the rules"), "button": _("Make the copy")}
    return render(request, "console/groups/rules/small_form.html", context, status=422 if form.is_bound else 200)


@require_POST
@role_required(Role.ADMIN)
def rules_archive(request: StaffRequest, pk: int) -> HttpResponse:
    found = own_set(request, pk)
    try:
        archived = rule_set_archive(by=request.user, now=timezone.now(), rule_set=found)
    except RuleSetInUse as error:
        warn(
            request,
            ngettext(
                "%(count)s group follows these rules. Give it others first.",
                "%(count)s groups follow these rules. Give them others first.",
                error.groups,
            )
            % {"count": error.groups},
        )
        return redirect("groups:rule_set", found.pk)
    if archived:
        undo = reverse("groups:rules_unarchive", args=[found.pk])
        toast(request, _("%(name)s is out of use.") % {"name": found.name}, undo_url=undo)
    return redirect("groups:rule_sets")


@require_POST
@role_required(Role.ADMIN)
def rules_unarchive(request: StaffRequest, pk: int) -> HttpResponse:
    found = own_set(request, pk)
    if rule_set_restore(by=request.user, rule_set=found):
        toast(request, _("%(name)s is in use again.") % {"name": found.name})
    return redirect("groups:rule_set", found.pk)
