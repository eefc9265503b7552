"""Which piece of a series comes when. It is drawn when an occurrence is planned, so the preview is what will be sent.

A piece that came within the series' days without repeats, before or after, in any of its posts, in a playbook or in
Moments, is passed over. In order, the piece unused for the longest comes next, so a series runs through its list and
begins anew; at random, chance is a function of series and local time, so planning the same times again draws the same.
When every piece was used lately, the one unused for the longest comes all the same, and is marked as repeated.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from campaigns.content.models import DrawOrder, Piece, Series
from campaigns.content.series_services import usable_pieces
from campaigns.moments.models import MomentsPost
from campaigns.posts.models import Occurrence
from delivery.models import Delivery

NEVER = timedelta.max
# What the keys of deliveries begin with that playbooks plan.
OF_PLAYBOOKS = "playbook:"


@dataclass(frozen=True)
class Drawn:
    """`repeated`: it came within the days in which it should not."""

    piece: Piece
    repeated: bool


def pieces_of(series: Series) -> list[Piece]:
    """What a series draws from, in its order: the ready pieces listed in it, or all that match its conditions."""
    if series.listed.exists():
        return list(usable_pieces(series).filter(listed_in__series=series).order_by("listed_in__position", "pk"))
    return list(matching_pieces(series).order_by("pk"))


def matching_pieces(series: Series) -> QuerySet[Piece]:
    """The pieces that match the conditions of a series and that it may use."""
    pieces = usable_pieces(series)
    for name in ("kind", "value", "level"):
        if wanted := getattr(series, name):
            pieces = pieces.filter(**{name: wanted})
    if tags := list(series.with_tags.values_list("pk", flat=True)):
        pieces = pieces.filter(pk__in=Piece.objects.filter(tags__in=tags).values("pk"))
    return pieces


class Drawer:
    """Draws for one series, time after time; what it drew counts for the next. Its caller holds the series locked."""

    def __init__(self, series: Series) -> None:
        self.series = series
        self.pieces = pieces_of(series)
        self.used: dict[int, list[datetime]] = defaultdict(list)
        ids = [piece.pk for piece in self.pieces]
        came = Occurrence.objects.filter(post__series=series, piece__in=ids, cancelled_at=None)
        by_playbooks = Delivery.objects.filter(dedupe_key__startswith=OF_PLAYBOOKS, message__piece_id__in=ids)
        moments = MomentsPost.objects.filter(piece__in=ids)
        for piece, at in (
            *came.values_list("piece_id", "due_at"),
            *by_playbooks.values_list("message__piece_id", "due_at").distinct(),
            *moments.values_list("piece_id", "due_at"),
        ):
            if piece is not None and at is not None:
                self.used[piece].append(at)

    def draw(self, *, local: str, at: datetime) -> Drawn | None:
        """The piece for a time; None when the series has none that is ready."""
        if not self.pieces:
            return None
        free = [piece for piece in self.pieces if self._distance(piece, at) >= self._kept_apart]
        if free and self.series.order == DrawOrder.RANDOM:
            piece = min(free, key=lambda each: self._chance(each, local))
        else:
            # max() keeps the first of equals: pieces that never came are taken in their order.
            piece = max(free or self.pieces, key=lambda each: self._distance(each, at))
        self.used[piece.pk].append(at)
        return Drawn(piece, repeated=not free)

    @property
    def _kept_apart(self) -> timedelta:
        return timedelta(days=self.series.no_repeat_days)

    def _distance(self, piece: Piece, at: datetime) -> timedelta:
        """How far its nearest use lies, before or after; what is planned for later counts as well."""
        return min((abs(at - other) for other in self.used[piece.pk]), default=NEVER)

    def _chance(self, piece: Piece, local: str) -> bytes:
        return hashlib.sha256(f"{self.series.pk} {local} {piece.pk}".encode()).digest()


def drawer_locked(series_id: int) -> Drawer:
    """A drawer whose series nobody else draws from until the transaction ends."""
    return Drawer(Series.objects.select_for_update().get(pk=series_id))


def draws_ahead(series: Series, times: Iterable[tuple[str, datetime]]) -> list[Drawn | None]:
    """What a series would give at these (local time, instant), were they planned now. Nothing is kept."""
    drawer = Drawer(series)
    return [drawer.draw(local=local, at=at) for local, at in times]
