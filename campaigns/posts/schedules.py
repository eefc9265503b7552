"""A schedule as it is chosen, and the times it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from campaigns.posts.models import Holidays, Post, SpecialDay
from campaigns.posts.recurrence import DaysOff, Recurrence, Time, in_zone, local_time, recurrence, slots_read
from campaigns.posts.scenes import scene_dates, scene_named
from community_ops.lib.zones import zone_named

FURTHEST_OFF = 60  # days before or after a festival
YEARS_SEARCHED = 6


@dataclass(frozen=True)
class SceneTimes:
    """The times of a festival, year by year."""

    scene: str
    days: int
    start: datetime
    slots: tuple[time, ...]
    zone: ZoneInfo

    def times(self, after: datetime) -> Iterator[Time]:
        """The times later than `after`, in order."""
        first = max(after.astimezone(self.zone).replace(tzinfo=None), self.start).year
        # Some days before New Year belong to the festival of the next year.
        dates = scene_dates(self.scene, range(first - 1, first + YEARS_SEARCHED))
        days = sorted({day + timedelta(days=self.days) for day in dates})
        locals_ = (datetime.combine(day, slot) for day in days for slot in self.slots or (self.start.time(),))
        return in_zone((local for local in locals_ if local >= self.start), self.zone, after)


@dataclass(frozen=True)
class Schedule:
    """When: once at `at`; by a rule that starts at the local time `start` of `timezone`; or on the day of a festival.

    `slots` are times of day ("09:00") in place of that of `start`. `branch_id` says whose days off count beside those
    of all.
    """

    timezone: str
    at: datetime | None = None
    rrule: str = ""
    start: str = ""
    slots: tuple[str, ...] = ()
    scene: str = ""
    scene_days: int = 0
    holidays: str = Holidays.SEND
    branch_id: int | None = None

    def checked(self) -> Recurrence | SceneTimes | None:
        """What gives the times, or None for a single one. Raises ValidationError by field."""
        if self.holidays not in Holidays.values:
            raise ValidationError({"holidays": ValidationError(_("Choose send, skip or next."), code="invalid_choice")})
        if self.scene:
            return self._checked_scene()
        if self.at is None:
            return recurrence(
                rule=self.rrule,
                start=self.start,
                timezone=self.timezone,
                slots=self.slots,
                days_off=days_off(self.branch_id, self.holidays),
            )
        _zone(self.timezone)
        return None

    def times(self, after: datetime) -> Iterator[Time]:
        """Its times later than `after`; a single time is given whenever it lies."""
        given = self.checked()
        if given is not None:
            return given.times(after)
        assert self.at is not None
        local = self.at.astimezone(zone_named(self.timezone)).replace(tzinfo=None)
        return iter([Time(local.isoformat(timespec="seconds"), self.at)])

    def fields(self) -> dict[str, Any]:
        """The columns of a post that keep it. Raises ValidationError by field."""
        given = self.checked()
        repeats = isinstance(given, Recurrence)
        return {
            "at": self.at,
            "rrule": given.rule if isinstance(given, Recurrence) else "",
            "start_local": given.start.isoformat(timespec="seconds") if given else "",
            "slots": [f"{slot:%H:%M}" for slot in given.slots] if given else [],
            "scene": self.scene,
            "scene_days": self.scene_days if self.scene else 0,
            "holidays": self.holidays if repeats else Holidays.SEND,
            "timezone": self.timezone,
        }

    def _checked_scene(self) -> SceneTimes:
        zone = _zone(self.timezone)
        if scene_named(self.scene) is None:
            raise ValidationError({"scene": ValidationError(_("This festival is not known."), code="unknown_scene")})
        if not -FURTHEST_OFF <= self.scene_days <= FURTHEST_OFF:
            text = _("Choose at most %(most)d days before or after.") % {"most": FURTHEST_OFF}
            raise ValidationError({"scene_days": ValidationError(text, code="invalid")})
        try:
            start = local_time(self.start)
        except ValueError:
            text = _("Give the first time on the local clock, without an offset, like 2026-03-01T09:00.")
            raise ValidationError({"start": ValidationError(text, code="invalid")}) from None
        try:
            slots = slots_read(self.slots)
        except ValidationError as error:
            raise ValidationError({"slots": error}) from error
        made = SceneTimes(self.scene, self.scene_days, start, slots, zone)
        before = start.replace(tzinfo=zone) - timedelta(seconds=1)
        if next(made.times(before), None) is None:
            raise ValidationError({"scene": ValidationError(_("This festival does not come any more."), code="past")})
        return made


def schedule_of(post: Post) -> Schedule:
    """The schedule that a post keeps."""
    author = post.created_by
    return Schedule(
        timezone=post.timezone,
        at=post.at,
        rrule=post.rrule,
        start=post.start_local,
        slots=tuple(post.slots),
        scene=post.scene,
        scene_days=post.scene_days,
        holidays=post.holidays,
        branch_id=author.branch_id if author else None,
    )


def days_off(branch_id: int | None, holidays: str) -> DaysOff | None:
    """The days off that count for a branch (None: those of all), or None for a schedule that ignores them."""
    if holidays == Holidays.SEND:
        return None
    return DaysOff(special_days(branch_id), moves=holidays == Holidays.NEXT)


def special_days(branch_id: int | None) -> dict[date, str]:
    """Day -> kind. What a branch decided for itself comes before what holds for all. One query."""
    mine = Q(branch=None) if branch_id is None else Q(branch=None) | Q(branch_id=branch_id)
    rows = SpecialDay.objects.filter(mine).values_list("branch_id", "day", "kind")
    return {day: kind for _own, day, kind in sorted((branch is not None, day, kind) for branch, day, kind in rows)}


def ended_before(schedule: Schedule, local: str) -> Schedule:
    """The same recurring schedule, with nothing from the local time `local` on."""
    parts = [part for part in schedule.rrule.split(";") if not part.startswith(("UNTIL=", "COUNT="))]
    last = datetime.fromisoformat(local) - timedelta(seconds=1)
    return replace(schedule, rrule=";".join([*parts, f"UNTIL={last:%Y%m%dT%H%M%S}"]))


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_named(name)
    except ValidationError as error:
        raise ValidationError({"timezone": error}) from error
