"""`Idempotency-Key`: a request that is sent again is answered again, and carried out once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, TypeVar

from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_auth import token_of
from accounts.models import IdempotentRequest
from community_ops.lib.problems import Problem

MAX_KEY = 255
KEPT = timedelta(days=7)
View = TypeVar("View")


def idempotent(post: Callable[..., Response]) -> Callable[..., Response]:
    """Decorates the `post` of an API view.

    The key, the change and the answer are written in one transaction: a second request that comes while the first is
    at work waits for its end, and a request that fails leaves no key behind, so it may be mended and sent again.
    The same key with another body is refused with 409.
    """

    @wraps(post)
    def answer(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return post(view, request, *args, **kwargs)
        if len(key) > MAX_KEY or not key.isprintable():
            raise Problem("invalid_idempotency_key", _("Idempotency-Key has at most 255 printable characters."))
        fingerprint = _fingerprint(request)
        with transaction.atomic():
            kept, is_first = IdempotentRequest.objects.get_or_create(
                token=token_of(request), key=key, defaults={"fingerprint": fingerprint, "created_at": timezone.now()}
            )
            if is_first:
                response = post(view, request, *args, **kwargs)
                kept.status, kept.body = response.status_code, json.loads(JSONRenderer().render(response.data))
                kept.save(update_fields=["status", "body"])
                return response
        if kept.fingerprint != fingerprint:
            raise Problem(
                "idempotency_key_reused",
                _("This Idempotency-Key belongs to a request with another body."),
                http_status=409,
            )
        return Response(kept.body, status=kept.status, headers={"Idempotent-Replayed": "true"})

    return answer


def _fingerprint(request: Request) -> str:
    try:
        body = request._request.body
    except RequestDataTooBig as error:
        raise Problem("body_too_large", _("The body is too large."), http_status=413) from error
    return hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode() + body).hexdigest()


def idempotent_requests_forget(*, now: datetime) -> int:
    """Drops answers that were kept for a week; returns how many."""
    return IdempotentRequest.objects.filter(created_at__lt=now - KEPT).delete()[0]
