from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.models import User
from accounts.navigation import menu_for, settings_above


def console(request: HttpRequest) -> dict[str, Any]:
    """What the shell of every page needs: the menu (of signed-in staff), the theme and the languages."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"theme": "auto", "languages": settings.LANGUAGES}
    # A part of a page has no menu around it.
    is_part = "HX-Request" in request.headers and "HX-Boosted" not in request.headers
    return {
        "theme": user.theme,
        "languages": settings.LANGUAGES,
        "menu": [] if is_part else menu_for(user, request.path),
        "settings_url": settings_above(request.path),
    }
