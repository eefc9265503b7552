"""What campaigns does with the news of the apps below."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone

from campaigns.channel_off import channels_switched_off, channels_switched_on, register_kind
from campaigns.content.hooks import on_piece_changed
from campaigns.content.models import Piece
from campaigns.posts.services import deliveries_settled, piece_changed
from delivery.services import quota_release
from delivery.signals import settled, switched_off, switched_on


def on_settled(sender: Any, ids: Iterable[int], **kwargs: Any) -> None:
    ids = list(ids)
    for start in range(0, len(ids), 500):
        quota_release(ids=ids[start : start + 500])
    deliveries_settled(ids=ids)


def on_switched_off(sender: Any, ids: Collection[int], code: str, now: datetime, **kwargs: Any) -> None:
    channels_switched_off(destination_ids=ids, code=code, now=now)


def on_switched_on(sender: Any, ids: Collection[int], **kwargs: Any) -> None:
    channels_switched_on(destination_ids=ids, now=timezone.now())


def on_piece(piece: Piece, now: datetime) -> None:
    piece_changed(piece_id=piece.pk, now=now)


def connect() -> None:
    on_piece_changed(on_piece)
    settled.connect(on_settled, dispatch_uid="campaigns.deliveries_settled")
    register_kind()
    switched_off.connect(on_switched_off, dispatch_uid="campaigns.channels_switched_off")
    switched_on.connect(on_switched_on, dispatch_uid="campaigns.channels_switched_on")
