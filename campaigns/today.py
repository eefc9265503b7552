"""Today: what needs a person now, in the order of its deadline, and how the day stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from accounts.models import User
from activity.models import BuiltInKind, Event
from campaigns.posts.selectors import deliveries_visible_to
from delivery.models import Delivery, State
from delivery.reasons import reason
from groups.models import Group, GroupState, Permission
from groups.roles.duties import MyDuty, my_duties
from members.models import ImportRun, ImportState, StaffTask, TaskState
from members.work.kinds import TaskKind
from members.work.selectors import TaskItem, kinds_counted, task_items, with_names

# How long a failure stays a task of today; later it is history, found among the deliveries.
FAILURES_STAY = timedelta(days=3)
AHEAD = timedelta(hours=24)
SHOWN = 6


@dataclass(frozen=True)
class DeliveryTask:
    """A delivery with the group it goes to; `why` says in words what happened to it, `may_act` whether the person may
    decide it."""

    delivery: Delivery
    group: Group
    why: str
    may_act: bool


@dataclass(frozen=True)
class GroupTasks:
    """Groups of one trouble: the first few and how many there are."""

    groups: list[Group]
    count: int


@dataclass(frozen=True)
class Figure:
    """A number of today so far, and of yesterday up to the same time."""

    now: int
    before: int


@dataclass(frozen=True)
class Day:
    sent: Figure
    settled: Figure
    active: Figure
    messages: Figure
    joined: Figure
    posts_to_come: int


@dataclass(frozen=True)
class Tasks:
    deliveries: list[DeliveryTask]
    deliveries_count: int
    to_do: list[TaskItem]
    to_do_kinds: list[tuple[TaskKind, int]]
    duties: list[MyDuty]
    imports: list[ImportRun]
    coming: list[DeliveryTask]
    quiet: GroupTasks
    forming: GroupTasks
    nearly_full: GroupTasks

    @property
    def to_do_count(self) -> int:
        return sum(count for _kind, count in self.to_do_kinds)

    @property
    def nothing(self) -> bool:
        """Whether nobody has to do anything; what comes by itself does not count."""
        return not (
            self.deliveries_count
            or self.to_do_count
            or any(duty.left for duty in self.duties)
            or any(run.state != ImportState.RUNNING for run in self.imports)
            or self.quiet.count
            or self.forming.count
            or self.nearly_full.count
        )


def day_so_far(*, user: User, now: datetime) -> Day:
    """How the local day stands at `now`, beside yesterday at the same time of day. Three queries."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    # Wall clock, not 24 hours: after a change of the clocks, noon is compared with noon.
    yesterday = midnight - timedelta(days=1)
    until = timezone.localtime(now) - timedelta(days=1)
    today_q = Q(at__gte=midnight)
    before_q = Q(at__lt=until)
    message, joined = Q(kind__slug=BuiltInKind.MESSAGE), Q(kind__slug=BuiltInKind.JOINED)
    events = Event.objects.filter(at__gte=yesterday, at__lte=now)
    if not user.is_headquarters:
        events = events.filter(group_id__in=Group.objects.visible_to(user).values("pk"))
    row = events.aggregate(
        active=Count("member_id", distinct=True, filter=today_q),
        active_before=Count("member_id", distinct=True, filter=before_q),
        messages=Count("pk", filter=today_q & message),
        messages_before=Count("pk", filter=before_q & message),
        joined=Count("member_id", distinct=True, filter=today_q & joined),
        joined_before=Count("member_id", distinct=True, filter=before_q & joined),
    )
    sent = (
        deliveries_visible_to(user)
        .filter(due_at__gte=yesterday, due_at__lt=midnight + timedelta(days=1))
        .aggregate(
            today=Count("pk", filter=Q(state=State.SENT, due_at__gte=midnight)),
            before=Count("pk", filter=Q(state=State.SENT, due_at__lt=until)),
            to_come=Count("pk", filter=Q(state=State.PLANNED, due_at__gt=now)),
        )
    )
    ended = (
        StaffTask.objects.visible_to(user)
        .filter(state=TaskState.DONE, settled_at__gte=yesterday)
        .aggregate(
            today=Count("pk", filter=Q(settled_at__gte=midnight)), before=Count("pk", filter=Q(settled_at__lt=until))
        )
    )
    return Day(
        settled=Figure(ended["today"], ended["before"]),
        sent=Figure(sent["today"], sent["before"]),
        active=Figure(row["active"], row["active_before"]),
        messages=Figure(row["messages"], row["messages_before"]),
        joined=Figure(row["joined"], row["joined_before"]),
        posts_to_come=sent["to_come"],
    )


