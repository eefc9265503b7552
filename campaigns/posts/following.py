"""This one and all that follow: the schedule of a post from one of its occurrences on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from campaigns.posts.models import Occurrence
from campaigns.posts.recurrence import WEEKDAYS
from campaigns.posts.schedules import Schedule, schedule_of


def schedule_from_here(occurrence: Occurrence) -> Schedule | None:
    """The schedule of its post with this occurrence as the first; None where a rule cannot be cut in two."""
    post = occurrence.post
    if not post.rrule or "COUNT=" in post.rrule:
        return None
    return replace(schedule_of(post), start=occurrence.local)


def schedule_moved(occurrence: Occurrence, at: datetime) -> Schedule | None:
    """The same with this occurrence at `at`, the following as much earlier or later; None where a rule has no words for
    that, as the last day of each month a day later."""
    schedule = schedule_from_here(occurrence)
    if schedule is None:
        return None
    old = datetime.fromisoformat(occurrence.local)
    new = at.astimezone(ZoneInfo(schedule.timezone)).replace(tzinfo=None)
    rule = _moved_rule(schedule.rrule, old.date(), new.date())
    if rule is None:
        return None
    slots = tuple(f"{new:%H:%M}" if slot == f"{old:%H:%M}" else slot for slot in schedule.slots)
    if len(set(slots)) < len(slots) or (slots and old.date() != new.date()):
        return None
    return replace(schedule, rrule=rule, slots=tuple(sorted(slots)), start=new.isoformat(timespec="seconds"))


def _moved_rule(rule: str, old: date, new: date) -> str | None:
    if old == new:
        return None if "BYHOUR" in rule or "BYMINUTE" in rule or "HOURLY" in rule else rule
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    kept = {"FREQ", "INTERVAL", "UNTIL", "WKST"}
    if parts["FREQ"] == "DAILY" and parts.keys() <= kept and int(parts.get("INTERVAL", 1)) > 1:
        return rule
    if parts["FREQ"] == "WEEKLY" and parts.keys() <= kept | {"BYDAY"}:
        days = parts.get("BYDAY", "").split(",") if "BYDAY" in parts else []
        before, after = WEEKDAYS[old.weekday()], WEEKDAYS[new.weekday()]
        if not days:
            return rule
        if before in days and after not in days:
            moved = sorted({after, *days} - {before}, key=WEEKDAYS.index)
            return ";".join(f"{name}={','.join(moved) if name == 'BYDAY' else value}" for name, value in parts.items())
    monthly = parts["FREQ"] == "MONTHLY" and parts.keys() <= kept | {"BYMONTHDAY"}
    if monthly and parts.get("BYMONTHDAY") == str(old.day) and new.day <= 28:
        return ";".join(f"{name}={new.day if name == 'BYMONTHDAY' else value}" for name, value in parts.items())
    return None
