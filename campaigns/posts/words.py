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
from django.utils.translation import gettext_lazy, pgettext

from campaigns.posts.models import Post
from campaigns.posts.recurrence import WEEKDAYS, WORKDAYS
from campaigns.posts.schedules import Schedule

# For the 29th to the 31st: that day, or the last one of a shorter month.
LAST_DAYS = {day: ",".join(str(number) for number in range(28, day + 1)) for day in (29, 30, 31)}


class Repeat(models.TextChoices):
    ONCE = "once", gettext_lazy("Once")
    DAILY = "daily", gettext_lazy("Every day")
    WORKDAYS = "workdays", gettext_lazy("Monday to Friday")
    WEEKLY = "weekly", gettext_lazy("On chosen weekdays")
    MONTHLY = "monthly", gettext_lazy("Every month")
    CUSTOM = "custom", gettext_lazy("By a rule of its own")


def schedule_from(
    *, repeat: str, day: date, clock: time, weekdays: Sequence[str], until: date | None, zone: str, rule: str = ""
) -> Schedule:
    """What was chosen, as a schedule. `rule` is kept as it is when the choice is CUSTOM."""
    start = datetime.combine(day, clock)
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
    return Schedule(timezone=zone, rrule=rule, start=start.isoformat(timespec="minutes"))


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
    repeat, weekdays, until = _read(post.rrule, start.day)
    return {
        "repeat": repeat,
        "day": start.date(),
        "clock": start.time(),
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
    repeat, clock = chosen["repeat"], f"{chosen['clock']:%H:%M}"
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
    return words
