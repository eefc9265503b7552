"""Recurrences in the words people use, and back: once, every day, weekdays, chosen weekdays, monthly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models
from django.utils import formats
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from campaigns.posts.models import Holidays, Post
from campaigns.posts.recurrence import WEEKDAYS, WORKDAYS
from campaigns.posts.scenes import scene_named
from campaigns.posts.schedules import Schedule

# For the 29th to the 31st: that day, or the last one of a shorter month.
LAST_DAYS = {day: ",".join(str(number) for number in range(28, day + 1)) for day in (29, 30, 31)}


class Repeat(models.TextChoices):
    ONCE = "once", gettext_lazy("Once")
    DAILY = "daily", gettext_lazy("Every day")
    WORKDAYS = "workdays", gettext_lazy("Monday to Friday")
    WEEKLY = "weekly", gettext_lazy("On chosen weekdays")
    MONTHLY = "monthly", gettext_lazy("Every month")
    SCENE = "scene", gettext_lazy("On a festival, every year")
    CUSTOM = "custom", gettext_lazy("By a rule of its own")


def schedule_from(
    *,
    repeat: str,
    day: date,
    clock: time,
    weekdays: Sequence[str],
    until: date | None,
    zone: str,
    rule: str = "",
    more: Sequence[time] = (),
    scene: str = "",
    scene_days: int = 0,
    holidays: str = Holidays.SEND,
) -> Schedule:
    """What was chosen, as a schedule. `rule` is kept as it is when the choice is CUSTOM; `more` are further times of
    the day."""
    slots = sorted({clock, *more}) if more else []
    start = datetime.combine(day, slots[0] if slots else clock)
    said = tuple(f"{slot:%H:%M}" for slot in slots)
    if repeat == Repeat.SCENE:
        return Schedule(
            timezone=zone, start=start.isoformat(timespec="minutes"), slots=said, scene=scene, scene_days=scene_days
        )
    if repeat == Repeat.ONCE:
        return Schedule(timezone=zone, at=start.replace(tzinfo=ZoneInfo(zone)))
    if repeat != Repeat.CUSTOM:
        rule = {
            Repeat.DAILY: "FREQ=DAILY",
            Repeat.WORKDAYS: f"FREQ=WEEKLY;BYDAY={','.join(WORKDAYS)}",
            Repeat.WEEKLY: f"FREQ=WEEKLY;BYDAY={','.join(weekdays)}",
            Repeat.MONTHLY: _monthly(day.day),
        }[Repeat(repeat)]
        if until:
            rule += f";UNTIL={until:%Y%m%d}"
    return Schedule(timezone=zone, rrule=rule, start=start.isoformat(timespec="minutes"), slots=said, holidays=holidays)


def _monthly(day: int) -> str:
    if day in LAST_DAYS:
        return f"FREQ=MONTHLY;BYMONTHDAY={LAST_DAYS[day]};BYSETPOS=-1"
    return f"FREQ=MONTHLY;BYMONTHDAY={day}"


def choices_of(post: Post) -> dict[str, Any]:
    """What a person would have chosen for the schedule of `post`: the reverse of schedule_from."""
    if post.at is not None:
        local = post.at.astimezone(ZoneInfo(post.timezone))
        return {"repeat": Repeat.ONCE, "day": local.date(), "clock": local.time().replace(tzinfo=None)}
    start = datetime.fromisoformat(post.start_local)
    slots = [time.fromisoformat(slot) for slot in post.slots]
    common = {
        "day": start.date(),
        "clock": slots[0] if slots else start.time(),
        "more": ", ".join(f"{slot:%H:%M}" for slot in slots[1:]),
    }
    if post.scene:
        return {"repeat": Repeat.SCENE, "scene": post.scene, "scene_days": post.scene_days, **common}
    repeat, weekdays, until = _read(post.rrule, start.day)
    return {
        "repeat": repeat,
        **common,
        "holidays": post.holidays,
        "weekdays": weekdays,
        "until": until,
        "rule": post.rrule,
    }


def _read(rule: str, day: int) -> tuple[Repeat, list[str], date | None]:
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    until = parts.pop("UNTIL", "")
    last = None
    if len(until) == 8:
        last = date(int(until[:4]), int(until[4:6]), int(until[6:]))
    elif until:
        return Repeat.CUSTOM, [], None
    weekdays = parts.get("BYDAY", "").split(",")
    rest = ";".join(f"{name}={value}" for name, value in parts.items())
    if rest == "FREQ=DAILY":
        return Repeat.DAILY, [], last
    if parts.keys() == {"FREQ", "BYDAY"} and parts["FREQ"] == "WEEKLY":
        return (Repeat.WORKDAYS, [], last) if tuple(weekdays) == WORKDAYS else (Repeat.WEEKLY, weekdays, last)
    if rest == _monthly(day):
        return Repeat.MONTHLY, [], last
    return Repeat.CUSTOM, [], None


def schedule_words(post: Post) -> str:
    """When a post goes out, as a person would say it: "Every day at 09:00"."""
    chosen = choices_of(post)
    repeat = chosen["repeat"]
    clock = _(", ").join(post.slots) if post.slots else f"{chosen['clock']:%H:%M}"
    if repeat == Repeat.SCENE:
        return _scene_words(post, clock)
    if repeat == Repeat.CUSTOM:
        return _("By a rule, from %(clock)s") % {"clock": clock}
    if repeat == Repeat.ONCE:
        day = formats.date_format(chosen["day"], pgettext("date format", "j M Y"))
        return _("Once, %(day)s at %(clock)s") % {"day": day, "clock": clock}
    if repeat == Repeat.WEEKLY:
        names = _(", ").join(str(WEEKDAYS_ABBR[WEEKDAYS.index(name)]) for name in chosen["weekdays"])
        words = _("%(days)s at %(clock)s") % {"days": names, "clock": clock}
    elif repeat == Repeat.MONTHLY:
        words = _("Every month on day %(day)s at %(clock)s") % {"day": chosen["day"].day, "clock": clock}
    else:
        words = _("%(days)s at %(clock)s") % {"days": Repeat(repeat).label, "clock": clock}
    if chosen["until"]:
        last = formats.date_format(chosen["until"], pgettext("date format", "j M Y"))
        words = _("%(words)s, until %(last)s") % {"words": words, "last": last}
    if post.holidays == Holidays.SKIP:
        words = _("%(words)s, not on days off") % {"words": words}
    elif post.holidays == Holidays.NEXT:
        words = _("%(words)s, after days off on the next working day") % {"words": words}
    return words


def _scene_words(post: Post, clock: str) -> str:
    festival = scene_named(post.scene)
    name = str(festival.name) if festival else post.scene
    days = abs(post.scene_days)
    if post.scene_days < 0:
        name = ngettext("%(days)d day before %(name)s", "%(days)d days before %(name)s", days) % {
            "days": days, "name": name,
        }  # fmt: skip
    elif post.scene_days > 0:
        name = ngettext("%(days)d day after %(name)s", "%(days)d days after %(name)s", days) % {
            "days": days, "name": name,
        }  # fmt: skip
    return _("%(days)s at %(clock)s") % {"days": name, "clock": clock}
