"""Secrets at rest: encrypted with a key derived from SECRET_KEY, so that a copy of the database alone tells nothing."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotDecryptError(Exception):
    """The text was encrypted under a SECRET_KEY that is not known any more."""


def _fernet() -> MultiFernet:
    return _fernet_of(*[str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


@lru_cache(maxsize=4)
def _fernet_of(*keys: str) -> MultiFernet:
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"secrets at rest:" + key.encode()).digest())) for key in keys]
    )


def encrypt(text: str) -> str:
    """The text as a Fernet token. Empty stays empty."""
    return _fernet().encrypt(text.encode()).decode() if text else ""


def decrypt(token: str) -> str:
    """What `encrypt` was given. Raises CannotDecryptError when the key has changed since."""
    try:
        return _fernet().decrypt(token).decode() if token else ""
    except InvalidToken as error:
        raise CannotDecryptError from error
