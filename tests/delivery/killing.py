"""The product's Celery application with points at which it can be killed: `-A tests.delivery.killing`.

A test arms a point by writing its name into ARMED; the process that gets there first takes the file away and dies, as
by `kill -9`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import django

django.setup()

import campaigns.dispatching  # noqa: E402  Django comes first
from community_ops.celery import app  # noqa: E402
from community_ops.lib import http  # noqa: E402
from delivery import registry  # noqa: E402
from delivery.services import dispatching, sending  # noqa: E402
from tests.delivery.killing_points import ARMED, LOST  # noqa: E402

__all__ = ["app"]


def reach(point: str) -> None:
    """Dies here when this point is armed."""
    try:
        if ARMED.read_text("ascii") != point:
            return
        ARMED.unlink()
    except FileNotFoundError:
        return  # not armed, or somebody else has died already
    os.kill(os.getpid(), signal.SIGKILL)


def around(place: Any, name: str, *, before: str = "", after: str = "") -> None:
    kept: Callable[..., Any] = getattr(place, name)

    def with_points(*args: Any, **options: Any) -> Any:
        reach(before)
        found = kept(*args, **options)
        reach(after)
        return found

    setattr(place, name, with_points)


dispatching.SENDING_LOST = dispatching.QUEUED_LOST = LOST
around(sending, "claim", before="before the claim", after="after the claim")
around(registry, "objections", before="in the guard")
around(registry, "filled", after="while filling in variables")
around(sending._Run, "_places", after="with a place for the robot's call")
around(sending._Run, "_send", after="between two of a batch")
around(http, "send", before="before the request", after="with the answer")
around(http._GuardedHTTPConnection, "getresponse", before="in the middle of the request")
around(sending, "settle", before="before it is settled", after="settled, before the task is over")
around(campaigns.dispatching, "enqueue", before="between taking and telling the workers")
