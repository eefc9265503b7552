from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def console(request: HttpRequest) -> dict[str, Any]:
    """What the shell of every page needs."""
    user = getattr(request, "user", None)
    return {"theme": getattr(user, "theme", "auto")}
