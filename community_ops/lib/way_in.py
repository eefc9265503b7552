"""By which way the work at hand came in: a page, a token of the API, a command, a background task.

The edges say so; the audit trail writes it down. Kept in a context variable, so each thread and task has its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class WayIn:
    """`via` is "page", or a kind and a name: "token:…a1b2", "command:import_orders", "task:campaigns.dispatch_due".
    `address` is the IP address of the caller where there is one."""

    via: str = ""
    address: str | None = None


_current: ContextVar[WayIn | None] = ContextVar("way_in", default=None)


def way_in() -> WayIn:
    return _current.get() or WayIn()


@contextmanager
def coming_by(via: str, address: str | None = None) -> Iterator[None]:
    """What happens inside came by this way."""
    token = _current.set(WayIn(via[:60], address))
    try:
        yield
    finally:
        _current.reset(token)


def name_way_in(via: str) -> None:
    """Says more exactly how the request at hand came in, once that is known; lasts until the request ends."""
    _current.set(replace(way_in(), via=via[:60]))
