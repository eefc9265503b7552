"""When a post goes out: an RFC 5545 rule on the wall clock of a time zone.

The rule runs on local time without an offset and each result is put into the zone afterwards, so nine o'clock stays
nine o'clock across clock changes. A local time that a clock change leaves out moves forward by the gap (RFC 5545,
3.3.5); one that comes twice means the first. UNTIL without a Z is local, and a plain date holds the whole day.

With slots the rule gives days, and each slot is a time of that day; COUNT then counts days. Days off are looked at
after the rule: what falls on one is left out, or moves to the next working day, and COUNT has counted it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from heapq import heappop, heappush
from itertools import groupby, islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from community_ops.lib.zones import zone_named

FREQUENCIES = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# Parts that take a list of numbers, with the largest; the third says whether they count from the end when negative.
NUMBERS = {
    "BYMONTH": (1, 12, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYWEEKNO": (1, 53, True),
    "BYSETPOS": (1, 366, True),
    "BYHOUR": (0, 23, False),
    "BYMINUTE": (0, 59, False),
}
PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", *NUMBERS}
HOURLY_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYHOUR", "BYMINUTE"}
STEPS = {"HOURLY": timedelta(hours=1), "DAILY": timedelta(days=1)}
MOST_A_DAY = 24
YEARS = range(2000, 2200)
# How far ahead the next time is looked for; what comes later than that does not come.
SEARCHED = timedelta(days=5 * 366)
MOST_SLOTS = 12
# No holiday lasts longer; a time that finds no working day within them is left out.
LONGEST_HOLIDAY = 40
WORKDAYS = WEEKDAYS[:5]


@dataclass(frozen=True)
class Time:
    """One time of a post: `local` names it on the clock of its zone, `at` is the instant."""

    local: str
    at: datetime


@dataclass(frozen=True)
class DaysOff:
    """The days that differ from the usual week: `days` says "off" or "working" for each. `moves` tells what happens to
    a time on a day off: it goes to the next working day, or is left out."""

    days: Mapping[date, str]
    moves: bool

    def is_off(self, day: date) -> bool:
        return self.days.get(day) == "off"

    def is_working(self, day: date) -> bool:
        kind = self.days.get(day)
        return kind == "working" or (kind is None and day.weekday() < 5)

    def moved(self, day: date) -> date | None:
        """The day on which something planned for `day` goes out."""
        if not self.is_off(day):
            return day
        if not self.moves:
            return None
        later = (day + timedelta(days=number) for number in range(1, LONGEST_HOLIDAY))
        return next((each for each in later if self.is_working(each)), None)


@dataclass(frozen=True)
class Recurrence:
    """A rule that was checked. `start` is the first local time it may give."""

    rule: str
    start: datetime
    zone: ZoneInfo
    slots: tuple[time, ...] = ()
    days_off: DaysOff | None = field(default=None, hash=False)

    def times(self, after: datetime) -> Iterator[Time]:
        """The times later than `after`, in order, as far ahead as is searched."""
        local_after = after.astimezone(self.zone).replace(tzinfo=None)
        until = max(local_after, self.start) + self._searched(_parts(self.rule))
        locals_ = self._on_working_days(self._locals(until))
        return in_zone(locals_, self.zone, after)

    def _locals(self, until: datetime) -> Iterator[datetime]:
        parts = _parts(self.rule)
        count = int(parts.pop("COUNT")) if "COUNT" in parts else None
        if "UNTIL" in parts:
            until = min(until, _until(parts.pop("UNTIL"), self.zone))
        if self._keeps_working_weekends(parts):
            parts = {"FREQ": "DAILY"}
        start, last = self.start, until
        if self.slots:
            start = datetime.combine(start, time.min)
            last = datetime.combine(until, time.max)
        if count is None and parts["FREQ"] in STEPS and "BYSETPOS" not in parts:
            # Steps of one length can be passed by without looking at each, however long ago the start was.
            step = STEPS[parts["FREQ"]] * int(parts.get("INTERVAL", 1))
            back = timedelta(days=LONGEST_HOLIDAY) if self.days_off else timedelta()
            start += step * max(0, (until - self._searched(parts) - back - start) // step - 1)
        # dateutil searches a rule without results to the end of time: every search gets an end.
        parts["UNTIL"] = f"{last:%Y%m%dT%H%M%S}"
        found = rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=start)
        assert isinstance(found, rrule)
        given = islice(iter(found), count)
        if not self.slots:
            return given
        each = (datetime.combine(day, slot) for day in given for slot in self.slots)
        return (local for local in each if self.start <= local <= until)

    def _keeps_working_weekends(self, parts: Mapping[str, str]) -> bool:
        """Monday to Friday means working days, once days off are kept: a weekend that is worked is one."""
        return self.days_off is not None and parts == {"FREQ": "WEEKLY", "BYDAY": ",".join(WORKDAYS)}

    def _on_working_days(self, given: Iterator[datetime]) -> Iterator[datetime]:
        days_off = self.days_off
        if days_off is None:
            return given
        if self._keeps_working_weekends({k: v for k, v in _parts(self.rule).items() if k not in ("COUNT", "UNTIL")}):
            return (local for local in given if days_off.is_working(local.date()))
        return _moved(given, days_off)

    @staticmethod
    def _searched(parts: dict[str, str]) -> timedelta:
        """An hourly rule holds no months or days of the month, so what comes at all comes soon."""
        return timedelta(days=31 * int(parts.get("INTERVAL", 1))) if parts["FREQ"] == "HOURLY" else SEARCHED


def _moved(given: Iterator[datetime], days_off: DaysOff) -> Iterator[datetime]:
    """The local times with those on days off moved, in order: a moved one waits until its day has come."""
    held: list[datetime] = []
    for local in given:
        while held and held[0].date() < local.date():
            yield heappop(held)
        if (day := days_off.moved(local.date())) is not None:
            heappush(held, datetime.combine(day, local.time()))
    while held:
        yield heappop(held)


def in_zone(given: Iterator[datetime], zone: ZoneInfo, after: datetime) -> Iterator[Time]:
    """Local times, which come day by day, as instants later than `after`."""
    last = after
    for _day, locals_ in groupby(given, key=datetime.date):
        # A gap moves times of its hour behind later ones, or onto them: those are sent once.
        for at, local in sorted((localize(local, zone), local) for local in locals_):
            if at > last:
                last = at
                yield Time(local.isoformat(timespec="seconds"), at)


def recurrence(
    *, rule: str, start: str, timezone: str, slots: Sequence[str] = (), days_off: DaysOff | None = None
) -> Recurrence:
    """Checks a rule, its first local time ("2026-03-01T09:00") and its times of day. Errors come by field."""
    errors: dict[str, ValidationError] = {}
    zone = local_start = None
    try:
        zone = zone_named(timezone)
    except ValidationError as error:
        errors["timezone"] = error
    try:
        local_start = local_time(start)
    except ValueError:
        errors["start"] = ValidationError(
            _("Give the first time on the local clock, without an offset, like 2026-03-01T09:00."), code="invalid"
        )
    clocks: tuple[time, ...] = ()
    try:
        clocks = slots_read(slots)
    except ValidationError as error:
        errors["slots"] = error
    cleaned = rule.strip().upper().removeprefix("RRULE:").rstrip(";")
    try:
        parts = _checked_parts(cleaned)
        if slots and (parts["FREQ"] == "HOURLY" or parts.keys() & {"BYHOUR", "BYMINUTE"}):
            raise ValidationError(
                _("Times of day go with days: leave hours and minutes out of the recurrence."), code="invalid"
            )
    except ValidationError as error:
        errors["rrule"] = error
    if errors or zone is None or local_start is None:
        raise ValidationError(errors)
    kept = ";".join(f"{name}={value}" for name, value in parts.items())
    made = Recurrence(kept, local_start, zone, clocks, days_off)
    try:
        first = list(islice(made.times(localize(local_start, zone) - timedelta(seconds=1)), 200))
    except ValueError:
        first = []  # dateutil found that interval and hours never meet
    if not first:
        raise _rule_error(_("This recurrence never comes about."))
    if any(b.at - a.at < timedelta(days=1) for a, b in zip(first, first[MOST_A_DAY:], strict=False)):
        raise _rule_error(_("A post can go out %(most)d times a day at most.") % {"most": MOST_A_DAY})
    return made


def slots_read(slots: Sequence[object]) -> tuple[time, ...]:
    """Times of day ("09:00") in order, each once. Raises ValidationError."""
    if len(slots) > MOST_SLOTS:
        raise ValidationError(_("Choose at most %(most)d times of day.") % {"most": MOST_SLOTS}, code="invalid")
    found: set[time] = set()
    for slot in slots:
        if not isinstance(slot, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", slot):
            raise ValidationError(
                _("“%(slot)s” is no time of day. Write it like 09:00.") % {"slot": str(slot)[:20]}, code="invalid"
            )
        found.add(time.fromisoformat(slot))
    return tuple(sorted(found))


def localize(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a local time, in UTC: the first of two; moved forward by the gap where there is none.

    With fold 0, Python reads a time within a gap by the offset before it, which is just that.
    """
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def local_time(text: str) -> datetime:
    """A time on the local clock, as it is written. Raises ValueError."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", text):
        raise ValueError(text)
    local = datetime.fromisoformat(text)
    if local.year not in YEARS:
        raise ValueError(text)
    return local


def _parts(rule: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in rule.split(";"))


def _rule_error(message: str) -> ValidationError:
    return ValidationError({"rrule": ValidationError(message, code="invalid")})


def _checked_parts(rule: str) -> dict[str, str]:
    """The parts of a rule in the order given. Raises ValidationError for what is missing, doubled, or not offered."""
    if not rule:
        raise ValidationError(_("Give a recurrence, like FREQ=DAILY."), code="required")
    parts: dict[str, str] = {}
    for part in rule.split(";"):
        name, _equals, value = part.partition("=")
        if name in parts:
            raise _part_error(name, _("it is given twice"))
        if name not in PARTS or not value:
            raise _part_error(part, _("it is not offered here"))
        parts[name] = value
    frequency = parts.get("FREQ")
    if frequency not in FREQUENCIES:
        raise _part_error("FREQ", _("it is one of %(choices)s") % {"choices": ", ".join(FREQUENCIES)})
    for name, value in parts.items():
        if frequency == "HOURLY" and name not in HOURLY_PARTS:
            raise _part_error(name, _("an hourly rule cannot have it"))
        if name in ("INTERVAL", "COUNT") and not (re.fullmatch(r"\d{1,4}", value) and int(value) > 0):
            raise _part_error(name, _("it is a whole number from 1 to 9999"))
        if name in NUMBERS:
            _check_numbers(name, value)
        if name == "BYDAY":
            _check_weekdays(value, numbered=frequency in ("MONTHLY", "YEARLY"))
        if name == "WKST" and value not in WEEKDAYS:
            raise _part_error(name, _("it is one of %(choices)s") % {"choices": ", ".join(WEEKDAYS)})
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValidationError(_("Give COUNT or UNTIL, not both."), code="invalid")
    if "UNTIL" in parts:
        try:
            _until(parts["UNTIL"], ZoneInfo("UTC"))
        except ValueError:
            raise _part_error("UNTIL", _("it is a date like 20260331 or a time like 20260331T180000")) from None
    return parts


def _part_error(part: str, why: str) -> ValidationError:
    return ValidationError(
        _("“%(part)s” in the recurrence cannot be used: %(why)s.") % {"part": part[:30], "why": why}, code="invalid"
    )


def _check_numbers(name: str, value: str) -> None:
    least, most, signed = NUMBERS[name]
    for item in value.split(","):
        number = int(item) if re.fullmatch(r"[+-]?\d{1,3}", item) else -1000
        if not least <= (abs(number) if signed else number) <= most:
            raise _part_error(
                name, _("its numbers lie between %(least)d and %(most)d") % {"least": least, "most": most}
            )


def _check_weekdays(value: str, *, numbered: bool) -> None:
    days = "|".join(WEEKDAYS)
    pattern = rf"([+-]?[1-9]\d?)?({days})" if numbered else rf"({days})"
    if not all(re.fullmatch(pattern, item) for item in value.split(",")):
        raise _part_error("BYDAY", _("it is a list of %(choices)s") % {"choices": ", ".join(WEEKDAYS)})


def _until(text: str, zone: ZoneInfo) -> datetime:
    if text[:4].isdigit() and int(text[:4]) not in YEARS:
        raise ValueError(text)
    if re.fullmatch(r"\d{8}", text):
        return datetime.strptime(text, "%Y%m%d") + timedelta(days=1, seconds=-1)  # noqa: DTZ007  a local day
    if not re.fullmatch(r"\d{8}T\d{6}Z?", text):
        raise ValueError(text)
    local = datetime.strptime(text.rstrip("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007  made aware below where it says Z
    return local.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) if text.endswith("Z") else local
