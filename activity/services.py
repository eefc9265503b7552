"""Adding events, and the few ways in which they change afterwards. Nothing else ever writes them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, models, transaction

from activity.models import BuiltInKind, Channel, Event, EventKind, EventMove
from community_ops.lib.sql import RowStatement


class EventRow(NamedTuple):
    """An event whose names are resolved to numbers. `key` is from event_key(); `properties` is JSON text."""

    key: str
    member_id: int
    group_id: int | None
    kind_id: int
    at: datetime
    channel_id: int | None = None
    value: Decimal | None = None
    properties: str | None = None


@dataclass(frozen=True)
class Recorded:
    """What became of a batch: how many events are new, and which those are (None: all of them)."""

    count: int
    new_keys: frozenset[str] | None


_COLUMNS = ", ".join(EventRow._fields)
_INSERT = RowStatement(
    types=("uuid", "bigint", "bigint", "bigint", "timestamptz", "bigint", "numeric", "text"),
    sqlite=f"INSERT INTO activity_event ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) "  # noqa: S608
    "ON CONFLICT (key) DO NOTHING",
    # Sorted by arrival, so that the sequence numbers the rows in the order in which they were sent.
    postgresql=f"INSERT INTO activity_event ({_COLUMNS}) "  # noqa: S608
    "SELECT key, member_id, group_id, kind_id, at, channel_id, value, properties::jsonb "
    "FROM {rows} WITH ORDINALITY "
    f"AS sent({_COLUMNS}, arrival) ORDER BY arrival ON CONFLICT (key) DO NOTHING RETURNING key::text",
)


def event_key(source: str, source_id: str) -> str:
    """The key of an event that `source` knows as `source_id`: 128 bits of BLAKE2b as 32 hexadecimal digits."""
    return blake2b(f"{source}\n{source_id}".encode(), digest_size=16).hexdigest()


def to_millisecond(at: datetime) -> datetime:
    """The instant in UTC, cut to the millisecond: the resolution of every report."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    beyond = at.microsecond % 1000
    return at.replace(microsecond=at.microsecond - beyond) if beyond else at


def kinds_ensure(slugs: Collection[str]) -> dict[str, int]:
    """The numbers of kinds by slug; unknown ones are registered. Asked of the database each time: a number that was
    remembered from a transaction which was rolled back would be wrong for good."""
    return _numbers(EventKind.objects.all(), "slug", slugs)


def channels_ensure(codes: Collection[str]) -> dict[str, int]:
    """The numbers of channels by code; unknown ones are registered."""
    return _numbers(Channel.objects.all(), "code", codes)


def _numbers(rows: models.QuerySet[Any], field: str, names: Collection[str]) -> dict[str, int]:
    wanted = sorted(set(names))
    if not wanted:
        return {}
    found: dict[str, int] = dict(rows.filter(**{f"{field}__among": wanted}).values_list(field, "pk"))
    missing = [name for name in wanted if name not in found]
    if missing:
        rows.bulk_create([rows.model(**{field: name}) for name in missing], ignore_conflicts=True)
        found |= dict(rows.filter(**{f"{field}__among": missing}).values_list(field, "pk"))
    return found


@dataclass(frozen=True)
class Frontier:
    """A mark in the table of events: `newest` is its highest number and `moves` that of EventMove, 0 for none."""

    newest: int
    newest_key: str
    moves: int


