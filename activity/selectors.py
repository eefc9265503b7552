"""What copies of the events ask about them with every report. Written out, since Django takes longer to put such a
question together than a database to answer it."""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection

_KEY = "SELECT key FROM activity_event WHERE id = %s"
_NEWS = (
    "SELECT EXISTS(SELECT 1 FROM activity_event WHERE id > %s), (SELECT COUNT(*) FROM activity_eventmove WHERE id > %s)"
)


class News(NamedTuple):
    """What came after a mark in the table of events, all as of one instant."""

    has_events: bool
    moves: int


def key_of(*, number: int) -> str | None:
    """The key of the event with this number, nothing when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_KEY, [number])
        found = cursor.fetchone()
    return str(found[0]).replace("-", "") if found else None


def news_since(*, newest: int, moves: int) -> News:
    """What has a higher number than this event, and than this move."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWS, [newest, moves])
        has_events, number = cursor.fetchone()
    return News(bool(has_events), number)
