"""The next piece of a series outside of posts: for steps of playbooks and for Moments."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from campaigns.content.models import Piece
from campaigns.posts.drawing import drawer_locked


def piece_next(*, series_id: int, at: datetime) -> Piece | None:
    """The piece that a series gives at `at`, passing over what lately came in posts, playbooks and Moments; nothing
    when none is ready. Holds the series locked until the transaction ends."""
    local = timezone.localtime(at, timezone.get_default_timezone()).replace(tzinfo=None)
    drawn = drawer_locked(series_id).draw(local=local.isoformat(timespec="seconds"), at=at)
    return drawn.piece if drawn else None
