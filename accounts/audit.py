"""The record of who changed what. Every service that acts for a person writes here, in the same transaction."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import models
from django.utils import timezone

from accounts.models import AuditEntry, User


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, models.Model):
        return str(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value


def changed_fields(instance: models.Model, changes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The part of `changes` that differs from what `instance` holds, as (before, after)."""
    before = {name: getattr(instance, name) for name, value in changes.items() if getattr(instance, name) != value}
    return before, {name: changes[name] for name in before}


def audit_record(
    *,
    by: User | None,
    action: str,
    subject: models.Model,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    address: str | None = None,
) -> AuditEntry:
    """Adds an entry. `by` empty means that the system itself acted. Secrets never belong into `before` or `after`."""
    return AuditEntry.objects.create(
        at=timezone.now(),
        actor=by,
        actor_name=by.username if by else "system",
        action=action,
        subject_type=subject._meta.label_lower,
        subject_id=subject.pk,
        subject_name=str(subject)[:200],
        before={name: _plain(value) for name, value in (before or {}).items()},
        after={name: _plain(value) for name, value in (after or {}).items()},
        address=address,
    )
