"""Why deliveries stand still, and what to do about it: the same cause is said, and decided, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from campaigns.deliveries.services import OFFERED, Decision
from delivery.models import State
from delivery.querysets import DeliveryQuerySet
from delivery.reasons import REASONS, reason

# Older failures are history: found in the list, not urged. What waits for an answer is urged until it has one.
URGENT_FOR = timedelta(days=3)
CAUSES_SHOWN = 8

# Causes that lie in the settings of the group's channel.
OF_THE_CHANNEL: dict[str, Promise] = {
    "destination_disabled": _("Switch the channel on again, then send again."),
    "gone": _("Ask the receiver whether it still wants messages, switch the channel on again, then send again."),
    "no_secret": _("Set a new signing secret for the channel, then send again."),
    "address_refused": _("Give the channel an address on the internet, or have an administrator allow this one."),
    "redirected": _("Give the channel the final address, then send again."),
    "bad_url": _("Correct the address of the channel, then send again."),
    "dns": _("Check the address of the channel for typos, then send again."),
    "tls": _("Ask the receiver to renew its certificate, or correct the address of the channel."),
    "refused": _("Ask the receiver what the number means, or correct the address of the channel. Then send again."),
}
ELSEWHERE: dict[str, Promise] = {
    "outcome_unknown": _("Look into the group: did the message arrive? Only you can tell."),
    "missed": _("Does it still make sense now? Send it, or skip it."),
    "unreachable": _("Wait until the receiver can be reached, then send again."),
    "timeout": _("Wait until the receiver answers again, then send again."),
    "receiver_fault": _("Tell the receiver that it has a fault, then send again."),
    "slow_down": _("Wait a few minutes, then send again."),
    "internal": _("Tell an administrator; the log says more. Then send again."),
}
ADVICE = {**OF_THE_CHANNEL, **ELSEWHERE}


def advice(code: str, state: str) -> str:
    """What to do next, in a sentence; empty where nothing is to be done."""
    if state == State.UNKNOWN:
        return str(ELSEWHERE["outcome_unknown"])
    if code in ADVICE:
        return str(ADVICE[code])
    return str(_("Read the reason, then send again or skip.")) if state in (State.FAILED, State.WAITING) else ""


def reason_choices() -> list[tuple[str, str]]:
    """Every reason there is, for a filter."""
    return sorted(((code, reason(code, "…")) for code in REASONS), key=lambda pair: pair[1])


@dataclass(frozen=True)
class Cause:
    """Deliveries of one state that stand still for one reason. `group_id` is one of their groups."""

    state: str
    code: str
    detail: str
    count: int
    groups: int
    since: datetime
    group_id: int

    @property
    def state_label(self) -> str:
        return str(State(self.state).label)

    @property
    def why(self) -> str:
        return reason(self.code, self.detail)

    @property
    def advice(self) -> str:
        return advice(self.code, self.state)

    @property
    def channel_group(self) -> int | None:
        """The group whose channel is to be looked at, where it is the only one."""
        return self.group_id if self.code in OF_THE_CHANNEL and self.groups == 1 else None

    @property
    def decisions(self) -> list[Decision]:
        return OFFERED[self.state]

    @property
    def query(self) -> str:
        """The address of the list that shows exactly these."""
        urgent = "urgent" if self.state == State.FAILED else ""
        named = {"state": self.state, "reason": self.code, "detail": self.detail, "when": urgent}
        return urlencode({key: value for key, value in named.items() if value})


def urgent(deliveries: DeliveryQuerySet, now: datetime) -> DeliveryQuerySet:
    """Those that a person is asked about."""
    return deliveries.need_a_person().filter(Q(due_at__gt=now - URGENT_FOR) | ~Q(state=State.FAILED))


def causes(deliveries: DeliveryQuerySet, now: datetime) -> list[Cause]:
    """The causes among the deliveries that need a person, most first. One query."""
    rows = (
        urgent(deliveries, now)
        .order_by()
        .values("state", "error_code", "error")
        .annotate(n=Count("pk"), groups=Count("group_id", distinct=True), since=Min("due_at"), one=Min("group_id"))
        .order_by("-n", "since")[:CAUSES_SHOWN]
    )
    return [
        Cause(
            state=row["state"],
            code=row["error_code"],
            detail=row["error"],
            count=row["n"],
            groups=row["groups"],
            since=row["since"],
            group_id=row["one"],
        )
        for row in rows
    ]
