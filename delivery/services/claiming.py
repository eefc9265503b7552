"""What a worker takes: queued deliveries become its own, and are made ready for their adapters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

import structlog
from django.db import transaction
from django.db.models import F, QuerySet

from community_ops.lib.crypto import CannotDecryptError
from delivery import registry
from delivery.adapters.base import Outgoing, SendError
from delivery.limiter import HELD, Call, Rate
from delivery.models import Delivery, State
from delivery.services.planning import Content, message_create

logger = structlog.get_logger(__name__)

# A message that lay in the broker for longer than this was held up: whether it may still leave is decided anew.
HELD_UP = timedelta(seconds=30)


@dataclass
class Claimed:
    """`ours` are claimed. `busy` were left queued because their receiver has enough to do, `later` because what cannot
    be repeated is claimed one at a time: of a worker that is killed, little becomes unknown."""

    ours: list[Delivery] = field(default_factory=list)
    busy: list[int] = field(default_factory=list)
    later: list[int] = field(default_factory=list)
    seen: int = 0


def queued(ids: Collection[int] | None = None) -> QuerySet[Delivery]:
    """What waits for a worker, these ones or all, in the order in which they leave."""
    rows = Delivery.objects.filter(state=State.QUEUED).order_by("queued_at", "due_at", "pk")
    return rows if ids is None else rows.filter(pk__in=ids)


def claim(*, ids: Collection[int], now: datetime, is_busy: Callable[[Sequence[Delivery], str], bool]) -> Claimed:
    """Takes those of these that are queued; `is_busy` tells from what was taken so far whether a host has enough.

    The rows are locked for the moment in which they change; what another worker is just taking is passed by.
    """
    done = Claimed()
    with transaction.atomic():
        rows = queued(ids).select_related("message__picture", "destination")
        too_late = []
        for delivery in rows.select_for_update(skip_locked=True, of=("self",)):
            done.seen += 1
            held_up = delivery.queued_at is None or now - delivery.queued_at > HELD_UP
            if held_up and delivery.attempts == 0 and now > delivery.late_until:
                too_late.append(delivery.pk)
            elif is_busy(done.ours, host_of(delivery)):
                done.busy.append(delivery.pk)
            elif delivery.kind not in registry.IDEMPOTENT_KINDS and any(
                other.kind not in registry.IDEMPOTENT_KINDS for other in done.ours
            ):
                done.later.append(delivery.pk)
            else:
                done.ours.append(delivery)
        if too_late:
            queued(too_late).update(state=State.PLANNED, queued_at=None)
        if done.ours:
            ids = [delivery.pk for delivery in done.ours]
            queued(ids).update(state=State.SENDING, attempts=F("attempts") + 1, claimed_at=now)
    for delivery in done.ours:
        delivery.state, delivery.claimed_at = State.SENDING, now
        delivery.attempts += 1
    return done


def host_of(delivery: Delivery) -> str:
    """Whom a thread waits for; empty where nobody is waited for."""
    if delivery.kind in registry.LOCAL_KINDS or delivery.destination is None:
        return ""
    try:
        return urlsplit(delivery.destination.url).netloc or delivery.kind
    except ValueError:
        return delivery.kind


def fill(*, deliveries: Sequence[Delivery], now: datetime) -> dict[int, SendError]:
    """Fills in the variables once and for all: every further try says the same, and the row knows what it said.

    Returns by id those that could not be filled in.
    """
    broken: dict[int, SendError] = {}
    contents: list[tuple[Delivery, Content]] = []
    for delivery in deliveries:
        if not delivery.message.has_variables:
            continue
        try:
            contents.append((delivery, registry.filled(delivery, now)))
        except Exception:
            logger.exception("variables cannot be filled in", delivery=delivery.pk)
            broken[delivery.pk] = SendError("internal", permanent=False)
    if contents:
        with transaction.atomic():
            for delivery, content in contents:
                message = message_create(content=content, filled_from=delivery.message)
                Delivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts).update(message=message)
                message.picture = delivery.message.picture
                delivery.message = message
    return broken


def outgoing_of(*, delivery: Delivery, now: datetime) -> Outgoing:
    """What the adapter gets. Raises SendError when the secret cannot be read."""
    secret = url = ""
    if delivery.destination:
        url = delivery.destination.url
        try:
            secret = delivery.destination.secret
        except CannotDecryptError as error:
            raise SendError("no_secret", permanent=True) from error
    message = delivery.message
    return Outgoing(
        delivery_id=delivery.pk,
        webhook_id=delivery.webhook_id,
        group_id=delivery.group_id,
        group_ref=delivery.group_ref,
        post_id=delivery.post_id,
        message_id=delivery.message_id,
        title=message.title,
        text=message.text,
        link=message.link,
        link_title=message.link_title,
        picture=message.picture,
        due_at=delivery.due_at,
        now=now,
        url=url,
        secret=secret,
    )


def calls_known(*, key_hash: str, rate: Rate, now: datetime) -> list[Call]:
    """Every call of a robot that may lie in the window, as the outbox knows it: rather one too many.

    A delivery keeps the time of its last try alone; its earlier ones count as if they had just been made, too.
    """
    since = now - timedelta(seconds=rate.seconds + HELD)
    found: list[Call] = []
    rows = Delivery.objects.filter(destination__key_hash=key_hash, claimed_at__gt=since).select_related("message")
    for delivery in rows:
        assert delivery.claimed_at is not None
        if delivery.state == State.SENDING:
            ended_ago = -HELD
        else:
            ended = delivery.settled_at or delivery.claimed_at + timedelta(seconds=HELD)
            ended_ago = max(0.0, (now - ended).total_seconds())
        tries = delivery.attempts + (delivery.error_code == "robot_too_fast")
        calls = 2 if delivery.message.picture_id else 1
        place = partial("{}:{}:{}".format, delivery.pk)
        found += [Call(place(number + 1, call), ended_ago) for number in range(tries) for call in range(calls)]
    return found
