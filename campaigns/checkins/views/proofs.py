"""Check-ins one by one: those whose proof waits for review, and all of a programme."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from campaigns.checkins.counting import judging_undo, proofs_judge
from campaigns.checkins.models import CheckIn, CheckInProgramme, CheckInState, Source
from campaigns.checkins.views.pictures import picture_response
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.choices import group_choices
from groups.models import Group, Permission
from groups.roles.permissions import rights_in
from members.models import Member

AT_ONCE = 200

COLUMNS: list[Column[Any]] = [
    Column("member", gettext_lazy("Member"), order="member__name", value=lambda row: row.member.name),
    Column("day", gettext_lazy("Day"), order="day", value=lambda row: row.day),
    Column("at", gettext_lazy("Checked in"), order="at", value=lambda row: row.at, wide="lg"),
    Column("group", gettext_lazy("Group"), order="group__name", value=lambda row: row.group.name, wide="md"),
    Column("source", gettext_lazy("Source"), value=lambda row: row.get_source_display(), wide="lg"),
    Column("proof", gettext_lazy("Proof"), value=lambda row: row.text),
    Column("state", gettext_lazy("State"), order="state", value=lambda row: row.get_state_display()),
]


@require_GET
@staff_required
def proofs(request: StaffRequest) -> HttpResponseBase:
    """What waits for review in all programmes, the oldest first."""
    rows = CheckIn.objects.visible_to(request.user).waiting()
    named = CheckInProgramme.objects.visible_to(request.user).filter(is_reviewed=True).order_by("name", "pk")
    programmes = [(str(pk), name) for pk, name in named.values_list("pk", "name")]
    by_programme: Filter[Any] = Filter(
        "programme", gettext_lazy("Programme"), programmes, lambda found, value: found.filter(programme=value)
    )
    listing = _listing(request, rows, [by_programme, _by_group(request)], "at", "proofs")
    if listing.export:
        return listing.export_response("check-in-proofs")
    return render(request, "console/campaigns/checkins/proofs.html", {**_context(request, listing), "programme": None})


@require_GET
@staff_required
def check_ins(request: StaffRequest, pk: int) -> HttpResponseBase:
    """All check-ins of a programme."""
    programme = get_object_or_404(CheckInProgramme.objects.visible_to(request.user), pk=pk)
    rows = CheckIn.objects.visible_to(request.user).filter(programme=programme)
    filters: list[Filter[Any]] = [
        Filter("state", gettext_lazy("State"), CheckInState.choices, lambda found, value: found.filter(state=value)),
        Filter("source", gettext_lazy("Source"), Source.choices, lambda found, value: found.filter(source=value)),
        Filter("day", gettext_lazy("Day"), [], lambda found, value: found.filter(day=value), is_day=True),
        _by_group(request),
    ]
    listing = _listing(request, rows, filters, "-at", "checked")
    if listing.export:
        return listing.export_response("check-ins")
    context = {**_context(request, listing), "programme": programme}
    return render(request, "console/campaigns/checkins/proofs.html", context)


def _by_group(request: StaffRequest) -> Filter[Any]:
    choices = group_choices(request.user, request.GET.get("group", ""))
    return Filter("group", gettext_lazy("Group"), choices, lambda found, value: found.filter(group=value))


def _listing(
    request: StaffRequest, rows: QuerySet[CheckIn], filters: list[Filter[Any]], sort: str, id: str
) -> Listing[CheckIn]:
    return Listing(
        request,
        rows.select_related("member", "group", "programme"),
        columns=COLUMNS,
        filters=filters,
        search=lambda found, text: found.filter(member__in=Member.objects.matching(text)),
        sort=sort,
        id=id,
    )


def _context(request: StaffRequest, listing: Listing[CheckIn]) -> dict[str, Any]:
    rights = rights_in(request.user, {row.group_id for row in listing.rows})
    rows = [(row, rights.may(Permission.POST, row.group_id)) for row in listing.rows]
    return {
        "listing": listing,
        "rows": rows,
        "may_judge": any(may for _row, may in rows),
        "here": request.get_full_path(),
    }


@require_POST
@writer_required
def judge(request: StaffRequest) -> HttpResponse:
    """Approves or rejects the ticked check-ins, or the one whose button was pressed."""
    target = next_address(request, reverse("campaigns:check_in_proofs"))
    decision, _sep, one = request.POST.get("decision", "").partition(":")
    asked = [one] if one else request.POST.getlist("check_in")[:AT_ONCE]
    ids = [int(pk) for pk in asked if pk.isascii() and pk.isdigit() and len(pk) < 19]
    rows = list(CheckIn.objects.visible_to(request.user).filter(pk__in=ids).select_related("programme"))
    permitted = Group.objects.visible_to(request.user).permitted(request.user, Permission.POST)
    allowed = set(permitted.filter(pk__in={row.group_id for row in rows}).values_list("pk", flat=True))
    if any(row.group_id not in allowed for row in rows):
        raise PermissionDenied
    if decision not in ("approve", "reject") or not rows:
        warn(request, _("Tick what you want to decide."))
        return redirect(target)
    done: list[CheckIn] = []
    try:
        for number in sorted({row.programme_id for row in rows}):
            own = [row for row in rows if row.programme_id == number]
            done += proofs_judge(
                by=request.user,
                now=timezone.now(),
                rows=own,
                approve=decision == "approve",
                reason=request.POST.get("reason", ""),
            )
    except ValidationError as error:
        warn(request, " ".join(error.messages))
        return redirect(target)
    if not done:
        warn(request, _("Somebody else has decided meanwhile."))
        return redirect(target)
    said = (
        ngettext("%(number)d check-in counts now.", "%(number)d check-ins count now.", len(done))
        if decision == "approve"
        else ngettext("%(number)d check-in is rejected.", "%(number)d check-ins are rejected.", len(done))
    )
    undo = ""
    if len(done) == 1:
        undo = f"{reverse('campaigns:check_in_reopen', args=[done[0].pk])}?{urlencode({'next': target})}"
    toast(request, said % {"number": len(done)}, undo_url=undo)
    return redirect(target)


@require_POST
@writer_required
def reopen(request: StaffRequest, pk: int) -> HttpResponse:
    """Takes a decision back."""
    row = get_object_or_404(CheckIn.objects.visible_to(request.user), pk=pk)
    if not Group.objects.visible_to(request.user).permitted(request.user, Permission.POST).filter(pk=row.group_id):
        raise PermissionDenied
    if judging_undo(by=request.user, now=timezone.now(), row=row):
        toast(request, _("It waits for review again."))
    else:
        warn(request, _("There is no decision to take back."))
    return redirect(next_address(request, reverse("campaigns:check_in_proofs")))


@require_safe
@staff_required
def picture(request: StaffRequest, pk: int) -> HttpResponse:
    """The picture of a proof."""
    return picture_response(get_object_or_404(CheckIn.objects.visible_to(request.user), pk=pk))
