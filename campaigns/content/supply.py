"""What a series has in store: what it drew, what comes next, and how long it lasts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from accounts.models import User
from campaigns.content.models import Piece, Series
from campaigns.posts.drawing import pieces_of
from campaigns.posts.models import Occurrence, Post, PostState

WEEK = timedelta(days=7)
# A series that lasts longer than this needs nobody's thought today.
LOOKED_AHEAD = timedelta(days=366)


@dataclass(frozen=True)
class Next:
    """`repeated`: the piece comes again within the days in which it should not."""

    at: datetime
    post: Post
    piece: Piece
    repeated: bool


@dataclass(frozen=True)
class Supply:
    """`pieces` it draws from; `fresh` of them did not come within its days without repeats. `until` is when a piece
    has to come again too early for the first time, if things go on as planned; None: not within a year."""

    pieces: int
    fresh: int
    coming: list[Next]
    times: int
    until: datetime | None


def drawn_lately(series: Series, user: User, now: datetime) -> QuerySet[Occurrence]:
    """What was drawn for times that are over, in posts within reach, latest first."""
    posts = Post.objects.visible_to(user).filter(series=series)
    drawn = Occurrence.objects.filter(post__in=posts, piece__isnull=False, due_at__lte=now, cancelled_at=None)
    return drawn.select_related("piece", "post").order_by("-due_at", "-pk")


def supply_of(series: Series, now: datetime) -> Supply:
    apart = timedelta(days=series.no_repeat_days)
    pieces = {piece.pk for piece in pieces_of(series)}
    planned = Occurrence.objects.filter(post__series=series, cancelled_at=None)
    lately = planned.filter(due_at__gt=now - apart, due_at__lte=now, piece__in=pieces)
    used = dict(lately.order_by("due_at").values_list("piece_id", "due_at"))
    coming, last = [], dict(used)
    ahead = planned.filter(due_at__gt=now, post__state=PostState.ACTIVE).select_related("piece", "post")
    times = []
    for occurrence in ahead.order_by("due_at", "pk"):
        times.append(occurrence.due_at)
        if occurrence.piece is None:
            continue
        before = last.get(occurrence.piece.pk)
        repeated = before is not None and occurrence.due_at - before < apart
        coming.append(Next(occurrence.due_at, occurrence.post, occurrence.piece, repeated))
        last[occurrence.piece.pk] = occurrence.due_at
    until = first_shortage(pieces=len(pieces), used=sorted(used.values()), times=_goes_on(times, now), apart=apart)
    return Supply(len(pieces), len(pieces) - len(used), coming, len(times), until)


def first_shortage(
    *, pieces: int, used: Sequence[datetime], times: Sequence[datetime], apart: timedelta
) -> datetime | None:
    """The first of `times` at which no piece is free: each draw keeps one of them for `apart`, whichever it is."""
    draws = list(used)
    for at in times:
        kept = len(draws) - bisect_right(draws, at - apart)
        if kept >= pieces:
            return at
        draws.append(at)
    return None


def _goes_on(times: list[datetime], now: datetime) -> list[datetime]:
    """The planned times, and after the last of them its week again and again."""
    if not times:
        return []
    week = [at for at in times if at > times[-1] - WEEK]
    going = list(times)
    number = 1
    while len(week) > 1 and going[-1] < now + LOOKED_AHEAD:
        going += [at + number * WEEK for at in week]
        number += 1
    return going
