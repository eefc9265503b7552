"""Who looks after the groups of the demo: in those that go well, the two members who talk most administer them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count
from django.dispatch import Signal

from activity.models import Event
from campaigns.demo.brand import GROUPS
from groups.models import Group
from members.models import Membership
from members.roles.services import member_role_grant

CARETAKERS = 2
# Sent with `now` once the demo stands, for what is derived from it.
told = Signal()


def caretakers_write(*, groups: Sequence[Group], now: datetime) -> None:
    kept = [group for group, plan in zip(groups, GROUPS, strict=True) if plan.health in ("lively", "steady", "new")]
    talk = Event.objects.filter(group_id__in=[group.pk for group in kept], kind__slug__in=["message", "answer"])
    counted = talk.order_by().values("group_id", "member_id").annotate(n=Count("pk")).order_by("group_id", "-n")
    most: dict[int | None, list[int]] = {}
    for group_id, member_id in counted.values_list("group_id", "member_id"):
        chosen = most.setdefault(group_id, [])
        if len(chosen) < CARETAKERS:
            chosen.append(member_id)
    for group in kept:
        for membership in Membership.objects.present().filter(group=group, member__in=most.get(group.pk, [])):
            member_role_grant(by=None, now=group.opened_at or now, membership=membership, role="administrator")
