"""What is due by the clock: reminders, the ends of days and of streaks. All of it may run twice, and two at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction

from campaigns.checkins.counting import day_counts, programme_hold, standings_write
from campaigns.checkins.models import CheckInDay, CheckInProgramme, CheckInStanding, ProgrammeState
from campaigns.checkins.reminding import reminder_plan
from campaigns.checkins.rewarding import prizes_catch_up
from campaigns.checkins.rules import Hours, instant_of

# Days that passed while nothing ran are closed later; older ones stay without a rate.
BACK = timedelta(days=7)
DAY = timedelta(days=1)
BATCH = 500


@dataclass
class Ticked:
    """What one round did."""

    planned: int = 0
    reminded: int = 0
    closed: int = 0
    ended: int = 0
    awarded: int = 0


def check_ins_tick(*, now: datetime) -> Ticked:
    return Ticked(
        planned=days_plan(now=now),
        reminded=days_remind(now=now),
        closed=days_close(now=now),
        ended=streaks_end(now=now),
        awarded=prizes_catch_up(now=now),
    )


def days_plan(*, now: datetime) -> int:
    """Makes the rows of the days that have opened; returns how many."""
    programmes = list(
        CheckInProgramme.objects.filter(state=ProgrammeState.RUNNING, first_day__lte=(now + DAY).date())
        .exclude(last_day__lt=(now - BACK - DAY).date())
        .prefetch_related("places")
    )
    since = (now - BACK).date()
    made = set(
        CheckInDay.objects.filter(programme__in=programmes, day__gte=since - DAY).values_list(
            "programme_id", "group_id", "day"
        )
    )
    drafts = []
    for programme in programmes:
        calendar = programme.calendar
        for day in calendar.days(since, calendar.local_day(now)):
            hours = calendar.hours(day)
            if hours is None or hours.opens > now:
                continue
            for place in programme.places.all():
                taken_out = place.until_day is not None and day > place.until_day
                if place.from_day <= day and not taken_out and (programme.pk, place.group_id, day) not in made:
                    drafts.append(
                        CheckInDay(
                            programme=programme,
                            group_id=place.group_id,
                            day=day,
                            remind_at=_remind_at(programme, day, hours),
                            closes_at=hours.closes,
                        )
                    )
    CheckInDay.objects.bulk_create(drafts, ignore_conflicts=True, batch_size=BATCH)
    return len(drafts)


def _remind_at(programme: CheckInProgramme, day: date, hours: Hours) -> datetime | None:
    """When a day's reminder is due; none outside of its hours."""
    if programme.remind_at is None:
        return None
    calendar = programme.calendar
    for on in (day, day + DAY):
        at = instant_of(datetime.combine(on, programme.remind_at), calendar.zone)
        if hours.opens <= at < hours.closes:
            return at
    return None


def days_remind(*, now: datetime) -> int:
    """Plans the posts that remind groups; returns how many. They name nobody: they say how many have done it."""
    done = 0
    for number in list(CheckInDay.objects.to_remind(now).order_by("remind_at").values_list("pk", flat=True)[:BATCH]):
        done += _remind(number, now)
    return done


def _remind(number: int, now: datetime) -> bool:
    with transaction.atomic():
        if not CheckInDay.objects.to_remind(now).filter(pk=number).update(reminded_at=now):
            return False
        row = CheckInDay.objects.select_related("programme", "group").get(pk=number)
        present, counted = day_counts(row)
        group, programme = row.group, row.programme
        if programme.state != ProgrammeState.RUNNING or not group.may_be_posted_to or counted >= present:
            return False
        key = f"check-in:{programme.pk}:{group.pk}:{row.day:%Y%m%d}"
        reminder_plan(row=row, present=present, counted=counted, key=key, now=now)
    return True


def days_close(*, now: datetime) -> int:
    """Writes down how the days ended whose hours are over; returns how many."""
    done = 0
    while rows := list(CheckInDay.objects.to_close(now).order_by("closes_at", "pk")[:BATCH]):
        for row in rows:
            present, counted = day_counts(row)
            done += (
                CheckInDay.objects.to_close(now)
                .filter(pk=row.pk)
                .update(closed_at=now, present=present, counted=counted)
            )
    return done


def streaks_end(*, now: datetime) -> int:
    """Ends the streaks whose last hour has passed; returns how many were looked at."""
    done = 0
    ended = CheckInStanding.objects.ended(now).order_by()
    for number in sorted(set(ended.values_list("programme_id", flat=True))):
        with transaction.atomic():
            programme_hold(number)
            programme = CheckInProgramme.objects.get(pk=number)
            members = list(
                CheckInStanding.objects.ended(now).filter(programme=number).values_list("member_id", flat=True)
            )
            standings_write(programme=programme, members=members, now=now)
            done += len(members)
    return done
