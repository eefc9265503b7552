"""Which adapter serves which kind, and who may say no before a message leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from delivery.adapters.base import Adapter, Counted, Outgoing
from delivery.adapters.inapp import InApp
from delivery.adapters.robot import Robot
from delivery.adapters.webhook import Webhook
from delivery.limiter import Rate
from delivery.models import Kind

if TYPE_CHECKING:
    from delivery.models import Delivery
    from delivery.services.planning import Content

ADAPTERS: dict[str, Adapter] = {Kind.INAPP: InApp(), Kind.WEBHOOK: Webhook(), Kind.ROBOT: Robot()}

IDEMPOTENT_KINDS = [kind for kind, adapter in ADAPTERS.items() if adapter.idempotent]
LOCAL_KINDS = [Kind.INAPP]  # these write to the database and wait for nobody

# What one receiver may be called at most, by kind. Those that share a Destination.key_hash are one receiver.
RATES: dict[str, Rate] = {Kind.ROBOT: Rate(most=20, seconds=60.0)}


def calls(kind: str, outgoing: Outgoing) -> int:
    """How many calls of its receiver's rate a message takes; 0 where there is none."""
    adapter = ADAPTERS[kind]
    return adapter.calls(outgoing) if kind in RATES and isinstance(adapter, Counted) else 0


# A guard looks at deliveries in the moment before they are sent and names, by id, the reason against one (see
# reasons.py). It is asked for many at once, so it reads once for all. The apps above, which know what a group is, add
# theirs in AppConfig.ready.
Guard = Callable[["Sequence[Delivery]", datetime], "Mapping[int, str]"]
guards: list[Guard] = []


def guard(function: Guard) -> Guard:
    """Adds a guard; adding it again changes nothing."""
    if function not in guards:
        guards.append(function)
    return function


def objections(deliveries: Sequence[Delivery], now: datetime) -> dict[int, str]:
    """The first reason against sending each of these now; those that may go are not named."""
    found: dict[int, str] = {}
    for ask in guards:
        if asked := [delivery for delivery in deliveries if delivery.pk not in found]:
            found.update(ask(asked, now))
    return found


# The filler replaces the variables of a delivery's message by what they stand for in its group, at `now`. The apps
# above know what a group is; one of them sets it in AppConfig.ready.
Filler = Callable[["Delivery", datetime], "Content"]
_filler: list[Filler] = []


def set_filler(function: Filler) -> None:
    _filler[:] = [function]


def filled(delivery: Delivery, now: datetime) -> Content:
    """What the delivery says with its variables filled in."""
    return _filler[0](delivery, now)
