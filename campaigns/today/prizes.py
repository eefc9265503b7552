"""Prizes that members have won or taken for points, and that somebody has to send."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from campaigns.prizes.models import Award
from campaigns.today.bundle import SHOWN, Bundle
from groups.models import Group

SENT_WITHIN = timedelta(days=3)


def awards_to_send(*, user: User, groups: QuerySet[Group], now: datetime) -> list[Bundle]:
    """Those of these groups, and those that belong to no group, since they could be sent. Where the address is missing
    it is the member's turn. Two queries at most."""
    waiting = Award.objects.visible_to(user).to_send().filter(Q(group=None) | Q(group__in=groups.order_by()))
    ready = waiting.annotate(ready_at=Coalesce("address_at", "awarded_at"))
    rows: list[Any] = list(ready.select_related("prize", "member", "group").order_by("ready_at", "pk")[:SHOWN])
    if not rows:
        return []
    late = Q(ready_at__lt=now - SENT_WITHIN)
    counted = {
        "n": len(rows),
        "groups": len({row.group_id for row in rows if row.group_id}),
        "late": sum(row.ready_at < now - SENT_WITHIN for row in rows),
    }
    if len(rows) == SHOWN:
        counted = ready.order_by().aggregate(
            n=Count("pk"), groups=Count("group_id", distinct=True), late=Count("pk", filter=late)
        )
    for row in rows:
        row.due_at = row.ready_at + SENT_WITHIN
    return [
        Bundle(
            key="award",
            sort="award",
            icon="trophy",
            label=_("Prizes to send"),
            count=counted["n"],
            groups=counted["groups"],
            rows=rows,
            due_at=rows[0].ready_at + SENT_WITHIN,
            late=counted["late"],
            why=_("Who has won something has it on its way within three days."),
            all_url=f"{reverse('campaigns:awards')}?state=to_send",
        )
    ]
