"""Proposals on the phones of members."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from campaigns.proposals.models import LONGEST_TEXT, LONGEST_TITLE, Proposal, ProposalKind, ProposalState
from campaigns.proposals.services import proposal_make, proposal_withdraw, vote_give, vote_take_back
from members.visitors.http import Visit, for_members

OPEN_SHOWN = 50
DECIDED_SHOWN = 20


@require_GET
@for_members
def proposals(request: HttpRequest, visit: Visit) -> HttpResponse:
    return _page(request, visit)


@require_POST
@for_members
def propose(request: HttpRequest, visit: Visit) -> HttpResponse:
    typed = {name: request.POST.get(name, "") for name in ("kind", "title", "text")}
    try:
        proposal_make(now=timezone.now(), group=visit.group, member=visit.member, **typed)
    except ValidationError as error:
        fields = error.message_dict if hasattr(error, "error_dict") else {"title": error.messages}
        problems = {name: messages[0] for name, messages in fields.items()}
        return _page(request, visit, 422, typed=typed, problems=problems)
    return redirect("member:proposals", visit.group.page_token)


@require_POST
@for_members
def vote(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    vote_give(now=timezone.now(), proposal=_seen(visit, pk), member=visit.member)
    return redirect("member:proposals", visit.group.page_token)


@require_POST
@for_members
def unvote(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    vote_take_back(now=timezone.now(), proposal=_seen(visit, pk), member=visit.member)
    return redirect("member:proposals", visit.group.page_token)


@require_POST
@for_members
def withdraw(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    proposal_withdraw(proposal=_seen(visit, pk), member=visit.member)
    return redirect("member:proposals", visit.group.page_token)


def _seen(visit: Visit, pk: int) -> Proposal:
    rows = Proposal.objects.filter(group=visit.group).filter(Q(hidden_at=None) | Q(member=visit.member))
    return get_object_or_404(rows.select_related("group"), pk=pk)


def _page(request: HttpRequest, visit: Visit, status: int = 200, **more: Any) -> HttpResponse:
    """What is open, the most wanted first; then what was decided. Somebody's own are theirs to see in any case."""
    rows = Proposal.objects.filter(group=visit.group).filter(Q(hidden_at=None) | Q(member=visit.member))
    listed: Any = rows.exclude(state=ProposalState.WITHDRAWN).exclude(title="").select_related("member")
    listed = listed.with_votes(visit.member)
    context = {
        "visit": visit,
        "group": visit.group,
        "open": list(listed.filter(state=ProposalState.OPEN).order_by("-wanted", "created_at", "pk")[:OPEN_SHOWN]),
        "decided": list(listed.exclude(state=ProposalState.OPEN).order_by("-decided_at", "-pk")[:DECIDED_SHOWN]),
        "kinds": ProposalKind.choices,
        "longest_title": LONGEST_TITLE,
        "longest_text": LONGEST_TEXT,
        "typed": {"kind": ProposalKind.ACTIVITY.value},
        **more,
    }
    return render(request, "member/campaigns/proposals.html", context, status=status)
