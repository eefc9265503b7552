"""Pages that are open to whoever has their unguessable address."""

from __future__ import annotations

from typing import TypeVar

from django.http.response import HttpResponseBase

Response = TypeVar("Response", bound=HttpResponseBase)


def unlisted(response: Response, *, personal: bool = True) -> Response:
    """Keeps the address of the page from search engines and from the sites it links to; `personal` pages are kept by
    no cache either.

    Not "no-referrer": a browser then hides where a form comes from even from this site, which refuses such a form.
    """
    response["Referrer-Policy"] = "same-origin"
    response["X-Robots-Tag"] = "noindex"
    if personal:
        response["Cache-Control"] = "private, no-store"
    return response
