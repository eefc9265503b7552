"""Brainstorms on the phones of members."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from campaigns.brainstorms.honours import board, boards, hall
from campaigns.brainstorms.models import LONGEST_ANSWER, Answer, Brainstorm
from campaigns.brainstorms.services import MOST_ANSWERS, answer_give, answer_like, answer_unlike
from members.visitors.http import Visit, for_members

SHOWN = 100
PAST = 10
COMING = 3


@require_GET
@for_members
def sessions(request: HttpRequest, visit: Visit) -> HttpResponse:
    """What is open, what comes, what was; and the hall of the last 30 days."""
    now = timezone.now()
    held = Brainstorm.objects.held().filter(group=visit.group)
    past = list(held.filter(closes_at__lte=now).with_figures().order_by("-opens_at", "-pk")[:PAST])
    best = boards(past)
    context = {
        "visit": visit,
        "group": visit.group,
        "now": now,
        "coming": list(held.filter(closes_at__gt=now).order_by("opens_at", "pk")[:COMING]),
        "past": [(session, best.get(session.pk, [])) for session in past],
        "hall": hall(visit.group, now),
    }
    return render(request, "member/campaigns/brainstorms.html", context)


@require_GET
@for_members
def session(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    return _page(request, visit, _held(visit, pk))


@require_POST
@for_members
def answer(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    row = _held(visit, pk)
    text = request.POST.get("text", "")
    try:
        answer_give(now=timezone.now(), session=row, member=visit.member, text=text)
    except ValidationError as error:
        return _page(request, visit, row, 422, typed=text, problem=error.messages[0])
    return redirect("member:brainstorm", visit.group.page_token, row.pk)


@require_POST
@for_members
def like(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    return _liked(request, visit, pk, answer_like)


@require_POST
@for_members
def unlike(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    return _liked(request, visit, pk, answer_unlike)


def _liked(request: HttpRequest, visit: Visit, pk: int, act: Any) -> HttpResponse:
    answers = Answer.objects.shown().filter(session__group=visit.group).exclude(session__state="cancelled")
    row = get_object_or_404(answers.select_related("session__group"), pk=pk)
    try:
        act(now=timezone.now(), answer=row, member=visit.member)
    except ValidationError as error:
        return _page(request, visit, row.session, 422, liking=error.messages[0])
    page = reverse("member:brainstorm", args=[visit.group.page_token, row.session_id])
    return redirect(f"{page}#answer-{row.pk}")


def _held(visit: Visit, pk: int) -> Brainstorm:
    return get_object_or_404(Brainstorm.objects.held().filter(group=visit.group).select_related("group"), pk=pk)


def _page(request: HttpRequest, visit: Visit, row: Brainstorm, status: int = 200, **more: Any) -> HttpResponse:
    now = timezone.now()
    shown = row.answers.shown().with_likes(member=visit.member).select_related("member").order_by("-at", "-pk")
    answers = list(shown[: SHOWN + 1])
    context = {
        "visit": visit,
        "group": visit.group,
        "row": row,
        "now": now,
        "is_open": row.takes_answers(now),
        "is_coming": row.opens_at > now,
        "answers": answers[:SHOWN],
        "has_more": len(answers) > SHOWN,
        "mine": sum(one.member_id == visit.member.pk for one in answers),
        "most": MOST_ANSWERS,
        "longest": LONGEST_ANSWER,
        "board": board(row) if row.closes_at <= now else [],
        **more,
    }
    return render(request, "member/campaigns/brainstorm.html", context, status=status)
