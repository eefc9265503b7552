"""Time within service hours, as pure functions.

An instant is within service hours when the clock on the wall of the community's zone then shows a time inside one of
the windows of its weekday, and the local day is not closed. So an hour that the clock shows twice counts twice, and an
hour that it skips not at all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

DAY_MINUTES = 24 * 60
ONE_DAY = timedelta(days=1)
# No deadline is looked for beyond this: hours that are closed for so long are never open.
HORIZON = timedelta(days=800)

Window = tuple[int, int]


@dataclass(frozen=True)
class Hours:
    """The windows of each weekday from Monday, as minutes after midnight, in order and apart from each other; `closed`
    are local days without service."""

    zone: tzinfo
    windows: tuple[tuple[Window, ...], ...]
    closed: frozenset[date] = frozenset()

    def on(self, day: date) -> tuple[Window, ...]:
        return () if day in self.closed else self.windows[day.weekday()]

    @property
    def is_never(self) -> bool:
        return not any(self.windows)


def served_seconds(asked_at: datetime, until: datetime, hours: Hours) -> float:
    """How much of the time from `asked_at` to `until` lies within service hours."""
    return sum((end - start).total_seconds() for start, end in _spans(asked_at, until, hours))


def deadline(asked_at: datetime, target: float, hours: Hours) -> datetime | None:
    """The last instant at which no more than `target` seconds of service have passed; nothing when that never ends.

    Where the target runs out with a window, that is the beginning of the next one: until then nobody is late.
    """
    if hours.is_never:
        return None
    left = target
    for start, end in _spans(asked_at, asked_at + HORIZON, hours):
        length = (end - start).total_seconds()
        if left < length:
            return start + timedelta(seconds=left)
        left -= length
    return None


def is_open(at: datetime, hours: Hours) -> bool:
    local = at.astimezone(hours.zone)
    minute = local.hour * 60 + local.minute
    return any(start <= minute < end for start, end in hours.on(local.date()))


def _spans(start: datetime, end: datetime, hours: Hours) -> Iterator[tuple[datetime, datetime]]:
    """The stretches within service hours, in order, in UTC."""
    for first, last, offset in _even_stretches(start.astimezone(UTC), end.astimezone(UTC), hours.zone):
        # Within a stretch the local clock is the UTC clock moved by one offset.
        day, last_day = (first + offset).date(), (last + offset).date()
        while day <= last_day:
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) - offset
            for opens, closes in hours.on(day):
                begin = max(first, midnight + timedelta(minutes=opens))
                finish = min(last, midnight + timedelta(minutes=closes))
                if begin < finish:
                    yield begin, finish
            day += ONE_DAY


def _even_stretches(start: datetime, end: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """[start, end) cut where the zone changes its offset."""
    at = start
    while at < end:
        offset = _offset(at, zone)
        until = min(end, at + ONE_DAY)
        if _offset(until, zone) != offset:
            # Offsets change at a full second, at most once a day: the first second with another one.
            base = at.replace(microsecond=0)
            seconds = range(int((until - base).total_seconds()) + 2)
            until = min(
                until,
                base
                + timedelta(
                    seconds=bisect_right(
                        seconds, 0, key=lambda second: _offset(base + timedelta(seconds=second), zone) != offset
                    )
                ),
            )
        yield at, until, offset
        at = until


def _offset(at: datetime, zone: tzinfo) -> timedelta:
    found = at.astimezone(zone).utcoffset()
    assert found is not None
    return found
