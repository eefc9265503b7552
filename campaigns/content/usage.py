"""Where pieces were used: read from what was sent, within the reach of who asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, Max, OuterRef, QuerySet, Subquery
from django.utils import timezone

from accounts.models import User
from campaigns.content.models import Piece
from campaigns.posts.selectors import deliveries_visible_to
from delivery.models import Delivery, State
from groups.models import Group


@dataclass(frozen=True)
class Usage:
    """`times` are deliveries, `groups` how many groups they reached, `days` on how many days."""

    times: int
    groups: int
    days: int
    last_at: datetime | None
    planned: int


def with_usage(pieces: QuerySet[Piece], user: User) -> QuerySet[Piece]:
    """Pieces with `last_used_at` and `groups_reached`, for lists."""
    sent = deliveries_visible_to(user).filter(state=State.SENT, message__piece_id=OuterRef("pk"))
    by_piece = sent.order_by().values("message__piece_id")
    return pieces.annotate(
        last_used_at=Subquery(by_piece.annotate(last=Max("settled_at")).values("last")),
        groups_reached=Subquery(by_piece.annotate(n=Count("group_id", distinct=True)).values("n")),
    )


def used_within(pieces: QuerySet[Piece], user: User, since: datetime | None = None) -> QuerySet[Piece]:
    """Pieces that were sent, with `since` not before that."""
    sent = deliveries_visible_to(user).filter(state=State.SENT, message__piece_id=OuterRef("pk"))
    return pieces.filter(Exists(sent.filter(settled_at__gte=since) if since else sent))


def never_used(pieces: QuerySet[Piece], user: User) -> QuerySet[Piece]:
    return pieces.exclude(pk__in=used_within(pieces, user).values("pk"))


def deliveries_of(piece: Piece, user: User) -> QuerySet[Delivery]:
    """Deliveries of a piece with the names of their groups as `group_name`."""
    name = Group.objects.filter(pk=OuterRef("group_id")).values("name")[:1]
    rows = deliveries_visible_to(user).filter(message__piece_id=piece.pk)
    return rows.select_related("message").annotate(group_name=Subquery(name))


def usage_of(piece: Piece, user: User) -> Usage:
    rows = deliveries_visible_to(user).filter(message__piece_id=piece.pk)
    sent = rows.filter(state=State.SENT)
    figures = sent.aggregate(times=Count("pk"), groups=Count("group_id", distinct=True), last=Max("settled_at"))
    moments = sent.values_list("settled_at", flat=True)
    return Usage(
        times=figures["times"],
        groups=figures["groups"],
        days=len({timezone.localdate(moment) for moment in moments if moment}),
        last_at=figures["last"],
        planned=rows.filter(state=State.PLANNED).count(),
    )
