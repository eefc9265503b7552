"""Short notes after an act, shown in the corner of the next page: `templates/shared/toasts.html` draws them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest

UNDO = "undo:"


def toast(request: HttpRequest, text: str, *, undo_url: str = "") -> None:
    """Says what was done. With `undo_url` the note offers Undo for ten seconds, which posts to that address."""
    messages.success(request, text, extra_tags=f"{UNDO}{undo_url}" if undo_url else "")


def warn(request: HttpRequest, text: str) -> None:
    """Says what could not be done; stays until it is closed."""
    messages.error(request, text)
