"""How the local day stands, beside yesterday at the same time of day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.utils import timezone

from accounts.models import User
from activity.models import BuiltInKind, Event
from campaigns.deliveries.lists import late_by
from campaigns.deliveries.selectors import MARGIN
from campaigns.posts.selectors import deliveries_visible_to
from delivery.models import State
from groups.models import Group
from members.models import StaffTask, TaskState


@dataclass(frozen=True)
class Figure:
    """A number of today so far, and of yesterday up to the same time."""

    now: int
    before: int


@dataclass(frozen=True)
class Day:
    """`planned` are the deliveries that the whole day holds, `late` those that missed their minute."""

    sent: Figure
    planned: int
    posts_to_come: int
    late: Figure
    settled: Figure
    active: Figure
    messages: Figure
    check_ins: Figure
    joined: Figure


def day_so_far(*, user: User, now: datetime) -> Day:
    """Three queries."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    # Wall clock, not 24 hours: after a change of the clocks, noon is compared with noon.
    yesterday = midnight - timedelta(days=1)
    until = timezone.localtime(now) - timedelta(days=1)
    today_q = Q(at__gte=midnight)
    before_q = Q(at__lt=until)
    message, joined = Q(kind__slug=BuiltInKind.MESSAGE), Q(kind__slug=BuiltInKind.JOINED)
    checked = Q(kind__slug=BuiltInKind.CHECK_IN)
    events = Event.objects.filter(at__gte=yesterday, at__lte=now)
    if not user.is_headquarters:
        events = events.filter(group_id__in=Group.objects.visible_to(user).values("pk"))
    row = events.aggregate(
        active=Count("member_id", distinct=True, filter=today_q),
        active_before=Count("member_id", distinct=True, filter=before_q),
        messages=Count("pk", filter=today_q & message),
        messages_before=Count("pk", filter=before_q & message),
        checked=Count("member_id", distinct=True, filter=today_q & checked),
        checked_before=Count("member_id", distinct=True, filter=before_q & checked),
        joined=Count("member_id", distinct=True, filter=today_q & joined),
        joined_before=Count("member_id", distinct=True, filter=before_q & joined),
    )
    due_today, due_before = Q(due_at__gte=midnight), Q(due_at__lt=until)
    sent = (
        deliveries_visible_to(user)
        .filter(due_at__gte=yesterday, due_at__lt=midnight + timedelta(days=1))
        .aggregate(
            today=Count("pk", filter=Q(state=State.SENT) & due_today),
            before=Count("pk", filter=Q(state=State.SENT) & due_before),
            planned=Count("pk", filter=due_today & ~Q(state__in=[State.CANCELLED, State.SKIPPED])),
            to_come=Count("pk", filter=Q(state=State.PLANNED, due_at__gt=now)),
            late=Count("pk", filter=due_today & late_by(now, MARGIN)),
            late_before=Count("pk", filter=due_before & late_by(now, MARGIN)),
        )
    )
    ended = (
        StaffTask.objects.visible_to(user)
        .filter(state=TaskState.DONE, settled_at__gte=yesterday, settled_at__lte=now)
        .aggregate(
            today=Count("pk", filter=Q(settled_at__gte=midnight)),
            before=Count("pk", filter=Q(settled_at__lt=until)),
        )
    )
    return Day(
        sent=Figure(sent["today"], sent["before"]),
        planned=sent["planned"],
        posts_to_come=sent["to_come"],
        late=Figure(sent["late"], sent["late_before"]),
        settled=Figure(ended["today"], ended["before"]),
        active=Figure(row["active"], row["active_before"]),
        messages=Figure(row["messages"], row["messages_before"]),
        check_ins=Figure(row["checked"], row["checked_before"]),
        joined=Figure(row["joined"], row["joined_before"]),
    )