def events_frontier() -> Frontier:
    """A mark below which no event and no move comes any more: whatever is written later gets a higher number.

    Numbers are given before a transaction ends, so the highest one in sight may lie above some that are still to come.
    On PostgreSQL this waits for everybody who is writing events, and holds up new writers as long; SQLite has one
    writer at a time. Raises OperationalError when writers take longer than ten seconds.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '10s'")
                cursor.execute("LOCK TABLE activity_event IN SHARE MODE")
        newest = Event.objects.order_by("-pk").values_list("pk", "key").first()
        moves = EventMove.objects.order_by("-pk").values_list("pk", flat=True).first()
    return Frontier(newest[0] if newest else 0, newest[1].hex if newest else "", moves or 0)


def keys_known(keys: Collection[str]) -> set[str]:
    """Those of `keys` that an event already has."""
    if not keys:
        return set()
    return {key.hex for key in Event.objects.filter(key__among=keys).values_list("key", flat=True)}


def record_batch(rows: Sequence[EventRow]) -> Recorded:
    """Adds the events that are not known yet, in the order given. Keys must differ within the batch.

    Must run in a transaction. Two batches of one source at once are kept apart by the caller (see members.ingestion).
    """
    if connection.vendor == "sqlite":
        # One writer at a time: whatever lies above today's highest number afterwards came from here.
        highest = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        count = _INSERT.execute(rows)
        if count == len(rows):
            return Recorded(count, None)
        fresh = Event.objects.filter(pk__gt=highest).values_list("key", flat=True) if count else ()
        return Recorded(count, frozenset(key.hex for key in fresh))
    returned = _INSERT.execute_returning(rows)
    if len(returned) == len(rows):
        return Recorded(len(rows), None)
    return Recorded(len(returned), frozenset(UUID(key).hex for (key,) in returned))


def record(
    *,
    key: str,
    member_id: int,
    kind: str,
    at: datetime,
    group_id: int | None = None,
    channel: str = "",
    value: Decimal | None = None,
    properties: dict[str, Any] | None = None,
) -> bool:
    """Adds one event that the product itself observed; False when the key is known already."""
    with transaction.atomic():
        row = EventRow(
            key=key,
            member_id=member_id,
            group_id=group_id,
            kind_id=kinds_ensure([kind])[kind],
            at=to_millisecond(at),
            channel_id=channels_ensure([channel])[channel] if channel else None,
            value=value,
            properties=json.dumps(properties) if properties else None,
        )
        return record_batch([row]).count == 1


def events_move(*, member_id: int, to: int) -> list[int]:
    """Gives what one member did to another, because they are one person; returns the numbers of the events."""
    numbers = list(Event.objects.filter(member_id=member_id).order_by("pk").values_list("pk", flat=True))
    with transaction.atomic():
        Event.objects.filter(member_id=member_id).update(member_id=to)
        _moved((member_id, None), (to, None))
    return numbers


def events_move_back(*, numbers: Sequence[int], member_id: int, to: int) -> None:
    """Undoes events_move for the events with these numbers."""
    with transaction.atomic():
        for start in range(0, len(numbers), 500):
            Event.objects.filter(pk__in=numbers[start : start + 500], member_id=member_id).update(member_id=to)
        _moved((member_id, None), (to, None))


def events_delete(*, keys: Collection[str]) -> int:
    """Deletes events that the product itself had observed, because what they tell was taken back; returns how many
    there were."""
    with transaction.atomic():
        events = Event.objects.filter(key__among=list(keys))
        places = sorted(set(events.order_by().values_list("member_id", "group_id")), key=str)
        count, _rows = events.delete()
        _moved(*places)
    return count


def _moved(*places: tuple[int, int | None]) -> None:
    """After the update and not before it: events_frontier() waits for whoever has updated events, so that the notes of
    all moves below its mark can be seen."""
    EventMove.objects.bulk_create([EventMove(member_id=member, group_id=group) for member, group in places])


def events_forget_properties(*, member_id: int, names: Collection[str]) -> int:
    """Removes what came along with a member's events, and with events of others that name the member by one of `names`;
    returns how many were touched. The events themselves stay, so that every count stays."""
    about = models.Q(member_id=member_id, properties__isnull=False)
    if names:
        about |= models.Q(kind__slug=BuiltInKind.INVITED, properties__member__in=list(names))
    return Event.objects.filter(pk__in=Event.objects.filter(about).values("pk")).update(properties=None)
