"""An activity as an iCalendar file (RFC 5545), with the rules of its time zone written out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings

from campaigns.activities.models import Activity, Decided
from campaigns.activities.texts import where_words

LINE = 75  # octets
# Around the activity: enough for the clock change before it and the one after.
AROUND = timedelta(days=366)
LOCAL, INSTANT = "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ"


def calendar_file(activity: Activity, *, address: str, now: datetime) -> str:
    """The file; `address` is that of the activity's page. Needs its times."""
    assert activity.starts_at is not None
    assert activity.ends_at is not None
    zone = activity.zone
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Community Ops//Activities//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        *_zone_lines(zone, activity.starts_at - AROUND, activity.ends_at + AROUND),
        "BEGIN:VEVENT",
        f"UID:activity-{activity.pk}@{host}",
        f"DTSTAMP:{now.astimezone(UTC):{INSTANT}}",
        f"SEQUENCE:{activity.version - 1}",
        f"DTSTART;TZID={zone.key}:{activity.starts_at.astimezone(zone):{LOCAL}}",
        f"DTEND;TZID={zone.key}:{activity.ends_at.astimezone(zone):{LOCAL}}",
        f"SUMMARY:{_escaped(activity.title)}",
        f"STATUS:{'CANCELLED' if activity.decided == Decided.CANCELLED else 'CONFIRMED'}",
    ]
    texts = {
        "DESCRIPTION": "\n".join(part for part in (activity.text, activity.directions, activity.link) if part),
        "LOCATION": where_words(activity),
    }
    lines += [f"{name}:{_escaped(text)}" for name, text in texts.items() if text]
    lines += [f"URL:{address}", "END:VEVENT", "END:VCALENDAR"]
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def _escaped(text: str) -> str:
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    for char in ("\\", ";", ","):
        plain = plain.replace(char, f"\\{char}")
    return plain.replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """A line in pieces of at most 75 octets, none of which cuts a character in two; all but the first begin with a
    space."""
    piece, size = "", 0
    for char in line:
        width = len(char.encode())
        if size + width > LINE:
            yield piece
            piece, size = " ", 1
        piece += char
        size += width
    yield piece


def _zone_lines(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[str]:
    """The zone as it is between two instants: each clock change by itself, or one rule where there is none."""
    changes = list(_changes(zone, start, end))
    yield "BEGIN:VTIMEZONE"
    yield f"TZID:{zone.key}"
    first = changes[0] if changes else start
    before = (first - timedelta(seconds=1)).astimezone(zone)
    yield from _observance(before, before.utcoffset() or timedelta(), "19700101T000000")
    for change in changes:
        old = (change - timedelta(seconds=1)).astimezone(zone).utcoffset() or timedelta()
        # The local time at which it happens, on the clock before it.
        at = (change + old).astimezone(UTC)
        yield from _observance(change.astimezone(zone), old, f"{at:{LOCAL}}")
    yield "END:VTIMEZONE"


def _observance(local: datetime, old: timedelta, starts: str) -> Iterator[str]:
    name = "DAYLIGHT" if local.dst() else "STANDARD"
    yield f"BEGIN:{name}"
    yield f"DTSTART:{starts}"
    yield f"TZOFFSETFROM:{_offset(old)}"
    yield f"TZOFFSETTO:{_offset(local.utcoffset() or timedelta())}"
    yield f"TZNAME:{local.tzname()}"
    yield f"END:{name}"


def _offset(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def _changes(zone: tzinfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """The instants between two at which the offset changes, to the second."""
    day = timedelta(days=1)
    at = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while at < end:
        if at.astimezone(zone).utcoffset() != (at + day).astimezone(zone).utcoffset():
            low, high = at, at + day
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                middle = middle.replace(microsecond=0)
                if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
                    low = middle
                else:
                    high = middle
            yield high
        at += day
