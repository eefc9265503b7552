"""Reading one event of the API. Whatever is wrong with it becomes a stable code, never an exception."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from activity.services import event_key, to_millisecond
from community_ops.lib.parsers import is_storable
from members.ingestion.batch import IncomingEvent, Refused

MAX_ID = 200
MAX_NAME = 120
MAX_CHANNEL = 100
MAX_PROPERTIES = 8192
KIND = re.compile(r"[-a-zA-Z0-9_]{1,60}")
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
# Event.value has 16 digits, four of them after the point.
VALUE_LIMIT = 10**12
VALUE_STEP = Decimal("0.0001")

MESSAGES: dict[str, str | Promise] = {
    "invalid_json": _("This line is not valid JSON."),
    "invalid_event": _("An event is a JSON object."),
    "invalid_text": _("Texts must not hold NUL or half of a surrogate pair."),
    "missing_id": _("An event needs an id, by which a repeated one is known again."),
    "invalid_id": _("The id is a text of at most 200 characters."),
    "missing_member": _("An event needs its member."),
    "invalid_member": _("The member is an external id, a text of at most 120 characters."),
    "invalid_group": _("The group is an external id, a text of at most 120 characters."),
    "missing_kind": _("An event needs its kind."),
    "invalid_kind": _("The kind is a slug: at most 60 letters, digits, hyphens and underscores."),
    "missing_at": _("An event needs its time."),
    "invalid_at": _("The time is a text as RFC 3339 writes it, like 2026-03-01T09:00:00+08:00."),
    "at_without_offset": _("The time needs its offset, like +08:00 or Z."),
    "at_out_of_range": _("The time lies before 1970 or after 2199."),
    "invalid_channel": _("The channel is a text of at most 100 characters."),
    "invalid_value": _("The value is a number."),
    "value_out_of_range": _("The value is too large: at most twelve digits before the point."),
    "invalid_properties": _("The properties are a JSON object."),
    "properties_too_large": _("The properties are too large: at most 8,192 bytes as JSON."),
    "unknown_member": _("No such member within reach."),
    "unknown_group": _("No such group within reach."),
    "erased_member": _("This person was erased and is not taken in again."),
}


class _RefuseError(Exception):
    def __init__(self, code: str) -> None:
        self.code = code


def read_event(item: Any, *, source: str, suspect: bool = False) -> IncomingEvent | Refused:
    """The event that a JSON value stands for. `suspect` asks for a look at its texts, see SUSPECT_ESCAPE."""
    if not isinstance(item, dict):
        return Refused("invalid_event")
    if suspect and not is_storable(item):
        return Refused("invalid_text")
    source_id = item.get("id")
    if source_id is None or source_id == "":
        return Refused("missing_id")
    if not isinstance(source_id, str) or len(source_id) > MAX_ID:
        return Refused("invalid_id")
    key = event_key(source, source_id)
    try:
        kind = item.get("kind")
        if kind is None or kind == "":
            raise _RefuseError("missing_kind")
        if not isinstance(kind, str) or not KIND.fullmatch(kind):
            raise _RefuseError("invalid_kind")
        member = _text(item, "member", MAX_NAME)
        if not member:
            raise _RefuseError("missing_member")
        return IncomingEvent(
            key,
            member,
            _text(item, "group", MAX_NAME),
            kind,
            _instant(item.get("at")),
            _text(item, "channel", MAX_CHANNEL),
            _number(item.get("value")),
            _properties(item.get("properties")),
        )
    except _RefuseError as refusal:
        return Refused(refusal.code, key)


def _text(item: dict[str, Any], name: str, limit: int) -> str:
    value = item.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > limit or (value and value.isspace()):
        raise _RefuseError(f"invalid_{name}")
    return value


def _instant(value: Any) -> datetime:
    if value is None or value == "":
        raise _RefuseError("missing_at")
    if not isinstance(value, str):
        raise _RefuseError("invalid_at")
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise _RefuseError("invalid_at") from None
    if at.tzinfo is None:
        raise _RefuseError("at_without_offset")
    try:
        at = to_millisecond(at)
    except OverflowError:
        raise _RefuseError("at_out_of_range") from None
    if not EARLIEST <= at < LATEST:
        raise _RefuseError("at_out_of_range")
    return at


def _number(value: Any) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise _RefuseError("invalid_value")
    # A float is what it prints as: 12.1 and not the binary fraction next to it.
    if abs(value) >= VALUE_LIMIT or abs(number := Decimal(repr(value)).quantize(VALUE_STEP)) >= VALUE_LIMIT:
        raise _RefuseError("value_out_of_range")
    return number


def _properties(value: Any) -> str | None:
    if value is None or value == {}:
        return None
    if not isinstance(value, dict):
        raise _RefuseError("invalid_properties")
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:
        raise _RefuseError("invalid_properties") from None
    if len(text) > MAX_PROPERTIES:
        raise _RefuseError("properties_too_large")
    return text
