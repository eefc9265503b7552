"""Every change of the fields that administrators define."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.crypto import get_random_string
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import User
from members.fields.models import FieldDefinition, FieldKind

MOST_CHOICES = 100
EDITED = ("label", "kind", "choices", "required", "in_list", "headquarters_only", "member_edits", "position")
KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")


def field_define(*, by: User | None, label: str, kind: str, key: str = "", **values: Any) -> FieldDefinition:
    """Makes a field. Without a `key` one is made from the label. Raises ValidationError by field."""
    if key and not KEY.fullmatch(key):
        raise ValidationError({"key": _("Small letters, digits and underscores, beginning with a letter.")})
    made = slugify(label).replace("-", "_")[:40]
    if not key:
        key = made if KEY.fullmatch(made) else f"field_{get_random_string(6, '0123456789abcdef')}"
    definition = FieldDefinition(key=key, label=label, kind=kind, **values)
    _check(definition)
    with transaction.atomic():
        definition.full_clean()
        definition.save()
        audit_record(by=by, action="field.created", subject=definition, after={"label": label, "kind": kind})
    return definition


def field_update(*, by: User, definition: FieldDefinition, changes: dict[str, Any]) -> FieldDefinition:
    """Changes a field; its key and its kind stay, because values were written under them."""
    changes = {name: value for name, value in changes.items() if name in EDITED and name != "kind"}
    with transaction.atomic():
        current = FieldDefinition.objects.select_for_update().get(pk=definition.pk)
        before, after = changed_fields(current, changes)
        for name, value in after.items():
            setattr(current, name, value)
        _check(current)
        current.full_clean()
        if after:
            current.save(update_fields=list(after))
            audit_record(by=by, action="field.updated", subject=current, before=before, after=after)
    return current


def field_archive(*, by: User, definition: FieldDefinition, now: datetime) -> bool:
    """Takes a field out of use; what was written in it stays. False when that was done before."""
    with transaction.atomic():
        changed = FieldDefinition.objects.in_use().filter(pk=definition.pk).update(archived_at=now)
        if changed:
            audit_record(by=by, action="field.archived", subject=definition)
    return bool(changed)


def field_restore(*, by: User, definition: FieldDefinition) -> bool:
    """Undoes field_archive."""
    with transaction.atomic():
        changed = FieldDefinition.objects.filter(pk=definition.pk).exclude(archived_at=None).update(archived_at=None)
        if changed:
            audit_record(by=by, action="field.restored", subject=definition)
    return bool(changed)


def _check(definition: FieldDefinition) -> None:
    if definition.kind != FieldKind.CHOICE:
        definition.choices = []
        return
    choices = [str(choice).strip() for choice in definition.choices]
    definition.choices = list(dict.fromkeys(choice for choice in choices if choice))
    if not definition.choices:
        raise ValidationError({"choices": _("A choice needs something to choose from, one a line.")})
    if len(definition.choices) > MOST_CHOICES or max(map(len, definition.choices)) > 60:
        raise ValidationError(
            {"choices": _("At most %(limit)d choices of at most 60 characters.") % {"limit": MOST_CHOICES}}
        )
