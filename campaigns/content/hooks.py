"""What follows when a piece is changed. Parts that have planned its words register here, so that the library need not
know them; a hook runs in the transaction of the change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from campaigns.content.models import Piece

Hook = Callable[["Piece", datetime], None]
_hooks: list[Hook] = []


def on_piece_changed(hook: Hook) -> Hook:
    """Adds a hook for pieces whose words, link, picture, value or state changed; adding it again changes nothing."""
    if hook not in _hooks:
        _hooks.append(hook)
    return hook


def piece_changed(piece: Piece, now: datetime) -> None:
    for hook in _hooks:
        hook(piece, now)
