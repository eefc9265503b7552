"""One delivery on its way out: claimed, handed to its adapter, settled."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from django.db import connections, transaction
from django.db.models import F
from django.utils import timezone

from community_ops.lib.crypto import CannotDecryptError
from delivery import registry, signals
from delivery.adapters.base import Outgoing, SendError
from delivery.models import Delivery, State
from delivery.services.destinations import destination_disable
from delivery.services.planning import message_create

logger = structlog.get_logger(__name__)

# Seconds before the next try, about a day in all. The first are short because most faults of a receiver are.
RETRY_WAITS = (1, 5, 15, 30, 60, 120, 240, 480, 960, 1920, 3840, 7200, 14400, 21600, 32400)
LONGEST_WAIT = 86_400
# A message that lay in the broker for longer than this was held up: whether it may still leave is decided anew.
HELD_UP = timedelta(seconds=30)


def deliver_all(*, ids: list[int]) -> None:
    """Sends several. Those that wait for other hosts go side by side, so that a slow one holds nobody up."""
    remote = set(
        Delivery.objects.filter(pk__in=ids).exclude(kind__in=registry.LOCAL_KINDS).values_list("pk", flat=True)
    )
    if len(remote) < 2:
        for delivery_id in ids:
            deliver(delivery_id=delivery_id)
        return
    with ThreadPoolExecutor(len(remote), thread_name_prefix="deliver") as pool:
        running = [pool.submit(_deliver_in_thread, delivery_id) for delivery_id in ids if delivery_id in remote]
        for delivery_id in ids:
            if delivery_id not in remote:
                deliver(delivery_id=delivery_id)
        for each in running:
            each.result()


def _deliver_in_thread(delivery_id: int) -> None:
    try:
        deliver(delivery_id=delivery_id)
    finally:
        connections.close_all()


def deliver(*, delivery_id: int) -> None:
    """Sends one queued delivery. Does nothing when another worker took it, or it was called off.

    Both steps are UPDATEs that name the state and the number of the try before them: whoever comes second changes
    nothing. The adapter works between them, outside any transaction; a worker killed there leaves `sending` behind,
    which the dispatcher finds.
    """
    delivery = _claim(delivery_id, timezone.now())
    if delivery is None:
        return
    if delivery.destination and delivery.destination.disabled_at:
        _settle(delivery, State.FAILED, "destination_disabled")
        return
    if code := registry.objection(delivery):
        _settle(delivery, State.SKIPPED, code)
        return
    adapter = registry.ADAPTERS[delivery.kind]
    try:
        _fill(delivery)
        adapter.send(_outgoing(delivery))
    except SendError as error:
        _refused(delivery, error)
    except Exception:
        logger.exception("adapter broke", delivery=delivery.pk, kind=delivery.kind)
        if adapter.idempotent:
            _refused(delivery, SendError("internal", permanent=False))
        else:
            _settle(delivery, State.UNKNOWN, "outcome_unknown")
    else:
        _settle(delivery, State.SENT, "")


def _claim(delivery_id: int, now: datetime) -> Delivery | None:
    delivery = (
        Delivery.objects.select_related("message__picture", "destination")
        .filter(pk=delivery_id, state=State.QUEUED)
        .first()
    )
    if delivery is None:
        return None
    ours = Delivery.objects.filter(pk=delivery_id, state=State.QUEUED, attempts=delivery.attempts)
    held_up = delivery.queued_at is None or now - delivery.queued_at > HELD_UP
    if held_up and delivery.attempts == 0 and now > delivery.late_until:
        ours.update(state=State.PLANNED, queued_at=None)
        return None
    if not ours.update(state=State.SENDING, attempts=F("attempts") + 1, claimed_at=now):
        return None
    delivery.state = State.SENDING
    delivery.attempts += 1
    return delivery


def _fill(delivery: Delivery) -> None:
    """Fills in the variables once and for all: every further try says the same, and the row knows what it said."""
    if not delivery.message.has_variables:
        return
    content = registry.filled(delivery, timezone.now())
    with transaction.atomic():
        message = message_create(content=content, filled_from=delivery.message)
        Delivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts).update(message=message)
    delivery.message = message


def _outgoing(delivery: Delivery) -> Outgoing:
    secret = url = ""
    if delivery.destination:
        url = delivery.destination.url
        try:
            secret = delivery.destination.secret
        except CannotDecryptError as error:
            raise SendError("no_secret", permanent=True) from error
    return Outgoing(
        delivery_id=delivery.pk,
        webhook_id=delivery.webhook_id,
        group_id=delivery.group_id,
        group_ref=delivery.group_ref,
        post_id=delivery.post_id,
        message_id=delivery.message_id,
        title=delivery.message.title,
        text=delivery.message.text,
        link=delivery.message.link,
        link_title=delivery.message.link_title,
        picture=delivery.message.picture,
        due_at=delivery.due_at,
        now=timezone.now(),
        url=url,
        secret=secret,
    )


def _refused(delivery: Delivery, error: SendError) -> None:
    now = timezone.now()
    if error.switch_off and delivery.destination:
        destination_disable(destination=delivery.destination, code=error.code, now=now)
    if error.permanent or delivery.attempts > len(RETRY_WAITS):
        _settle(delivery, State.FAILED, error.code, error.detail)
        return
    # A little chance keeps a receiver that comes back from being asked by all groups in one instant.
    wait = RETRY_WAITS[delivery.attempts - 1] * random.uniform(1, 1.1)
    wait = max(wait, min(error.retry_after or 0, LONGEST_WAIT))
    _settle(delivery, State.FAILED, error.code, error.detail, retry_at=now + timedelta(seconds=wait))


def _settle(delivery: Delivery, state: State, code: str, detail: str = "", *, retry_at: datetime | None = None) -> None:
    # Also from `queued` and `unknown`: where the dispatcher gave this very try up for lost, its outcome is known now.
    settled = Delivery.objects.filter(
        pk=delivery.pk, attempts=delivery.attempts, state__in=[State.SENDING, State.QUEUED, State.UNKNOWN]
    ).update(
        state=state,
        error_code=code,
        error=detail[:500],
        retry_at=retry_at,
        settled_at=None if retry_at or state == State.UNKNOWN else timezone.now(),
    )
    logger.info(
        "delivery settled" if settled else "delivery taken over meanwhile",
        delivery=delivery.pk,
        state=str(state),
        attempt=delivery.attempts,
        code=code,
        detail=detail,
    )
    if settled and retry_at is None and state != State.UNKNOWN:
        signals.settled.send(sender=Delivery, ids=[delivery.pk])
