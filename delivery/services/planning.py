"""Deliveries are made, reworded, called off, and decided by a person."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from delivery import signals
from delivery.models import Delivery, Message, Missed, State

# What may still be taken back: nobody has begun to send it.
NOT_BEGUN = Q(state__in=[State.PLANNED, State.QUEUED, State.WAITING]) | Q(state=State.FAILED, retry_at__isnull=False)
# How long after a person said "send now" the message may leave, when the worker is busy or down.
ORDERED_BY_HAND = timedelta(minutes=30)


@dataclass(frozen=True)
class NewDelivery:
    """One message to one group at one time. `dedupe_key` is its identity: planned twice, it is sent once."""

    dedupe_key: str
    kind: str
    destination_id: int | None
    group_id: int
    group_ref: str
    due_at: datetime
    missed: str
    late_until: datetime
    post_id: int | None = None
    occurrence_id: int | None = None


@dataclass(frozen=True)
class Content:
    """What a message says, before it is a row."""

    title: str
    text: str
    link: str = ""
    link_title: str = ""
    picture_id: int | None = None
    value: str = ""
    piece_id: int | None = None
    has_variables: bool = False


def message_create(*, content: Content, filled_from: Message | None = None) -> Message:
    """What is to be said. A message never changes: another wording is another message."""
    return Message.objects.create(
        title=content.title,
        text=content.text,
        link=content.link,
        link_title=content.link_title,
        picture_id=content.picture_id,
        value=content.value,
        piece_id=content.piece_id,
        has_variables=content.has_variables,
        filled_from=filled_from,
    )


def deliveries_plan(*, message: Message, rows: Iterable[NewDelivery]) -> None:
    """Plans deliveries; those that exist by kind and dedupe key stay as they are."""
    Delivery.objects.bulk_create(
        [
            Delivery(
                message=message,
                dedupe_key=row.dedupe_key,
                kind=row.kind,
                destination_id=row.destination_id,
                group_id=row.group_id,
                group_ref=row.group_ref,
                post_id=row.post_id,
                occurrence_id=row.occurrence_id,
                due_at=row.due_at,
                missed=row.missed,
                late_until=row.late_until,
            )
            for row in rows
        ],
        ignore_conflicts=True,
        batch_size=500,
    )


def deliveries_reword(*, post_id: int, message: Message, but: Collection[int] = ()) -> int:
    """Gives what is planned for a post another message, but for the occurrences `but`. What is on its way keeps the
    old one."""
    planned = Delivery.objects.filter(post_id=post_id, state=State.PLANNED)
    return planned.exclude(occurrence_id__in=list(but)).update(message=message)


def deliveries_drop(*, post_id: int, after: datetime, but: Collection[int] = ()) -> None:
    """Forgets what was planned for later than `after`, also what a pause had cancelled; nobody has seen it. What is
    planned for the occurrences `but` stays."""
    unseen = Q(state=State.PLANNED) & ~Q(occurrence_id__in=list(but)) | Q(state=State.CANCELLED, error_code="paused")
    Delivery.objects.filter(unseen, post_id=post_id, attempts=0, due_at__gt=after).delete()


def deliveries_forget(*, post_id: int, group_ids: Collection[int], after: datetime) -> None:
    """Forgets what was planned for groups that do not get a post any more."""
    planned = Delivery.objects.filter(post_id=post_id, state=State.PLANNED, attempts=0, due_at__gt=after)
    ids = list(group_ids)
    for start in range(0, len(ids), 500):
        planned.filter(group_id__in=ids[start : start + 500]).delete()


def deliveries_leave_out(*, occurrence_id: int, code: str, now: datetime, but: Collection[int] = ()) -> list[int]:
    """Skips what is planned for one occurrence, but for the groups `but`; returns the ids. The caller sends `settled`
    after the commit."""
    kept = set(but)
    planned = Delivery.objects.filter(occurrence_id=occurrence_id, state=State.PLANNED)
    ids = [pk for pk, group in planned.values_list("pk", "group_id") if group not in kept]
    for start in range(0, len(ids), 500):
        planned.filter(pk__in=ids[start : start + 500]).update(
            state=State.SKIPPED, error_code=code, error="", settled_at=now
        )
    return ids


def deliveries_cancel(*, post_id: int, code: str, now: datetime) -> int:
    """Calls off whatever of a post has not begun to be sent; returns how many."""
    return Delivery.objects.filter(NOT_BEGUN, post_id=post_id).update(
        state=State.CANCELLED, error_code=code, error="", retry_at=None, settled_at=now
    )


def delivery_send_now(*, delivery: Delivery, now: datetime) -> bool:
    """A person wants it sent: waiting, unknown, skipped or failed becomes queued. The caller enqueues it.

    False when it is in another state by now.
    """
    states = [State.WAITING, State.UNKNOWN, State.FAILED, State.SKIPPED]
    return _decide(
        delivery,
        states,
        state=State.QUEUED,
        queued_at=now,
        missed=Missed.LATE,
        late_until=now + ORDERED_BY_HAND,
        error_code="",
        settled_at=None,
        by_hand=True,
    )


def delivery_mark_sent(*, delivery: Delivery, now: datetime) -> bool:
    """A person knows that it arrived, or has posted it by hand. False when it is in another state by now."""
    done = _decide(
        delivery,
        [State.WAITING, State.UNKNOWN, State.FAILED],
        state=State.SENT,
        error_code="sent_by_person",
        settled_at=now,
    )
    if done:
        signals.settled.send(sender=Delivery, ids=[delivery.pk])
    return done


def delivery_skip(*, delivery: Delivery, now: datetime) -> bool:
    """A person decides that it is not sent. False when it is in another state by now."""
    done = _decide(
        delivery,
        [State.PLANNED, State.WAITING, State.UNKNOWN, State.FAILED],
        state=State.SKIPPED,
        error_code="skipped_by_person",
        settled_at=now,
    )
    if done:
        signals.settled.send(sender=Delivery, ids=[delivery.pk])
    return done


def _decide(delivery: Delivery, states: list[State], **changes: object) -> bool:
    return bool(Delivery.objects.filter(pk=delivery.pk, state__in=states).update(error="", retry_at=None, **changes))
