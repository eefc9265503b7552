"""A column whose text is encrypted in the database and plain everywhere else."""

from __future__ import annotations

from typing import Any

from django.db import models

from community_ops.lib.crypto import CannotDecryptError, decrypt, encrypt


class SealedTextField(models.TextField):  # type: ignore[type-arg]  # it takes none when it runs
    """Personal data that a copy of the database alone must not tell. It can be asked for empty or not, and for nothing
    else. A text that was sealed under a key that is gone reads as empty."""

    def get_prep_value(self, value: Any) -> Any:
        return encrypt(value) if value else value

    def from_db_value(self, value: Any, *_more: Any) -> Any:
        try:
            return decrypt(value) if value else value
        except CannotDecryptError:
            return ""
