"""What the pages of rule sets share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import StaffRequest, StaffView
from community_ops.lib.toasts import warn
from groups.rules.models import RuleSet, RuleSetVersion, VersionState
from groups.rules.services import NotADraft, draft_open


def seen_set(request: StaffRequest, pk: int) -> RuleSet:
    """A rule set within the person's reach, or 404."""
    return get_object_or_404(RuleSet.objects.visible_to(request.user).select_related("branch"), pk=pk)


def own_set(request: StaffRequest, pk: int) -> RuleSet:
    """A rule set that the person may change, or 403."""
    rule_set = seen_set(request, pk)
    if not rule_set.may_be_changed_by(request.user):
        raise PermissionDenied
    return rule_set


def own_draft(request: StaffRequest, pk: int) -> tuple[RuleSet, RuleSetVersion]:
    """A rule set that the person may change, and its draft. Raises NotADraft without one."""
    rule_set = own_set(request, pk)
    version = rule_set.versions.filter(state=VersionState.DRAFT).first()
    if version is None:
        raise NotADraft
    return rule_set, version


def draft_to_edit(request: StaffRequest, pk: int) -> tuple[RuleSet, RuleSetVersion]:
    """The same for a form: when somebody published the draft while it was open, what was typed goes into the next."""
    if request.method == "POST":
        draft_open(by=request.user, now=timezone.now(), rule_set=own_set(request, pk))
    return own_draft(request, pk)


P = ParamSpec("P")


def needs_draft(view: Callable[Concatenate[StaffRequest, P], HttpResponse]) -> StaffView[P]:
    """Leads to the rule set (`pk` of the address) when its draft is gone, before or in the middle of the act."""

    @wraps(view)
    def guarded(request: StaffRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotADraft:
            warn(request, _("There is no draft any more: somebody published it or threw it away."))
            return redirect("groups:rule_set", kwargs["pk"])

    return guarded


def numbered(rule_set: RuleSet, number: int) -> RuleSetVersion:
    """A version by its number within the rule set, or 404."""
    return get_object_or_404(rule_set.versions.select_related("published_by", "created_by"), number=number)


def dry_run_address(version: RuleSetVersion | None) -> str:
    """The page that tries a version on past messages, where there is one."""
    if version is None:
        return ""
    try:
        return reverse("members:rules_dry_run", args=[version.pk])
    except NoReverseMatch:
        return ""
