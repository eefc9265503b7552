"""Which groups the brand has reached often enough today: interactions of staff against the floor."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from accounts.models import User
from accounts.policies import policy_get
from activity.models import Event
from analytics.health.counting import INTERACTIONS, SENT_LATE
from analytics.health.days import ONE, local_day, midnight
from analytics.health.policy import HealthPolicy
from delivery.models import Delivery, State
from groups.models import Group
from groups.roles.models import STAFF_ROLES
from members.models import MemberRole

SHOWN = 6


@dataclass(frozen=True)
class Below:
    group: Group
    interactions: int
    missing: int


@dataclass(frozen=True)
class Reached:
    """Of `groups` active groups `reached` had `floor` interactions today; the others, those with the fewest first."""

    floor: int
    groups: int
    reached: int
    reached_before: int
    below: list[Below]

    @property
    def left(self) -> int:
        return self.groups - self.reached


def reached_today(*, user: User, now: datetime) -> Reached:
    """What counts is what analytics.health.counting counts for a day that is over: posts sent, and what members who own
    or administer the group wrote and liked. Of yesterday the whole day. Five queries."""
    floor = policy_get(HealthPolicy).floor
    visible = Group.objects.visible_to(user).postable()
    groups = {group.pk: group for group in visible}
    today = midnight(local_day(now))
    done, before = Counter[int](), Counter[int]()

    def count(group: int, at: datetime) -> None:
        (done if at >= today else before)[group] += 1

    since = today - ONE
    sent = Delivery.objects.in_groups(groups).filter(
        state=State.SENT, due_at__gte=since - SENT_LATE, settled_at__gte=since, settled_at__lte=now
    )
    for group, settled_at in sent.order_by().values_list("group_id", "settled_at"):
        assert settled_at is not None
        count(group, settled_at)
    held = MemberRole.objects.filter(role__in=STAFF_ROLES, membership__group__in=visible.order_by().values("pk"))
    roles: dict[tuple[int, int], list[tuple[datetime, datetime | None]]] = {}
    for group, member, start, end in held.order_by().values_list(
        "membership__group_id", "membership__member_id", "since", "ended_at"
    ):
        roles.setdefault((group, member), []).append((start, end))
    acts = Event.objects.filter(
        kind__slug__in=INTERACTIONS, at__gte=since, at__lte=now, member_id__in={member for _group, member in roles}
    )
    for group_id, member_id, at in (
        acts.filter(group_id__isnull=False).order_by().values_list("group_id", "member_id", "at")
    ):
        assert group_id is not None
        if any(start <= at and (end is None or at < end) for start, end in roles.get((group_id, member_id), ())):
            count(group_id, at)
    fewest = sorted((pk for pk in groups if done[pk] < floor), key=lambda pk: (done[pk], -groups[pk].member_count, pk))
    return Reached(
        floor=floor,
        groups=len(groups),
        reached=sum(done[pk] >= floor for pk in groups),
        reached_before=sum(before[pk] >= floor for pk in groups),
        below=[Below(groups[pk], done[pk], floor - done[pk]) for pk in fewest[:SHOWN]],
    )
