"""What happens to activities by itself as time goes on. All of it may run twice, and twice at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from campaigns.activities.models import Activity, Decided, SignUp, SignUpState
from campaigns.activities.services.asking import ATTENDANCE, REVIEW, tasks_ask
from campaigns.activities.services.attending import attendance_close
from campaigns.activities.services.signing import activity_locked, places_fill
from campaigns.activities.services.telling import reminders_give
from members.models import StaffTask

# Attendance is asked for from a day before; who was not marked a day after the end missed it, if anybody was.
ASKED_AHEAD = timedelta(hours=24)
TICKED_WITHIN = timedelta(hours=24)
LOOKED_BACK = timedelta(days=7)


@dataclass(frozen=True)
class Ticked:
    """What one round did."""

    reminded: int
    moved_up: int
    closed: int
    missed: int


def activities_tick(*, now: datetime) -> Ticked:
    """One round of everything."""
    reminded = reminders_give(now=now)
    moved_up = _fill(now)
    _ask_for_attendance(now)
    return Ticked(reminded, moved_up, _close(now), _miss(now))


def _fill(now: datetime) -> int:
    """Places that became free by other ways than a cancellation: of people who were erased or merged."""
    coming = Activity.objects.filter(decided=Decided.OPEN, starts_at__gt=now).with_counts()
    free = Q(capacity=None) | Q(taken__lt=F("capacity"))
    moved = 0
    for pk in list(coming.filter(free & Q(waiting__gt=0)).values_list("pk", flat=True)):
        with transaction.atomic():
            moved += places_fill(activity=activity_locked(pk=pk), now=now)
    return moved


def _ask_for_attendance(now: datetime) -> None:
    asked = StaffTask.objects.filter(kind=ATTENDANCE).values("subject_id")
    near = Activity.objects.filter(
        decided=Decided.OPEN, starts_at__lte=now + ASKED_AHEAD, ends_at__gt=now - LOOKED_BACK
    )
    found = near.exclude(pk__in=asked).select_related("organiser").prefetch_related("groups__branch")
    with transaction.atomic():
        tasks_ask(activities=found, kind=ATTENDANCE, now=now)


def _close(now: datetime) -> int:
    """Asks for a review of what is over."""
    over = Activity.objects.filter(decided=Decided.OPEN, closed_at=None, ends_at__lte=now)
    found = list(over.select_related("organiser").prefetch_related("groups__branch"))
    with transaction.atomic():
        tasks_ask(activities=found, kind=REVIEW, now=now)
        return over.filter(pk__in=[activity.pk for activity in found]).update(closed_at=now)


def _miss(now: datetime) -> int:
    ended = Activity.objects.filter(
        decided=Decided.OPEN, ends_at__lte=now - TICKED_WITHIN, ends_at__gt=now - LOOKED_BACK
    )
    came = SignUp.objects.filter(state=SignUpState.ATTENDED).values("activity")
    left = SignUp.objects.filter(state=SignUpState.GOING).values("activity")
    found = ended.filter(pk__in=came).filter(pk__in=left)
    return sum(attendance_close(by=None, now=now, activity=activity) for activity in found)
