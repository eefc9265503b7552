"""What a person decides about a single delivery."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from uuid import uuid4

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from accounts.audit import audit_record
from accounts.models import User
from delivery.models import Delivery, Missed
from delivery.services import (
    ORDERED_BY_HAND,
    Content,
    NewDelivery,
    deliveries_plan,
    delivery_mark_sent,
    delivery_send_now,
    delivery_skip,
    message_create,
)
from delivery.tasks import enqueue
from groups.channel import channel_kind
from groups.models import Group


class Decision(models.TextChoices):
    SEND = "send", _("Send now")
    MARK_SENT = "sent", _("Mark as sent")
    SKIP = "skip", _("Skip it")


DECISIONS = {
    Decision.SEND: delivery_send_now,
    Decision.MARK_SENT: delivery_mark_sent,
    Decision.SKIP: delivery_skip,
}
# What may be decided in which state.
OFFERED = {
    "waiting_for_owner": [Decision.SEND, Decision.MARK_SENT, Decision.SKIP],
    "unknown": [Decision.SEND, Decision.MARK_SENT, Decision.SKIP],
    "failed": [Decision.SEND, Decision.MARK_SENT, Decision.SKIP],
    "skipped": [Decision.SEND],
    "planned": [Decision.SKIP],
}


def delivery_decide(*, by: User, now: datetime, delivery: Delivery, decision: Decision) -> bool:
    """Carries a decision out. False when the delivery has moved on meanwhile and nothing was changed."""
    with transaction.atomic():
        done = DECISIONS[decision](delivery=delivery, now=now)
        if done:
            audit_record(by=by, action=f"delivery.{decision.name.lower()}", subject=delivery)
            if decision == Decision.SEND:
                transaction.on_commit(partial(enqueue, [delivery.pk]))
    return done


def delivery_test(*, by: User, now: datetime, group: Group, title: str, text: str) -> Delivery:
    """Sends a message to the group's channel at once, through the same way as any other."""
    with transaction.atomic():
        dedupe_key = f"test:{uuid4().hex}"
        deliveries_plan(
            message=message_create(content=Content(title=title, text=text)),
            rows=[
                NewDelivery(
                    dedupe_key=dedupe_key,
                    kind=channel_kind(group),
                    destination_id=group.destination_id,
                    group_id=group.pk,
                    group_ref=group.external_id,
                    due_at=now,
                    missed=Missed.SKIP,
                    late_until=now + ORDERED_BY_HAND,
                )
            ],
        )
        delivery = Delivery.objects.get(dedupe_key=dedupe_key)
        audit_record(by=by, action="group.channel_tested", subject=group)
    return delivery
