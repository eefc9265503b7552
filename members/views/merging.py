"""Merging duplicates: proposals, the two side by side, and taking it back."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from community_ops.lib.toasts import toast, warn
from groups.models import Group
from members.fields.values import field_text
from members.merging.candidates import duplicate_candidates
from members.merging.services import (
    CHOSEN,
    UNDO_DAYS,
    MergeRefused,
    duplicates_deny,
    members_merge,
    merge_obstacle,
    merge_undo,
)
from members.models import FieldDefinition, Member, Membership, MergeRun
from members.selectors import member_events
from members.views.console import visible_member

FOUND = 10
LABELS = {
    "name": gettext_lazy("Name"),
    "contact": gettext_lazy("WeChat id"),
    "identity": gettext_lazy("Identity"),
    "grade_id": gettext_lazy("Grade"),
    "invited_by_id": gettext_lazy("Invited by"),
}


@require_GET
@staff_required
def duplicates(request: StaffRequest) -> HttpResponse:
    """Likely duplicates. Nothing is merged by itself."""
    return render(
        request, "console/members/merge_candidates.html", {"candidates": duplicate_candidates(user=request.user)}
    )


@require_http_methods(["GET", "POST"])
@writer_required
def merge(request: StaffRequest, pk: int) -> HttpResponse:
    """Two members side by side; the one of the address stays."""
    member = visible_member(request, pk)
    number = request.POST.get("other") or request.GET.get("other", "")
    people = Member.objects.visible_to(request.user).current().select_related("grade", "invited_by").exclude(pk=pk)
    other = people.filter(pk=number).first() if number.isdecimal() and len(number) < 19 else None
    if other is None:
        if number:
            warn(request, _("This member was merged or erased in the meantime."))
        return _choose(request, member)
    problem = merge_obstacle(winner=member, loser=other, by=request.user)
    if request.method == "POST" and not problem:
        chosen = {
            name.removeprefix("keep-"): str(value) for name, value in request.POST.items() if name.startswith("keep-")
        }
        try:
            run = members_merge(by=request.user, now=timezone.now(), winner=member, loser=other, chosen=chosen)
        except MergeRefused as refused:
            problem = str(refused)
        else:
            toast(
                request,
                _("%(other)s is now part of %(name)s. It can be taken back for %(days)d days.")
                % {"other": other.name, "name": run.winner.name, "days": UNDO_DAYS},
                undo_url=reverse("members:merge_undo", args=[run.pk]),
            )
            return redirect("members:detail", member.pk)
    context = {
        "member": member,
        "other": other,
        "problem": problem,
        "rows": _rows(member, other, request),
        "sides": [_side(member, request), _side(other, request)],
        "days": UNDO_DAYS,
    }
    return render(
        request, "console/members/merge.html", context, status=409 if problem and request.method == "POST" else 200
    )


def _choose(request: StaffRequest, member: Member) -> HttpResponse:
    text = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    found = Member.objects.visible_to(request.user).current().exclude(pk=member.pk).matching(text) if text else None
    context = {
        "member": member,
        "text": text,
        "found": found.order_by("name", "pk")[:FOUND] if found is not None else [],
        "candidates": duplicate_candidates(user=request.user, member=member),
    }
    return render(request, "console/members/merge_choose.html", context)


def _rows(member: Member, other: Member, request: StaffRequest) -> list[dict[str, Any]]:
    """What people choose between, where the two differ; an empty value gives way."""
    found: list[dict[str, Any]] = []
    inviters = Member.objects.visible_to(request.user).filter(pk__in=[member.invited_by_id, other.invited_by_id])
    names = {inviter.pk: inviter.name for inviter in inviters}
    for name in CHOSEN:
        field = name.removesuffix("_id")
        one, two = getattr(member, field), getattr(other, field)
        if one != two:
            mine, theirs = str(one or ""), str(two or "")
            if name == "invited_by_id":
                # Whoever is out of reach is a number only.
                mine, theirs = (names.get(item.pk, f"#{item.pk}") if item else "" for item in (one, two))
            found.append({"name": name, "label": LABELS[name], "mine": mine, "theirs": theirs})
    for definition in FieldDefinition.objects.visible_to(request.user).in_use():
        mine = field_text(definition, member.fields.get(definition.key))
        theirs = field_text(definition, other.fields.get(definition.key))
        if mine != theirs:
            found.append(
                {"name": f"fields.{definition.key}", "label": definition.label, "mine": mine, "theirs": theirs}
            )
    for row in found:
        row["keeps"] = "winner" if row["mine"] else "loser"
    return found


def _side(member: Member, request: StaffRequest) -> dict[str, Any]:
    groups = Group.objects.visible_to(request.user)
    memberships = Membership.objects.filter(member=member, group__in=groups).select_related("group")
    return {
        "member": member,
        "groups": [row.group for row in memberships[:8]],
        "events": member_events(member_id=member.pk, user=request.user).count(),
    }


@require_POST
@writer_required
def not_duplicates(request: StaffRequest, pk: int) -> HttpResponse:
    """These two are different people; they are not proposed again."""
    member = visible_member(request, pk)
    number = request.POST.get("other", "")
    people = Member.objects.visible_to(request.user).exclude(pk=pk)
    other = people.filter(pk=number).first() if number.isdecimal() and len(number) < 19 else None
    if other is None:
        warn(request, _("This member was merged or erased in the meantime."))
    else:
        duplicates_deny(by=request.user, now=timezone.now(), one=member, other=other)
        toast(request, _("Noted: these are two people."))
    return redirect("members:duplicates")


@require_POST
@writer_required
def undo(request: StaffRequest, pk: int) -> HttpResponse:
    runs = MergeRun.objects.select_related("winner", "loser")
    run = get_object_or_404(runs.filter(winner__in=Member.objects.visible_to(request.user)), pk=pk)
    try:
        loser = merge_undo(by=request.user, now=timezone.now(), run=run)
    except MergeRefused as refused:
        warn(request, str(refused))
    else:
        toast(request, _("%(name)s is a member of their own again.") % {"name": loser.name})
    return redirect("members:detail", run.winner_id)
