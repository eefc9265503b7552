from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from community_ops.lib.way_in import coming_by


def remember_way_in(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Lets the audit trail know from where a request came."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with coming_by("page", _address(request)):
            return get_response(request)

    return middleware


def _address(request: HttpRequest) -> str | None:
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:  # a socket file has no address
        return None
