"""What was spent on a channel, for tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from accounts.models import User
from members.acquisition.services import spend_record
from members.models import ChannelSpend
from tests.builders import NOW


def spent(by: User, channel: str, amount: object, *, ago: int = 9, days: int = 10, **more: Any) -> ChannelSpend:
    """Spent evenly over `days`, the first of them so many days `ago`."""
    now = more.pop("now", NOW)
    first = now.date() - timedelta(days=ago)
    return spend_record(
        by=by,
        now=now,
        channel=channel,
        first_day=first,
        last_day=first + timedelta(days=days - 1),
        amount=Decimal(str(amount)),
        currency=more.pop("currency", "CNY"),
        **more,
    )


def spend_things(*, by: User, now: datetime) -> dict[str, object]:
    spend = spent(by, "school-gate", 900, now=now, note="校门口海报")
    return {"spend": spend.pk, "channel": spend.channel_id}
