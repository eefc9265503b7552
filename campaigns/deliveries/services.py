"""What a person decides about deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import uuid4

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from accounts.audit import audit_record
from accounts.models import User
from campaigns.posts.models import Post
from delivery.models import Delivery, Missed, State
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
from delivery.services.restoring import Standing, delivery_restore, delivery_standing
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
# The state that a decision gives a delivery.
BECOMES = {Decision.SEND: State.QUEUED, Decision.MARK_SENT: State.SENT, Decision.SKIP: State.SKIPPED}
# What may be decided in which state.
OFFERED: dict[str, list[Decision]] = {
    "waiting_for_owner": [Decision.SEND, Decision.MARK_SENT, Decision.SKIP],
    "unknown": [Decision.MARK_SENT, Decision.SEND, Decision.SKIP],
    "failed": [Decision.SEND, Decision.MARK_SENT, Decision.SKIP],
    "skipped": [Decision.SEND],
    "planned": [Decision.SKIP],
}


@dataclass(frozen=True)
class Decided:
    """A decision that was carried out, and how the delivery stood before it."""

    pk: int
    decision: Decision
    before: Standing


def states_for(decision: Decision) -> list[str]:
    """The states in which this may be decided."""
    return [state for state, decisions in OFFERED.items() if decision in decisions]


def delivery_decide(
    *, by: User, now: datetime, delivery: Delivery, decision: Decision, seen: str = ""
) -> Decided | None:
    """Carries a decision out. None when the delivery has moved on meanwhile and nothing was changed.

    `seen` is the state that the person had before their eyes: of two people who decide at once the second, who saw a
    state that is over, changes nothing.
    """
    with transaction.atomic():
        # The post before its delivery, as whoever stops it does: it may end with this, and neither may wait for the
        # other's row.
        Post.objects.select_for_update().filter(pk=delivery.post_id or 0).first()
        current = Delivery.objects.select_for_update().filter(pk=delivery.pk).first()
        if current is None or (seen and current.state != seen):
            return None
        if not DECISIONS[decision](delivery=current, now=now):
            return None
        audit_record(by=by, action=f"delivery.{decision.name.lower()}", subject=delivery)
        if decision == Decision.SEND:
            transaction.on_commit(partial(enqueue, [delivery.pk]))
    return Decided(delivery.pk, decision, delivery_standing(current))


def delivery_undecide(*, by: User, decided: Decided) -> bool:
    """Takes a decision back. False when something has followed from it: the message has left, or somebody decided
    anew."""
    with transaction.atomic():
        done = delivery_restore(pk=decided.pk, standing=decided.before, decided=BECOMES[decided.decision])
        if done:
            audit_record(by=by, action="delivery.undecided", subject=Delivery.objects.get(pk=decided.pk))
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
