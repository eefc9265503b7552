"""What an adapter is: one way out. It hands over one message and knows nothing of plans, retries or states."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from django.conf import settings
from django.urls import reverse

if TYPE_CHECKING:
    from delivery.models import Picture


@dataclass(frozen=True)
class Outgoing:
    """One message on its way out, with everything an adapter may need."""

    delivery_id: int
    webhook_id: str
    group_id: int
    group_ref: str
    post_id: int | None
    message_id: int
    title: str
    text: str
    link: str
    link_title: str
    picture: Picture | None
    due_at: datetime
    now: datetime
    url: str
    secret: str

    @property
    def picture_url(self) -> str:
        """Where a receiver finds the picture; empty when there is none."""
        return f"{settings.PUBLIC_URL}{reverse('member:picture', args=[self.picture.token])}" if self.picture else ""


class SendError(Exception):
    """The message was not handed over.

    `code` and `detail` say why, see delivery/reasons.py; `permanent`: trying again cannot help; `retry_after`: the
    receiver asked to wait so many seconds; `switch_off`: the destination wants nothing more; `tries`: after so many it
    is given up, else after about a day; `costs_try`: whether this one counts among them; `uncertain`: it may have
    arrived all the same, so only an adapter that is idempotent tries again.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        permanent: bool,
        retry_after: float | None = None,
        switch_off: bool = False,
        tries: int | None = None,
        costs_try: bool = True,
        uncertain: bool = False,
    ):
        super().__init__(f"{code} {detail}".strip())
        self.code = code
        self.detail = detail
        self.permanent = permanent
        self.retry_after = retry_after
        self.switch_off = switch_off
        self.tries = tries
        self.costs_try = costs_try
        self.uncertain = uncertain


@runtime_checkable
class Counted(Protocol):
    """An adapter whose receiver counts calls, see RATES in delivery/registry.py."""

    def calls(self, outgoing: Outgoing) -> int:
        """How many calls of its receiver's rate the message takes."""


class Adapter(Protocol):
    """`idempotent`: handing the same message over twice has the effect of once, so that a send whose outcome was lost
    can be repeated. Others become "unknown", and a person decides.
    """

    idempotent: bool

    def send(self, outgoing: Outgoing) -> None:
        """Hands the message over, or raises SendError. Takes 15 seconds at most, outside a transaction."""
