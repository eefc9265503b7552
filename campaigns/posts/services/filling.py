"""Each occurrence gets a delivery for every group listed: the nearest times at once, the rest bit by bit.

Whoever plans writes at most MOST_AT_ONCE deliveries, so a post to ten thousand groups is saved as quickly as one to
ten. An occurrence that lacks some is marked (`is_filling`); a task goes on with what is marked, in the order of time.
What is due is completed by the dispatcher before it sends, so a message is never late because its planning lags.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from campaigns.posts.models import Occurrence, Post, PostGroup
from delivery.models import Delivery, Kind, Message, Missed
from delivery.services import NewDelivery, deliveries_plan
from groups.models import Group

MOST_AT_ONCE = 2_000
# What is due within this is completed before anything is sent.
DUE_WITHIN = timedelta(minutes=1)
# Up to here a post is on time, whatever its policy: a tick of the dispatcher and a busy moment.
ON_TIME = timedelta(seconds=60)


@dataclass(frozen=True)
class _Recipient:
    pk: int
    ref: str
    destination_id: int | None
    kind: str | None


def fill(*, post: Post, occurrences: Sequence[Occurrence], whole: bool = False) -> None:
    """Gives each occurrence a delivery for every group listed that has none of it yet, the earliest first; unless
    it is to be `whole`, MOST_AT_ONCE at most, and the rest is marked. The caller holds the lock of the post."""
    worded = [(each, message) for each in occurrences if (message := _message_of(post, each)) is not None]
    worded.sort(key=lambda pair: pair[0].due_at)
    left = sys.maxsize if whole else MOST_AT_ONCE
    lacking: set[int] = set()
    if worded:
        recipients = _recipients(post)
        size = max(1, MOST_AT_ONCE // max(1, len(recipients)))
        for start in range(0, len(worded), size):
            some = worded[start : start + size]
            if left <= 0:
                lacking.update(each.pk for each, _message in some)
                continue
            missing = _missing(some, recipients)
            lacking.update(each.pk for each, _message, _recipient in missing[left:])
            _write(post, missing[:left])
            left -= len(missing)
    _mark(occurrences, lacking)


def fill_with(*, post: Post, occurrence: Occurrence, message: Message) -> None:
    """Gives one occurrence deliveries that say `message`, whatever it would say itself."""
    _write(post, _missing([(occurrence, message)], _recipients(post)))


def occurrences_complete(*, now: datetime) -> int:
    """Completes what is due within a minute and lacks deliveries; returns how many occurrences. What the dispatcher
    does before it sends."""
    due = Occurrence.objects.to_fill().filter(due_at__lte=now + DUE_WITHIN)
    count = 0
    for pk, post_id in list(due.order_by("due_at", "pk").values_list("pk", "post_id")):
        with transaction.atomic():
            post = Post.objects.select_for_update().get(pk=post_id)
            if occurrence := Occurrence.objects.to_fill().filter(pk=pk).first():
                fill(post=post, occurrences=[occurrence], whole=True)
                count += 1
    return count


def occurrences_fill(*, goes_on: Callable[[], bool]) -> int:
    """Writes the deliveries that are lacking, in the order of time and in steps of MOST_AT_ONCE, as long as
    `goes_on()`; returns how many steps. Each step is a transaction: whoever comes after one that was killed goes on
    where it stopped, and of two at once one leaves."""
    steps = 0
    while goes_on():
        first = Occurrence.objects.to_fill().order_by("due_at", "pk").values_list("post_id", flat=True).first()
        if first is None:
            break
        with transaction.atomic():
            post = Post.objects.select_for_update(skip_locked=True).filter(pk=first).first()
            if post is None:  # somebody else is at it
                break
            fill(post=post, occurrences=list(post.occurrences.to_fill().order_by("due_at", "pk")))
        steps += 1
    return steps


@dataclass(frozen=True)
class Filling:
    """How far the planning of a post has come: deliveries written, of those that its times ask for."""

    written: int
    total: int

    @property
    def percent(self) -> int:
        return 100 * self.written // self.total if self.total else 100


def filling_of(*, post: Post, now: datetime) -> Filling | None:
    """None where nothing is lacking. At most four queries."""
    lacking = list(post.occurrences.to_fill().values_list("pk", flat=True))
    if not lacking:
        return None
    times = post.occurrences.filter(due_at__gt=now, cancelled_at=None).exclude(pk__in=lacking).count() + len(lacking)
    groups = PostGroup.objects.filter(post=post).count()
    has = Delivery.objects.filter(occurrence_id__in=lacking).count()
    total = times * groups
    return Filling(written=max(0, total - max(0, len(lacking) * groups - has)), total=total)


def lateness(*, post: Post) -> timedelta:
    """How late a message of this post may still leave without anybody being asked."""
    grace = timedelta(minutes=post.late_minutes) if post.missed == Missed.LATE else ON_TIME
    return max(grace, ON_TIME)


def _message_of(post: Post, occurrence: Occurrence) -> Message | None:
    if occurrence.cancelled_at is not None:
        return None
    return occurrence.message or (None if post.series_id else post.message)


def _recipients(post: Post) -> list[_Recipient]:
    groups = Group.objects.filter(posts=post).order_by("pk")
    rows = groups.values_list("pk", "external_id", "destination_id", "destination__kind")
    return [_Recipient(*row) for row in rows]


def _missing(
    worded: Sequence[tuple[Occurrence, Message]], recipients: Sequence[_Recipient]
) -> list[tuple[Occurrence, Message, _Recipient]]:
    # Not left to the key alone: a group whose channel changed since would get it on the new one once more.
    has = set(
        Delivery.objects.filter(occurrence_id__in=[each.pk for each, _message in worded]).values_list(
            "occurrence_id", "group_id"
        )
    )
    return [
        (occurrence, message, recipient)
        for occurrence, message in worded
        for recipient in recipients
        if (occurrence.pk, recipient.pk) not in has
    ]


def _write(post: Post, missing: Sequence[tuple[Occurrence, Message, _Recipient]]) -> None:
    late = lateness(post=post)
    worded: dict[int, tuple[Message, list[NewDelivery]]] = {}
    for occurrence, message, recipient in missing:
        row = NewDelivery(
            dedupe_key=f"post:{post.pk}:{occurrence.local}:{recipient.pk}",
            kind=recipient.kind or Kind.INAPP,
            destination_id=recipient.destination_id,
            group_id=recipient.pk,
            group_ref=recipient.ref,
            due_at=occurrence.due_at,
            missed=post.missed,
            late_until=occurrence.due_at + late,
            post_id=post.pk,
            occurrence_id=occurrence.pk,
        )
        worded.setdefault(message.pk, (message, []))[1].append(row)
    for message, rows in worded.values():
        deliveries_plan(message=message, rows=rows)


def _mark(occurrences: Sequence[Occurrence], lacking: set[int]) -> None:
    changed = [each for each in occurrences if each.is_filling != (each.pk in lacking)]
    for each in changed:
        each.is_filling = not each.is_filling
    for state in (True, False):
        if ids := [each.pk for each in changed if each.is_filling is state]:
            Occurrence.objects.filter(pk__in=ids).update(is_filling=state)
