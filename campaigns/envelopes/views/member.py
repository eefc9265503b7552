"""A red envelope on the phone of a member."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from campaigns.envelopes.audience import members_meant
from campaigns.envelopes.models import EnvelopeRound, EnvelopeShare, RoundState
from campaigns.envelopes.services import Refusal, Refused, round_open, share_claim
from members.visitors.http import Visit, for_members

LUCKIEST = 5


@require_http_methods(["GET", "POST"])
@for_members
def envelope(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    now = timezone.now()
    row = get_object_or_404(EnvelopeRound.objects.of_group(visit.group).select_related("group"), pk=pk)
    refusal = ""
    if request.method == "POST":
        if row.state == RoundState.PLANNED and row.is_open_at(now):
            # Whoever comes first in the second that it opens does not wait for the next tick.
            round_open(round_id=row.pk, now=now)
        try:
            share_claim(round_id=row.pk, member=visit.member, now=now)
        except Refused as error:
            refusal = error.why
        else:
            return redirect("member:envelope", visit.group.page_token, row.pk)
    return render(
        request,
        "member/campaigns/envelope.html",
        _context(row, visit, now, refusal),
        status={"": 200, Refusal.NOT_FOR_YOU: 403}.get(refusal, 409),
    )


def _context(row: EnvelopeRound, visit: Visit, now: datetime, refusal: str) -> dict[str, object]:
    shares = list(EnvelopeShare.objects.filter(round=row).select_related("member"))
    taken = [share for share in shares if share.member_id is not None]
    mine = EnvelopeShare.objects.of_member(visit.member.pk).filter(round=row).first()
    if not refusal and mine is None:
        refusal = _why_not(row, visit, now, is_gone=bool(shares) and len(taken) == len(shares))
    luckiest = sorted(taken, key=lambda share: (-share.amount, share.claimed_at))[:LUCKIEST]
    return {
        "row": row,
        "group": visit.group,
        "visitor": visit.member,
        "mine": mine,
        "refusal": refusal,
        "taken": len(taken),
        "luckiest": luckiest if row.envelope.shows_luckiest and (mine or refusal) else [],
    }


def _why_not(row: EnvelopeRound, visit: Visit, now: datetime, *, is_gone: bool) -> str:
    if not members_meant(envelope=row.envelope, group=visit.group, now=now).filter(member=visit.member).exists():
        return Refusal.NOT_FOR_YOU
    if is_gone:
        return Refusal.ALL_GONE
    if row.is_open_at(now):
        return ""
    return Refusal.NOT_YET if row.state == RoundState.PLANNED and now < row.opens_at else Refusal.OVER
