"""Entries laid out as a month, as hours of days, or as rows of groups or branches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from campaigns.calendar.days import ONE_DAY, View, Window
from campaigns.calendar.selectors import Entry, Look, Note, look_from

# What a cell shows before the rest goes behind "+12 more".
IN_A_MONTH, IN_AN_HOUR, IN_A_ROW, IN_AN_AGENDA = 4, 3, 4, 30
# Hours that a week shows even when nothing goes out in them.
WAKING = range(7, 23)


@dataclass(frozen=True)
class Cell:
    day: date
    entries: Sequence[Entry]
    hidden: Sequence[Entry] = ()

    @property
    def more(self) -> int:
        return len(self.hidden)

    @property
    def more_failed(self) -> int:
        return sum(entry.look == Look.FAILED for entry in self.hidden)


@dataclass(frozen=True)
class Day:
    """The head of a day."""

    day: date
    is_today: bool
    in_month: bool
    notes: Sequence[Note]
    count: int

    @property
    def is_weekend(self) -> bool:
        return self.day.weekday() >= 5


@dataclass(frozen=True)
class Row:
    """A line of a week: an hour, a group, a branch."""

    label: str
    cells: Sequence[Cell]
    hour: int | None = None
    pk: int | None = None


def days_of(window: Window, entries: Iterable[Entry], notes: Mapping[date, list[Note]], today: date) -> list[Day]:
    counts: dict[date, int] = defaultdict(int)
    for entry in entries:
        counts[entry.day] += 1
    return [
        Day(day, day == today, day.month == window.day.month, notes.get(day, []), counts[day]) for day in window.days
    ]


def month_of(days: Sequence[Day], entries: Iterable[Entry]) -> list[list[tuple[Day, Cell]]]:
    """The weeks of a month, each with its days."""
    found: dict[date, list[Entry]] = defaultdict(list)
    for entry in entries:
        found[entry.day].append(entry)
    cells = [(day, cell(day.day, found[day.day], IN_A_MONTH)) for day in days]
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]


def hours_of(window: Window, entries: Iterable[Entry]) -> list[Row]:
    """A row an hour: the waking hours, and any other in which something goes out."""
    found: dict[tuple[int, date], list[Entry]] = defaultdict(list)
    for entry in entries:
        found[entry.at.hour, entry.day].append(entry)
    most = IN_AN_HOUR if window.last - window.first >= ONE_DAY else None
    return [
        Row(f"{hour:02}:00", [cell(day, found[hour, day], most) for day in window.days], hour=hour)
        for hour in sorted({*WAKING, *(hour for hour, _day in found)})
    ]


def agenda_of(window: Window, entries: Iterable[Entry]) -> list[Cell]:
    """The day that is chosen in a month, or every day of a week, as a list."""
    days = [window.day] if window.view == View.MONTH else window.days
    found: dict[date, list[Entry]] = {day: [] for day in days}
    for entry in entries:
        if entry.day in found:
            found[entry.day].append(entry)
    return [cell(day, rows, IN_AN_AGENDA) for day, rows in found.items()]


def row_of(
    window: Window,
    label: str,
    entries: Mapping[int, Entry],
    counts: Mapping[int, dict[str, int]],
    pk: int | None,
    activities: Iterable[Entry] = (),
) -> Row:
    """What goes out to one group or one branch: each entry with the state that it has there; and its activities."""
    found: dict[date, list[Entry]] = defaultdict(list)
    for activity in activities:
        found[activity.day].append(activity)
    for occurrence, counted in counts.items():
        if entry := entries.get(occurrence):
            look = entry.look if entry.look in (Look.CALLED_OFF, Look.PAUSED) else look_from(counted) or entry.look
            own = replace(entry, look=look, groups=counted["total"], sent=counted["sent"], failed=counted["failed"])
            found[entry.day].append(own)
    for rows in found.values():
        rows.sort(key=lambda entry: (entry.at, entry.pk or 0))
    return Row(label, [cell(day, found[day], IN_A_ROW) for day in window.days], pk=pk)


def cell(day: date, entries: Sequence[Entry], most: int | None) -> Cell:
    """The first entries, and the rest as hidden. Activities are few and asked for: posts make room for them."""
    if most is None or len(entries) <= most:
        return Cell(day, entries)
    wanted = sorted(range(len(entries)), key=lambda place: (entries[place].activity_id is None, place))
    shown = set(wanted[: most - 1])
    return Cell(
        day,
        [entry for place, entry in enumerate(entries) if place in shown],
        [entry for place, entry in enumerate(entries) if place not in shown],
    )
