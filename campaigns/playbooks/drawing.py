"""The next piece of a series outside of posts: for steps of playbooks and for Moments."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from campaigns.content.models import Piece
from campaigns.moments.models import MomentsPost
from campaigns.posts.drawing import drawer_locked
from delivery.models import Delivery

KEY = "playbook:"


def piece_next(*, series_id: int, at: datetime) -> Piece | None:
    """The piece that a series gives at `at`, passing over what lately came in posts, playbooks and Moments; nothing
    when none is ready. Holds the series locked until the transaction ends."""
    drawer = drawer_locked(series_id)
    ids = [piece.pk for piece in drawer.pieces]
    said = Delivery.objects.filter(dedupe_key__startswith=KEY, message__piece_id__in=ids)
    for piece_id, used_at in said.values_list("message__piece_id", "due_at").distinct():
        if piece_id is not None:
            drawer.used[piece_id].append(used_at)
    for piece_id, used_at in MomentsPost.objects.filter(piece__in=ids).values_list("piece_id", "due_at"):
        if piece_id is not None:
            drawer.used[piece_id].append(used_at)
    local = timezone.localtime(at, timezone.get_default_timezone()).replace(tzinfo=None)
    drawn = drawer.draw(local=local.isoformat(timespec="seconds"), at=at)
    return drawn.piece if drawn else None
