"""Applying on a phone, and the applicant's own page. No script, no account: the address is the key."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from community_ops.lib.forms import add_errors
from community_ops.lib.unlisted import unlisted
from groups.models import Group
from members.entry.forms import JoinForm
from members.entry.models import Application, ApplicationState, EntryPlan, EntryQuestion
from members.entry.selectors import rules_of
from members.entry.services import application_make, application_withdraw, entry_plan
from members.visitors.http import person_kept, visitor_of, wechat_door
from members.visitors.services import applications_opening

# From one address within an hour. Many phones share the address of their network, so this is far above what one needs.
FLOOD = 30
FLOOD_WITHIN = timedelta(hours=1)


def _sender(request: HttpRequest) -> str:
    """A keyed digest of the address, another one each day."""
    address = request.META.get("REMOTE_ADDR", "")
    return salted_hmac("members.entry", f"{address} {timezone.localdate()}", algorithm="sha256").hexdigest()[:32]


@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """What a group is for, its rules, and its questions."""
    group = get_object_or_404(Group.objects.open(), page_token=token)
    known = person_kept(request)
    door = wechat_door(request, quiet=True) if request.method == "GET" and known is None else ""
    if door and visitor_of(request) is None:
        return redirect(door)
    is_open = EntryPlan.objects.filter(group=group, is_open=True).exists()
    questions = list(EntryQuestion.objects.filter(group=group)) if is_open else []
    initial = {"channel": request.GET.get("c", "")[:100], "referrer": request.GET.get("from", "")[:120]}
    form = JoinForm(
        request.POST if is_open and request.method == "POST" else None, questions=questions, initial=initial
    )
    status = 422 if form.is_bound else 200
    if form.is_bound and form.is_valid():
        sender = _sender(request)
        lately = Application.objects.filter(sender=sender, created_at__gt=timezone.now() - FLOOD_WITHIN).count()
        if form.cleaned_data["website"]:
            return unlisted(render(request, "member/members/entry_received.html", {"group": group}))
        if lately >= FLOOD:
            form.add_error(None, _("Too many applications come from this network. Please try again in an hour."))
            status = 429
        else:
            try:
                made = application_make(
                    group=group, applicant=replace(form.applicant(sender), wechat=known or {}), now=timezone.now()
                )
            except ValidationError as error:
                add_errors(form, error)
            else:
                return redirect("member:application", made.token)
    version, rules = rules_of(group)
    context = {
        "group": group,
        "form": form,
        "is_open": is_open,
        "is_full": group.member_count >= group.capacity,
        "version": version,
        "rules": rules,
    }
    response = unlisted(render(request, "member/members/entry_join.html", context, status=status))
    if status == 429:
        response["Retry-After"] = str(int(FLOOD_WITHIN.total_seconds()))
    return response


@require_http_methods(["GET", "POST"])
def application(request: HttpRequest, token: str) -> HttpResponse:
    """How an application stands; the applicant may withdraw it here."""
    found = get_object_or_404(Application.objects.select_related("group"), token=token)
    if request.method == "POST":
        application_withdraw(now=timezone.now(), application=found)
        return redirect("member:application", found.token)
    pending = found.state == ApplicationState.PENDING
    full = pending and found.group.member_count >= found.group.capacity
    ahead = (
        Application.objects.pending().filter(group=found.group, created_at__lt=found.created_at).count() if full else 0
    )
    context = {
        "application": found,
        "group": found.group,
        "next_steps": entry_plan(found.group).next_steps,
        "has_rules": bool(rules_of(found.group)[1]),
        "is_full": full,
        "place": ahead + 1,
        "may_open": applications_opening(timezone.now()).filter(pk=found.pk).exists() and not visitor_of(request),
    }
    return unlisted(render(request, "member/members/entry_status.html", context))
