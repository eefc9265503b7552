"""The picture of a proof, for those who may see it."""

from __future__ import annotations

from django.core.files.storage import default_storage
from django.http import Http404, HttpResponse

from campaigns.checkins.models import CheckIn

TYPES = {"png": "image/png", "jpg": "image/jpeg"}


def picture_response(row: CheckIn) -> HttpResponse:
    name = row.picture.name
    if not name or not default_storage.exists(name):
        raise Http404
    with default_storage.open(name) as file:
        response = HttpResponse(file.read(), content_type=TYPES[name.rpartition(".")[2]])
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
