"""A member's timeline: all sources in one order, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Any, Self

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User
from members.models import Member
from members.timeline.sources import Line, Source, all_sources

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PAGE = 50


@dataclass(frozen=True)
class Place:
    """A place in a timeline: after this entry, going back in time. Written as `microseconds-source-number`."""

    at: datetime
    source: str
    number: int

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.source}-{self.number}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The place that a text stands for, or nothing."""
        parts = text.split("-")
        if len(parts) != 3 or not all(part.isdecimal() and part.isascii() for part in (parts[0], parts[2])):
            return None
        if len(parts[0]) > 17 or len(parts[2]) > 18:
            return None
        try:
            return cls(EPOCH + timedelta(microseconds=int(parts[0])), parts[1], int(parts[2]))
        except OverflowError:
            return None


@dataclass(frozen=True)
class Entry:
    at: datetime
    source: Source
    number: int
    line: Line
    # The local day, where the entries of another day begin.
    new_day: date | None


@dataclass(frozen=True)
class TimelinePage:
    entries: list[Entry]
    next: Place | None


def timeline_page(
    *, member: Member, user: User, show: str = "", after: Place | None = None, size: int = PAGE
) -> TimelinePage:
    """One page of a member's timeline, newest first. `show` is the slug of a source, or of a source and a part of it as
    "events:like"; empty is everything. One query for each source."""
    wanted, _colon, part = show.partition(":")
    sources = [source for source in all_sources() if not wanted or source.slug == wanted]
    ranks = {source.slug: rank for rank, source in enumerate(sources)}
    streams = []
    for rank, source in enumerate(sources):
        rows = source.rows(member, user).exclude(**{source.at: None})
        if part:
            rows = rows.filter(kind__slug=part)
        if after:
            rows = _after(rows, source.at, after, rank, ranks.get(after.source, -1))
        rows = rows.order_by(f"-{source.at}", "-pk")[: size + 1]
        streams.append([((-_micros(getattr(row, source.at)), rank, -row.pk), source, row) for row in rows])
    found = list(islice(merge(*streams, key=lambda item: item[0]), size + 1))
    shown = found[:size]
    entries = []
    day = timezone.localtime(after.at).date() if after else None
    for _key, source, row in shown:
        at = getattr(row, source.at)
        local = timezone.localtime(at).date()
        entries.append(Entry(at, source, row.pk, source.line(row), local if local != day else None))
        day = local
    if len(found) <= size:
        return TimelinePage(entries, None)
    last = entries[-1]
    return TimelinePage(entries, Place(last.at, last.source.slug, last.number))


def _micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def _after(rows: QuerySet[Any], at: str, after: Place, rank: int, after_rank: int) -> QuerySet[Any]:
    """Entries of one instant stand in the order of their sources."""
    if rank > after_rank:
        return rows.filter(**{f"{at}__lte": after.at})
    if rank < after_rank:
        return rows.filter(**{f"{at}__lt": after.at})
    return rows.filter(Q(**{f"{at}__lt": after.at}) | Q(**{at: after.at}, pk__lt=after.number))
