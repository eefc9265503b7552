"""Who was liked most: the board of a session, and the hall of a group.

Equal likes are an equal place: of two answers with three likes both are first, and the next is third. Whoever was
earlier stands above, but no place is lost to the clock, nor to the end of the board: who ties with its last place is on
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Count, Max

from campaigns.brainstorms.models import Answer, AnswerLike, Brainstorm
from groups.models import Group
from members.models import Member

PLACES = 3
HALL = 10
HALL_DAYS = timedelta(days=30)
# However many tie, a page and a post stay readable.
MOST = 20
Row = TypeVar("Row")


@dataclass(frozen=True)
class Honoured:
    """An answer of the board, or in the hall all answers of a member."""

    place: int
    member: Member
    likes: int
    answer: Answer | None = None
    answers: int = 1


def placed(rows: Sequence[tuple[Row, int]], places: int) -> list[tuple[int, Row, int]]:
    """(place, row, likes) of rows that come with their likes, most first: those up to `places`, with all that tie."""
    found: list[tuple[int, Row, int]] = []
    for number, (row, likes) in enumerate(rows, start=1):
        place = found[-1][0] if found and found[-1][2] == likes else number
        if place > places:
            break
        found.append((place, row, likes))
    return found[:MOST]


def board(session: Brainstorm) -> list[Honoured]:
    """The best answers of a session. One query."""
    return boards([session]).get(session.pk, [])


def boards(sessions: Iterable[Brainstorm]) -> dict[int, list[Honoured]]:
    """The boards of several sessions by their numbers. One query."""
    rows: Any = Answer.objects.shown().filter(session__in=list(sessions), member__erased_at=None).with_likes()
    held: dict[int, list[tuple[Answer, int]]] = {}
    for answer in rows.filter(liked__gt=0).select_related("member").order_by("-liked", "at", "pk"):
        held.setdefault(answer.session_id, []).append((answer, answer.liked))
    return {number: _answers(found) for number, found in held.items()}


def _answers(rows: Iterable[tuple[Answer, int]]) -> list[Honoured]:
    return [Honoured(place, answer.member, likes, answer) for place, answer, likes in placed(list(rows), PLACES)]


def hall(group: Group, now: datetime) -> list[Honoured]:
    """The members whose answers of the last 30 days were liked most. Two queries."""
    likes = AnswerLike.objects.filter(
        answer__session__group=group,
        answer__hidden_at=None,
        answer__at__gt=now - HALL_DAYS,
        answer__member__erased_at=None,
    )
    rows = (
        likes.order_by()
        .values("answer__member")
        .annotate(likes=Count("pk"), answers=Count("answer", distinct=True), reached=Max("at"))
        .order_by("-likes", "reached", "answer__member")[: MOST + 1]
    )
    found = placed([(row, row["likes"]) for row in rows], HALL)
    members = Member.objects.in_bulk([row["answer__member"] for _place, row, _likes in found])
    return [
        Honoured(place, members[row["answer__member"]], count, answers=row["answers"]) for place, row, count in found
    ]