def tasks_of(*, user: User, now: datetime) -> Tasks:
    """What needs `user` now. A constant number of queries, however much there is."""
    of_groups = deliveries_visible_to(user).select_related("message")
    stuck = of_groups.need_a_person().filter(Q(due_at__gt=now - FAILURES_STAY) | ~Q(state=State.FAILED))
    coming = of_groups.planned().filter(due_at__gt=now, due_at__lte=now + AHEAD)
    stuck_shown = list(stuck.order_by("due_at", "pk")[:SHOWN])
    coming_shown = list(coming.order_by("due_at", "pk")[:SHOWN])
    groups = Group.objects.visible_to(user).in_bulk({row.group_id for row in (*stuck_shown, *coming_shown)})
    permitted = set(Group.objects.permitted(user, Permission.POST).filter(pk__in=groups).values_list("pk", flat=True))

    def tasks(rows: list[Delivery]) -> list[DeliveryTask]:
        return [
            DeliveryTask(row, groups[row.group_id], reason(row.error_code, row.error), row.group_id in permitted)
            for row in rows
            if row.group_id in groups
        ]

    to_do = StaffTask.objects.visible_to(user).open()
    if user.may_write:
        to_do = to_do.falling_to(user)
    to_do_shown = list(with_names(to_do).order_by("due_at", "pk")[:SHOWN])
    visible = Group.objects.visible_to(user)
    return Tasks(
        to_do=task_items(to_do_shown, now),
        to_do_kinds=kinds_counted(to_do),
        duties=my_duties(user=user, now=now),
        deliveries=tasks(stuck_shown),
        deliveries_count=stuck.count() if len(stuck_shown) == SHOWN else len(stuck_shown),
        imports=_imports(user, now) if user.may_write else [],
        coming=tasks(coming_shown),
        quiet=_group_tasks(visible.quiet(now).order_by("last_event_at", "pk")),
        forming=_group_tasks(visible.filter(state=GroupState.FORMING).order_by("-member_count", "pk")),
        nearly_full=_group_tasks(visible.nearly_full().order_by(F("capacity") - F("member_count"), "pk")),
    )


def _group_tasks(groups: QuerySet[Group]) -> GroupTasks:
    shown = list(groups[:SHOWN])
    return GroupTasks(shown, groups.count() if len(shown) == SHOWN else len(shown))


def _imports(user: User, now: datetime) -> list[ImportRun]:
    """Imports at work, waiting for their columns, or failed lately."""
    at_work = Q(state__in=[ImportState.RUNNING, ImportState.MAPPING])
    failed = Q(state=ImportState.FAILED, created_at__gt=now - FAILURES_STAY)
    return list(ImportRun.objects.visible_to(user).filter(at_work | failed)[:SHOWN])


@require_GET
@staff_required
def today(request: StaffRequest) -> HttpResponse:
    now = timezone.now()
    context = {
        "now": now,
        "day": day_so_far(user=request.user, now=now),
        "tasks": tasks_of(user=request.user, now=now),
        "has_groups": Group.objects.visible_to(request.user).exists(),
    }
    return render(request, "console/campaigns/today.html", context)


@require_GET
@staff_required
def home(request: StaffRequest) -> HttpResponse:
    return redirect("campaigns:today")
