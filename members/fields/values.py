"""Values of the fields that administrators define: read from people and systems, shown to people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from members.fields.models import FieldDefinition, FieldKind

MAX_TEXT = 500
MAX_NUMBER = 10**12


def field_value(definition: FieldDefinition, value: Any) -> Any:
    """`value` as Member.fields keeps it; None when it is empty. Raises ValidationError in words for people.

    Takes what a form sends (texts) as well as what JSON can say (numbers, true and false).
    """
    if isinstance(value, str):
        value = value.strip()
    if value is None or value == "":
        return None
    if definition.kind == FieldKind.NUMBER:
        return _number(value)
    if definition.kind == FieldKind.YES_NO:
        return _yes_no(value)
    if not isinstance(value, str) or "\x00" in value:
        raise ValidationError(_("This is a text."), code="invalid")
    if definition.kind == FieldKind.DATE:
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise ValidationError(_("Write the date as 2026-03-01."), code="invalid") from None
    if definition.kind == FieldKind.CHOICE and value not in definition.choices:
        raise ValidationError(
            _("Choose one of: %(choices)s") % {"choices": ", ".join(definition.choices)}, code="invalid_choice"
        )
    if len(value) > MAX_TEXT:
        raise ValidationError(_("At most %(limit)d characters.") % {"limit": MAX_TEXT}, code="max_length")
    return value


def _number(value: Any) -> int | float:
    try:
        if isinstance(value, bool):
            raise InvalidOperation
        number = Decimal(str(value))
        if not number.is_finite() or abs(number) >= MAX_NUMBER:
            raise InvalidOperation
    except InvalidOperation:
        raise ValidationError(_("This is a number."), code="invalid") from None
    return int(number) if number == number.to_integral_value() else float(number)


def _yes_no(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("yes", "no"):
        return bool(value == "yes")
    raise ValidationError(_("This is yes or no."), code="invalid")


def fields_clean(
    definitions: Iterable[FieldDefinition], sent: dict[str, Any], kept: dict[str, Any], *, complete: bool
) -> dict[str, Any]:
    """What Member.fields holds after `sent` was written over `kept`. Fields that `definitions` do not name stay.

    `complete` says that a required field must have a value afterwards. Raises ValidationError, its errors by key.
    """
    known = {definition.key: definition for definition in definitions}
    errors: dict[str, Any] = {key: _("There is no such field.") for key in sent if key not in known}
    values = dict(kept)
    for key, value in sent.items():
        if key not in known:
            continue
        try:
            clean = field_value(known[key], value)
        except ValidationError as error:
            errors[key] = error
            continue
        if clean is None:
            values.pop(key, None)
        else:
            values[key] = clean
    if complete:
        for key, definition in known.items():
            if definition.required and key not in values and key not in errors:
                errors[key] = ValidationError(_("This field is required."), code="required")
    if errors:
        raise ValidationError(errors)
    return values


def field_text(definition: FieldDefinition, value: Any) -> str:
    """A value as people read it; nothing is empty."""
    if value is None:
        return ""
    if definition.kind == FieldKind.YES_NO:
        return _("Yes") if value else _("No")
    return str(value)
