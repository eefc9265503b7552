"""Days off from a file: a calendar (.ics) as governments and offices publish them, or a table (.csv)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from campaigns.posts.models import DayKind
from campaigns.posts.services.holidays import MOST_LINES, NewDay, days_read

LARGEST = 512 * 1024
# A calendar of many years holds old ones as well; an event that lasts longer is no holiday.
LONGEST_EVENT = 40
DAY = re.compile(r"(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})(?:T\d{6}Z?)?")
# Weekends that are worked in exchange: "国庆节 补班", "Working day (National Day)".
WORKED = re.compile(r"班|work", re.IGNORECASE)


def days_from_file(data: bytes) -> list[NewDay]:
    """The days that a file names. Raises ValidationError (field `file`) with what cannot be read of it."""
    if len(data) > LARGEST:
        raise _unreadable(_("The file is larger than 512 KB."))
    text = _decoded(data)
    try:
        days = _of_calendar(text) if text.lstrip().upper().startswith("BEGIN:VCALENDAR") else days_read(_lines(text))
    except ValidationError as error:
        raise _unreadable(" ".join(error.messages)) from error
    if not days:
        raise _unreadable(_("The file names no day."))
    return days


def _decoded(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _unreadable(_("The file is neither UTF-8 nor GB18030."))


def _unreadable(text: str) -> ValidationError:
    return ValidationError({"file": ValidationError(text, code="invalid")})


# Tables: day, name, kind; or first day, last day, name, kind


def _lines(text: str) -> str:
    """The rows as lines that people would paste; a head without a date is passed over."""
    lines = []
    for number, row in enumerate(csv.reader(text.splitlines())):
        cells = [cell.strip() for cell in row if cell.strip()]
        if not cells or (number == 0 and not DAY.fullmatch(cells[0])):
            continue
        first, *rest = [_iso(cell) for cell in cells]
        if rest and DAY.fullmatch(rest[0]):
            first, rest = f"{first}..{rest[0]}", rest[1:]
        lines.append(f"{first} {' '.join(rest) or DayKind.OFF.label}")
    return "\n".join(lines)


def _iso(cell: str) -> str:
    match = DAY.fullmatch(cell)
    return f"{match[1]}-{match[2]}-{match[3]}" if match else cell


# Calendars (RFC 5545)


def _of_calendar(text: str) -> list[NewDay]:
    found: dict[date, NewDay] = {}
    for event in _events(text):
        name = event.get("SUMMARY", "")[:60] or str(DayKind.OFF.label)
        if "RRULE" in event:
            raise _unreadable(
                _("“%(name)s” repeats. Days off are entered year by year: use a calendar with each of them.")
                % {"name": name}
            )
        first = _day(event.get("DTSTART", ""))
        if first is None:
            raise _unreadable(_("“%(name)s” has no day that can be read.") % {"name": name})
        last = (_day(event.get("DTEND", "")) or first + timedelta(days=1)) - timedelta(days=1)
        kind = DayKind.WORKING if WORKED.search(name) else DayKind.OFF
        for offset in range(min(max(0, (last - first).days), LONGEST_EVENT) + 1):
            day = first + timedelta(days=offset)
            found[day] = NewDay(day, name, kind)
    if len(found) > MOST_LINES:
        raise _unreadable(_("The file names more than %(most)d days.") % {"most": MOST_LINES})
    return [found[day] for day in sorted(found)]


def _events(text: str) -> Iterator[dict[str, str]]:
    event: dict[str, str] | None = None
    # A line that begins with a space goes on from the one before.
    for line in re.sub(r"\r?\n[ \t]", "", text).splitlines():
        head, _colon, value = line.partition(":")
        name = head.partition(";")[0].upper()
        if name == "BEGIN" and value.upper() == "VEVENT":
            event = {}
        elif name == "END" and value.upper() == "VEVENT" and event is not None:
            yield event
            event = None
        elif event is not None:
            event.setdefault(name, re.sub(r"\\([,;\\])", r"\1", value.replace("\\n", " ")).strip())


def _day(value: str) -> date | None:
    match = DAY.fullmatch(value)
    try:
        day = date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None
    return day if day is None or 2000 <= day.year < 2100 else None
