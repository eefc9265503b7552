"""Standard Webhooks: who sent a request, and that nobody changed it (www.standardwebhooks.com, version 1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import datetime

PREFIX = "whsec_"


def new_secret() -> str:
    """A fresh signing secret of 32 random bytes, as the receiver's library expects it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_bytes(secret: str) -> bytes:
    """The key within a secret. Raises ValueError unless it is `whsec_` and base64 of at least one byte."""
    prefix, encoded = secret[: len(PREFIX)], secret[len(PREFIX) :].rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if prefix != PREFIX or not key:
        raise ValueError("not a whsec_ secret")
    return key


def signature(*, secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest()).decode()


def headers(*, secret: str, message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """The headers of one try. The id stays the same over all tries of a message, the timestamp is that of the try."""
    timestamp = int(now.timestamp())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret=secret, message_id=message_id, timestamp=timestamp, body=body),
    }
