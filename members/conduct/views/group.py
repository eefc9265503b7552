"""The rules of one group: which they are, who has read them, how they are kept alive."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, role_required, staff_required, writer_required
from accounts.models import Role
from accounts.policies import StalePolicy, policy_get, policy_save, policy_version
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast, warn
from groups.models import Group, Permission, RuleSet
from groups.roles.permissions import may
from groups.rules.services import group_rule_set_assign
from members.conduct.acknowledgements import Share, rule_set_shares, rules_acknowledge, shares, unread, version_in_force
from members.conduct.forms import AssignForm, PolicyForm, ScheduleForm
from members.conduct.models import AcknowledgedBy, Every, Violation
from members.conduct.policy import ConductPolicy
from members.conduct.reposting import conduct_of, group_keep_messages, repost_plan, rules_post_now
from members.links import membership_link
from members.models import Membership

SHOWN = 20


@require_GET
@staff_required
def group_rules(request: StaffRequest, pk: int) -> HttpResponse:
    return _rules(request, _visible(request, pk))


def _rules(request: StaffRequest, group: Group, status: int = 200, **forms: Any) -> HttpResponse:
    now = timezone.now()
    version = version_in_force(group)
    conduct = conduct_of(group)
    memberships = list(unread(group)[: SHOWN + 1]) if version else []
    for membership in memberships:
        membership.group = group
    own = Violation.objects.filter(group=group).select_related("member", "rule")
    context = {
        "group": group,
        "tab": "rules",
        "version": version,
        "rules": list(version.rules.all()) if version else [],
        "share": shares([group.pk]).get(group.pk, Share()),
        "unread": [(membership, membership_link(membership)) for membership in memberships[:SHOWN]],
        "has_more": len(memberships) > SHOWN,
        "violations": [(one, one.counts(now)) for one in own.order_by("-at", "-pk")[:8]],
        "waiting": own.waiting().count(),
        "conduct": conduct,
        "may_moderate": may(request.user, Permission.MODERATE, group),
        "keep_days": policy_get(ConductPolicy).keep_days,
        "assign_form": AssignForm(group=group),
        "schedule_form": ScheduleForm(
            initial={
                "repost_every": conduct.repost_every,
                "weekday": conduct.repost_day if conduct.repost_every == Every.WEEK else 0,
                "month_day": conduct.repost_day if conduct.repost_every == Every.MONTH else 1,
                "repost_hour": conduct.repost_hour,
                "reminds_in_channel": conduct.reminds_in_channel,
            }
        ),
        **forms,
    }
    return render(request, "console/members/conduct_group.html", context, status=status)


@require_POST
@writer_required
def rules_assign(request: StaffRequest, pk: int) -> HttpResponse:
    group = _moderated(request, pk)
    form = AssignForm(request.POST, group=group)
    if form.is_valid():
        try:
            group_rule_set_assign(by=request.user, group=group, rule_set=form.cleaned_data["rule_set"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The rules of the group are saved."))
            return redirect("members:group_rules", group.pk)
    return _rules(request, group, 422, assign_form=form)


@require_POST
@writer_required
def rules_schedule(request: StaffRequest, pk: int) -> HttpResponse:
    group = _moderated(request, pk)
    form = ScheduleForm(request.POST)
    if form.is_valid():
        try:
            repost_plan(
                by=request.user,
                now=timezone.now(),
                group=group,
                every=form.cleaned_data["repost_every"],
                day=form.day,
                hour=form.cleaned_data["repost_hour"],
                reminds_in_channel=form.cleaned_data["reminds_in_channel"],
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("Saved: when the rules are posted, and how reminders go out."))
            return redirect("members:group_rules", group.pk)
    return _rules(request, group, 422, schedule_form=form)


@require_POST
@writer_required
def rules_repost(request: StaffRequest, pk: int) -> HttpResponse:
    group = _moderated(request, pk)
    if rules_post_now(by=request.user, now=timezone.now(), group=group):
        toast(request, _("The rules are on their way into the group."))
    else:
        warn(request, _("Only an active group with rules in force can be told its rules."))
    return redirect("members:group_rules", group.pk)


@require_POST
@writer_required
def messages_keep(request: StaffRequest, pk: int) -> HttpResponse:
    group = _moderated(request, pk)
    keeps = request.POST.get("keep") == "yes"
    if group_keep_messages(by=request.user, group=group, keeps=keeps):
        words = (
            _("From now on messages are kept.") if keeps else _("Messages are not kept any more; those kept are gone.")
        )
        toast(request, words)
    return redirect("members:group_rules", group.pk)


@require_POST
@writer_required
def rules_read_by_hand(request: StaffRequest, pk: int, membership_pk: int) -> HttpResponse:
    """A member told the staff that they have read the rules."""
    group = _moderated(request, pk)
    membership = get_object_or_404(Membership.objects.select_related("member"), pk=membership_pk, group=group)
    membership.group = group
    if rules_acknowledge(by=request.user, now=timezone.now(), membership=membership, source=AcknowledgedBy.STAFF):
        toast(request, _("Noted: %(name)s has read the rules.") % {"name": membership.member.name})
    return redirect("members:group_rules", group.pk)


@require_GET
@staff_required
def rules_ack_share(request: StaffRequest, pk: int) -> HttpResponse:
    """How many of those who follow a rule set have read it: a part of its page."""
    rule_set = get_object_or_404(RuleSet.objects.visible_to(request.user), pk=pk)
    share = rule_set_shares([rule_set.pk], request.user)
    total = Share(sum(one.read for one in share.values()), sum(one.present for one in share.values()))
    return render(request, "console/members/conduct_share.html", {"share": total})


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def settings(request: StaffRequest) -> HttpResponse:
    """What administrators decide about conduct: for every branch, so those of headquarters."""
    if not request.user.is_headquarters:
        raise PermissionDenied
    version = policy_version(ConductPolicy)
    values = policy_get(ConductPolicy)
    form = PolicyForm(request.POST if request.method == "POST" else None, initial={**vars(values), "version": version})
    status = 422 if form.is_bound else 200
    stale = False
    if form.is_valid():
        try:
            policy_save(by=request.user, now=timezone.now(), values=form.values(), version=form.cleaned_data["version"])
        except StalePolicy as error:
            # What was typed stays. Sent again, it is meant.
            data = request.POST.copy()
            data["version"] = str(error.version)
            form.data, status, stale = data, 409, True
        else:
            toast(request, _("Saved."))
            return redirect(reverse("members:conduct_settings"))
    context = {"form": form, "stale": stale, "current": policy_get(ConductPolicy)}
    return render(request, "console/members/conduct_settings.html", context, status=status)


def _visible(request: StaffRequest, pk: int) -> Group:
    return get_object_or_404(Group.objects.visible_to(request.user).select_related("branch", "rule_set"), pk=pk)


def _moderated(request: StaffRequest, pk: int) -> Group:
    group = _visible(request, pk)
    if not may(request.user, Permission.MODERATE, group):
        raise PermissionDenied
    return group
