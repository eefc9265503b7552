"""Bodies of API requests: limited in size, plain or gzip, and JSON that the database can hold."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from community_ops.lib.problems import Problem

# As sent, and unpacked. A batch of 10,000 events with generous properties is about 10 MB.
SENT_LIMIT = 32 * 1024 * 1024
UNPACKED_LIMIT = 64 * 1024 * 1024
# JSON escapes of what no database text may hold: NUL and halves of surrogate pairs.
SUSPECT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def read_body(stream: IO[bytes], headers: Mapping[str, str]) -> bytes:
    """The whole body, unpacked. Raises Problem: 413 when it is too large, 415 for another encoding than gzip."""
    sent = stream.read(SENT_LIMIT + 1)
    if len(sent) > SENT_LIMIT:
        raise _too_large()
    encoding = headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return sent
    if encoding != "gzip":
        raise Problem("unsupported_encoding", _("Send the body plain or packed with gzip."), http_status=415)
    return _unpacked(sent)


def _unpacked(sent: bytes) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        # A gzip file may hold several members one after the other.
        while sent:
            member = zlib.decompressobj(wbits=31)
            parts.append(member.decompress(sent, UNPACKED_LIMIT + 1 - size))
            size += len(parts[-1])
            if size > UNPACKED_LIMIT:
                raise _too_large()
            if not member.eof:
                raise ParseError(_("The gzip data ends too early."))
            sent = member.unused_data
    except zlib.error as error:
        raise ParseError(_("The body is not valid gzip data.")) from error
    return b"".join(parts)


def _too_large() -> Problem:
    return Problem(
        "body_too_large",
        _("The body is too large: at most %(sent)d MB as sent and %(unpacked)d MB unpacked.")
        % {"sent": SENT_LIMIT // 1024**2, "unpacked": UNPACKED_LIMIT // 1024**2},
        http_status=413,
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def load_json(text: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError for whatever is not one, also when it is nested too deep."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def is_storable(value: Any) -> bool:
    """Whether every text in a JSON value can be stored: no NUL, no half of a surrogate pair."""
    if isinstance(value, str):
        return "\x00" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, dict):
        return all(is_storable(key) and is_storable(item) for key, item in value.items())
    if isinstance(value, list):
        return all(is_storable(item) for item in value)
    return True


class JSONBody(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = read_body(stream, parser_context["request"].headers if parser_context else {})
        try:
            value = load_json(body)
        except ValueError as error:
            raise ParseError(_("The body is not valid JSON: %(reason)s") % {"reason": error}) from error
        if SUSPECT_ESCAPE.search(body) and not is_storable(value):
            raise ParseError(_("Texts must not hold NUL or half of a surrogate pair."))
        return value
