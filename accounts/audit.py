"""The record of who changed what, from where. Every service that acts for a person writes here, in the same
transaction. accounts.history knows the words for what is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils import timezone

from accounts.models import AuditEntry, Branch, User
from community_ops.lib.way_in import way_in


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, models.Model):
        return str(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value


def _named(subject: models.Model, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The values with names in the place of keys: what a key points to may be gone when somebody reads the entry."""
    for name, value in values.items():
        try:
            field = subject._meta.get_field(name)
        except FieldDoesNotExist:
            yield name, _plain(value)
            continue
        if isinstance(field, models.ForeignKey) and name == field.attname:
            related = field.related_model._default_manager.filter(pk=value).first() if value is not None else None
            yield field.name, _plain(related)
        else:
            yield name, _plain(value)


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
        before=dict(_named(subject, before or {})),
        after=dict(_named(subject, after or {})),
        address=way_in().address,
        via=way_in().via,
        branch_id=_branch_id(subject, by),
    )


def _branch_id(subject: models.Model, by: User | None) -> int | None:
    """The branch whose staff may read the entry: that of the subject, or of who acted where the subject has none."""
    if isinstance(subject, Branch):
        return subject.pk
    if hasattr(subject, "branch_id"):
        found: int | None = subject.branch_id
        return found
    return by.branch_id if by else None


def audit_redact(*, subject_type: str, subject_ids: list[int], actions: Collection[str] = ()) -> int:
    """Takes names and values out of the entries about somebody who was erased: that something was done, when and by
    whom stays. With `actions` only the values of such entries go: those about others that may name the person. Returns
    how many entries."""
    redacted = 0
    for start in range(0, len(subject_ids), 500):
        entries = AuditEntry.objects.filter(subject_type=subject_type, subject_id__in=subject_ids[start : start + 500])
        if actions:
            redacted += entries.filter(action__in=actions).update(before={}, after={})
        else:
            redacted += entries.update(subject_name="", before={}, after={})
    return redacted
