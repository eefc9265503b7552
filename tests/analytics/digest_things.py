"""A weekly digest and a letter of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts.models import User
from analytics.digest.letter import stop_token
from analytics.digest.models import DigestMail
from analytics.digest.services import digest_set


def digest_things(*, by: User, now: datetime) -> dict[str, Any]:
    digest = digest_set(user=by, now=now, is_on=True, address=f"{by.username}@example.com", weekday=0, hour=8)
    mail = DigestMail.objects.create(user=by, week=now.date(), due_at=now, next_at=now, changed_at=now)
    return {"digest_mail": mail.pk, "digest_token": stop_token(digest)}
