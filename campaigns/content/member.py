"""Pictures of messages, for receivers and for members, who do not sign in."""

from __future__ import annotations

from django.http import FileResponse, Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from delivery.models import Picture

YEAR = 365 * 24 * 3600


@require_safe
def picture(request: HttpRequest, token: str) -> FileResponse:
    """A picture by the unguessable part of its address, which always shows the same bytes."""
    found = get_object_or_404(Picture, token=token)
    try:
        file = found.file.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(file, content_type=found.mime)
    response["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    response["X-Robots-Tag"] = "noindex"
    return response
