"""The file that puts an activity into the calendar of a phone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dateutil import tz

from campaigns.activities.calendar_file import calendar_file
from campaigns.activities.models import Activity
from tests.builders import NOW
from tests.campaigns.activity_things import HOUR, START

pytestmark = pytest.mark.once
PAGE = "https://community.example/m/g/abc/activities/7/"


def unfolded(text: str) -> list[str]:
    """The lines of the file as RFC 5545 has them read: those that begin with a space go on the one before."""
    lines: list[str] = []
    assert text.endswith("\r\n")
    for line in text[:-2].split("\r\n"):
        assert len(line.encode()) <= 75, line
        assert "\n" not in line
        if line.startswith(" "):
            lines[-1] += line[1:]
        else:
            lines.append(line)
    return lines


def file_of(**fields) -> list[str]:
    values = {"pk": 7, "title": "分享", "timezone": "Asia/Shanghai", "starts_at": START, "ends_at": START + HOUR}
    return unfolded(calendar_file(Activity(**(values | fields)), address=PAGE, now=NOW))


def value(lines: list[str], name: str) -> str:
    (found,) = [line.partition(":")[2] for line in lines if line.partition(":")[0].split(";")[0] == name]
    return found


def unescaped(text: str) -> str:
    out, plain = [], iter(text)
    for char in plain:
        out.append({"n": "\n"}.get(follower := next(plain), follower) if char == "\\" else char)
        assert char not in ";,"
    return "".join(out)


def test_what_it_says_is_what_was_written_however_odd():
    texts = {
        "title": "读书; 分享, \\o/ " + "很长的标题" * 20,
        "text": "第一行\r\n第二行,还有;和\\n",
        "place": "西湖区, 文一路 1 号",
        "decided": "open",
        "version": 3,
    }
    lines = file_of(**texts)
    event = lines[lines.index("BEGIN:VEVENT") : lines.index("END:VEVENT")]
    assert unescaped(value(event, "SUMMARY")) == texts["title"]
    assert unescaped(value(event, "DESCRIPTION")) == "第一行\n第二行,还有;和\\n"
    assert unescaped(value(event, "LOCATION")) == texts["place"]
    assert (value(event, "URL"), value(event, "SEQUENCE"), value(event, "STATUS")) == (PAGE, "2", "CONFIRMED")
    assert "STATUS:CANCELLED" in file_of(decided="cancelled")
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-1] == "END:VCALENDAR"
    assert value(lines, "UID") == value(file_of(title="x"), "UID")


@pytest.mark.parametrize(
    "zone", ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
)
@pytest.mark.parametrize("month", [1, 4, 7, 11])
def test_its_own_zone_gives_the_instant_back(zone, month, tmp_path):
    """Read by an independent reader of VTIMEZONE."""
    start = datetime(2026, month, 5, 11, 30, tzinfo=UTC)
    lines = file_of(timezone=zone, starts_at=start, ends_at=start + HOUR)
    path = tmp_path / "zone.ics"
    path.write_text("\r\n".join(lines[lines.index("BEGIN:VTIMEZONE") : lines.index("END:VTIMEZONE") + 1]) + "\r\n")
    own = tz.tzical(str(path)).get(zone)
    for name, instant in (("DTSTART", start), ("DTEND", start + HOUR)):
        event = lines[lines.index("BEGIN:VEVENT") :]
        local = datetime.strptime(value(event, name), "%Y%m%dT%H%M%S").replace(tzinfo=own)
        assert local.astimezone(UTC) == instant
        assert f"{name};TZID={zone}:" in "\n".join(event)
    # Also where its reader would look at neighbouring days.
    for days in (-150, 150):
        there = start + timedelta(days=days)
        assert there.astimezone(own).utcoffset() == there.astimezone(tz.gettz(zone)).utcoffset()
