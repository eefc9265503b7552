"""Which adapter serves which kind, and who may say no before a message leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from delivery.adapters.base import Adapter
from delivery.adapters.inapp import InApp
from delivery.adapters.webhook import Webhook
from delivery.models import Kind

if TYPE_CHECKING:
    from delivery.models import Delivery
    from delivery.services.planning import Content

ADAPTERS: dict[str, Adapter] = {Kind.INAPP: InApp(), Kind.WEBHOOK: Webhook()}

IDEMPOTENT_KINDS = [kind for kind, adapter in ADAPTERS.items() if adapter.idempotent]
LOCAL_KINDS = [Kind.INAPP]  # these write to the database and wait for nobody

# A guard looks at a delivery in the moment before it is sent and names the reason against it (see reasons.py), or
# nothing. The apps above, which know what a group is, add theirs in AppConfig.ready.
Guard = Callable[["Delivery"], str]
guards: list[Guard] = []


def guard(function: Guard) -> Guard:
    """Adds a guard; adding it again changes nothing."""
    if function not in guards:
        guards.append(function)
    return function


def objection(delivery: Delivery) -> str:
    """The first reason against sending this delivery now, or nothing."""
    return next((found for ask in guards if (found := ask(delivery))), "")


# The filler replaces the variables of a delivery's message by what they stand for in its group, at `now`. The apps
# above know what a group is; one of them sets it in AppConfig.ready.
Filler = Callable[["Delivery", datetime], "Content"]
_filler: list[Filler] = []


def set_filler(function: Filler) -> None:
    _filler[:] = [function]


def filled(delivery: Delivery, now: datetime) -> Content:
    """What the delivery says with its variables filled in."""
    return _filler[0](delivery, now)
