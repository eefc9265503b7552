"""Reading a question that came as JSON: every mistake is collected, each with where it is and a stable code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from community_ops.lib.problems import FieldError
from community_ops.lib.zones import zone_named

PLAIN_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# The fields of all reports: one kind may be asked with those of another, which mean nothing to it.
KNOWN = frozenset(
    {
        *("timezone", "range", "week_start", "filter", "breakdown", "cumulative", "include"),
        *("groups", "members", "segment"),
        *("window_seconds", "order", "steps", "exclusions", "series", "conversions_after_range"),
        *("period", "total_intervals", "mode", "measure", "start_event", "return_event", "min_occurrences"),
        *("metric", "interval", "event", "window_days"),
    }
)


class BadQuery(Exception):
    """The question cannot be answered as it is asked."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{error.pointer}: {error.message}" for error in errors))
        self.errors = tuple(errors)


class Fields:
    """Typed reading of one JSON object. A wrong value is noted and stands as the default until `done`."""

    def __init__(self, data: Any, pointer: str = "", errors: list[FieldError] | None = None) -> None:
        self.pointer = pointer
        self.errors: list[FieldError] = [] if errors is None else errors
        if not isinstance(data, Mapping):
            self.errors.append(FieldError(pointer, "invalid_type", _("This must be an object.")))
            data = {}
        self.data: Mapping[str, Any] = data

    def error(self, name: str, code: str, message: str) -> None:
        self.errors.append(FieldError(f"{self.pointer}/{name}" if name else self.pointer, code, message))

    def allow(self, names: frozenset[str]) -> None:
        for name in self.data:
            if name not in names:
                escaped = str(name).replace("~", "~0").replace("/", "~1")
                self.error(escaped, "unknown_field", _("There is no such field."))

    def has(self, name: str) -> bool:
        return self.data.get(name) is not None

    def choice(self, name: str, options: Sequence[str], default: str | None = None) -> str:
        value = self.data.get(name)
        if value is None and default is not None:
            return default
        if value is None:
            self.error(name, "required", _("This field is required."))
        elif not isinstance(value, str) or value not in options:
            self.error(name, "unknown_value", _("Expected one of: %(options)s.") % {"options": ", ".join(options)})
        else:
            return value
        return options[0]

    def whole(self, name: str, default: int | None, least: int, most: int) -> int:
        value = self.data.get(name)
        if value is None and default is not None:
            return default
        if value is None:
            self.error(name, "required", _("This field is required."))
        elif isinstance(value, bool) or not isinstance(value, int):
            self.error(name, "invalid_type", _("This must be a whole number."))
        elif not least <= value <= most:
            limits = {"least": least, "most": most}
            self.error(name, "out_of_bounds", _("This must be from %(least)d to %(most)d.") % limits)
        else:
            return value
        return least if default is None else default

    def flag(self, name: str) -> bool:
        value = self.data.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.error(name, "invalid_type", _("This must be true or false."))
        return False

    def text(self, name: str) -> str | None:
        value = self.data.get(name)
        if value is None or isinstance(value, str):
            return value
        self.error(name, "invalid_type", _("This must be a text."))
        return None

    def texts(self, name: str, most: int) -> tuple[str, ...] | None:
        """A list of texts without repeats; none at all when the field is missing."""
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.error(name, "invalid_type", _("This must be a list of texts."))
        elif len(value) > most:
            self.error(name, "too_many", _("At most %(most)d entries are allowed.") % {"most": most})
        else:
            return tuple(dict.fromkeys(value))
        return ()

    def inner(self, name: str) -> Fields:
        return Fields(self.data.get(name) or {}, f"{self.pointer}/{name}", self.errors)

    def items(self, name: str, most: int) -> list[Fields]:
        value = self.data.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.error(name, "invalid_type", _("This must be a list."))
            return []
        if len(value) > most:
            self.error(name, "too_many", _("At most %(most)d entries are allowed.") % {"most": most})
            return []
        return [Fields(item, f"{self.pointer}/{name}/{i}", self.errors) for i, item in enumerate(value)]

    def zone(self, name: str, default: ZoneInfo) -> ZoneInfo:
        value = self.text(name)
        if value is None:
            return default
        try:
            return zone_named(value)
        except ValidationError as error:
            self.error(name, "unknown_timezone", error.messages[0])
            return default

    def moment(self, name: str) -> date | datetime | None:
        """A plain date, or an instant; one without an offset is on the clock of the report."""
        value = self.data.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                if PLAIN_DATE.fullmatch(value):
                    return date.fromisoformat(value)
                if PLAIN_DATE.match(value):
                    return datetime.fromisoformat(value)
            except ValueError:
                pass
        self.error(name, "invalid_date", _("This must be a date (2026-03-01) or a time (2026-03-01T09:00:00+08:00)."))
        return None

    def done(self) -> None:
        """Raise BadQuery with all that was noted."""
        if self.errors:
            raise BadQuery(self.errors)
