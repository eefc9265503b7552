"""Proposals in the console."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from campaigns.proposals.forms import DecisionForm
from campaigns.proposals.models import Proposal, ProposalKind, ProposalState
from campaigns.proposals.services import (
    StaleProposal,
    proposal_accept,
    proposal_hide,
    proposal_reject,
    proposal_reopen,
    proposal_show,
)
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.models import Permission
from groups.roles.permissions import may


@require_GET
@staff_required
def proposals(request: StaffRequest) -> HttpResponseBase:
    rows = Proposal.objects.visible_to(request.user).select_related("member", "group").with_votes()
    columns: list[Column[Any]] = [
        Column("title", gettext_lazy("Proposal"), order="title", value=lambda row: row.title),
        Column("group", gettext_lazy("Group"), order="group__name", value=lambda row: row.group.name, wide="sm"),
        Column("member", gettext_lazy("From"), order="member__name", value=lambda row: row.member.name, wide="lg"),
        Column("votes", gettext_lazy("Votes"), order="wanted", value=lambda row: row.wanted, number=True),
        Column("state", gettext_lazy("State"), order="state", value=lambda row: row.get_state_display()),
        Column(
            "created",
            pgettext_lazy("from members", "Proposed"),
            order="created_at",
            value=lambda row: row.created_at,
            wide="md",
        ),
    ]
    listing = Listing(
        request,
        rows,
        columns=columns,
        filters=[
            Filter(
                "state", gettext_lazy("State"), ProposalState.choices, lambda found, value: found.filter(state=value)
            ),
            Filter("kind", gettext_lazy("Kind"), ProposalKind.choices, lambda found, value: found.filter(kind=value)),
            Filter(
                "hidden",
                pgettext_lazy("proposals", "Shown or hidden"),
                [("1", pgettext_lazy("proposals", "Hidden"))],
                lambda found, _value: found.filter(hidden_at__isnull=False),
            ),
        ],
        search=lambda found, text: found.filter(pk__in=Proposal.objects.matching(text).values("pk")),
        sort="-votes",
        id="proposals",
    )
    if listing.export:
        return listing.export_response("proposals")
    return render(request, "console/campaigns/proposals/list.html", {"listing": listing})


@require_GET
@staff_required
def proposal(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _visible(request, pk), None)


def _page(request: StaffRequest, row: Proposal, form: DecisionForm | None) -> HttpResponse:
    context = {
        "row": row,
        "form": form or DecisionForm(initial={"version": row.version}),
        "may_decide": may(request.user, Permission.POST, row.group),
        "may_hide": may(request.user, Permission.MODERATE, row.group),
        "voters": list(row.votes.select_related("member").order_by("at", "pk")[:50]),
    }
    return render(request, "console/campaigns/proposals/proposal.html", context, status=422 if form else 200)


@require_POST
@writer_required
def decide(request: StaffRequest, pk: int) -> HttpResponse:
    """Accepts or rejects, as the button says."""
    row = _visible(request, pk)
    _hold_to_role(request, row, Permission.POST)
    form = DecisionForm(request.POST)
    if form.is_valid():
        accepts = request.POST.get("decision") == "accept"
        act = proposal_accept if accepts else proposal_reject
        data = form.cleaned_data
        try:
            done = act(
                by=request.user, now=timezone.now(), proposal=row, answer=data["answer"], version=data["version"]
            )
        except ValidationError as error:
            add_errors(form, error)
        except StaleProposal:
            form.add_error(None, _("Somebody else has decided it, or its member has withdrawn it."))
        else:
            if accepts:
                toast(request, _("The proposal is accepted: finish its draft."))
            else:
                undo = reverse("campaigns:proposal_reopen", args=[row.pk, done.version])
                toast(request, _("The proposal is declined; its member reads why."), undo_url=undo)
            return redirect("campaigns:proposal", row.pk)
    return _page(request, row, form)


@require_POST
@writer_required
def reopen(request: StaffRequest, pk: int, version: int) -> HttpResponse:
    row = _visible(request, pk)
    _hold_to_role(request, row, Permission.POST)
    if proposal_reopen(by=request.user, proposal=row, version=version):
        toast(request, _("The proposal is open again."))
    else:
        warn(request, _("Somebody has acted on it since."))
    return redirect("campaigns:proposal", row.pk)


@require_POST
@writer_required
def hide(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    _hold_to_role(request, row, Permission.MODERATE)
    target = next_address(request, reverse("campaigns:proposal", args=[row.pk]))
    if proposal_hide(by=request.user, now=timezone.now(), proposal=row):
        undo = f"{reverse('campaigns:proposal_show', args=[row.pk])}?{urlencode({'next': target})}"
        toast(request, _("The proposal is hidden from the others."), undo_url=undo)
    return redirect(target)


@require_POST
@writer_required
def show(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    _hold_to_role(request, row, Permission.MODERATE)
    proposal_show(by=request.user, proposal=row)
    return redirect(next_address(request, reverse("campaigns:proposal", args=[row.pk])))


def _visible(request: StaffRequest, pk: int) -> Proposal:
    rows = Proposal.objects.visible_to(request.user).with_votes()
    return get_object_or_404(rows.select_related("group", "member", "decided_by", "piece", "activity"), pk=pk)


def _hold_to_role(request: StaffRequest, row: Proposal, permission: Permission) -> None:
    if not may(request.user, permission, row.group):
        raise PermissionDenied
