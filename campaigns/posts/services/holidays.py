"""The days off of the brand and its branches, and its own festivals: entered by administrators, kept to by posts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import Branch, User
from campaigns.posts.limits import hours_checked
from campaigns.posts.models import DayKind, GroupSending, Holidays, Post, PostState, Scene, SceneCalendar, SpecialDay
from campaigns.posts.scenes import BY_SLUG
from campaigns.posts.services.planning import replan
from campaigns.posts.services.running import locked
from groups.models import Group

MOST_LINES = 400
LONGEST_RANGE = 40
WORDS = {
    "off": DayKind.OFF, "休": DayKind.OFF, "放假": DayKind.OFF,
    "working": DayKind.WORKING, "班": DayKind.WORKING, "上班": DayKind.WORKING, "调休": DayKind.WORKING,
}  # fmt: skip
LINE = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})(?:\s*(?:\.\.|~|至|到)\s*(\d{4}-\d{1,2}-\d{1,2}))?[\s,;，；]+(.+)")


@dataclass(frozen=True)
class NewDay:
    day: date
    name: str
    kind: str


def days_read(text: str) -> list[NewDay]:
    """Lines like "2026-10-01..2026-10-07 National Day" or "2026-10-10 National Day working", one or more days each.

    Raises ValidationError that names the first line it cannot read.
    """
    found: dict[date, NewDay] = {}
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > MOST_LINES:
        raise _unreadable(_("Paste at most %(most)d lines at once.") % {"most": MOST_LINES})
    for number, line in lines:
        match = LINE.fullmatch(line)
        try:
            first = _date(match[1]) if match else None
            last = _date(match[2]) if match and match[2] else first
        except ValueError:
            first = last = None
        if match is None or first is None or last is None or not first <= last <= first + timedelta(LONGEST_RANGE):
            raise _unreadable(
                _("Line %(number)d cannot be read: “%(line)s”. Write it like 2026-10-01..2026-10-07 National Day.")
                % {"number": number, "line": line[:60]}
            )
        words = re.split(r"[\s,;，；]+", match[3].strip())
        kind = WORDS.get(words[-1].lower())
        name = " ".join(words[:-1] if kind else words)[:60] or str((kind or DayKind.OFF).label)
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            found[day] = NewDay(day, name, kind or DayKind.OFF)
    if not found:
        raise _unreadable(_("Write at least one day."))
    return list(found.values())


def _date(text: str) -> date:
    year, month, day = map(int, text.split("-"))
    if not 2000 <= year < 2100:
        raise ValueError(text)
    return date(year, month, day)


def _unreadable(text: str) -> ValidationError:
    return ValidationError({"lines": ValidationError(text, code="invalid")})


def special_days_add(*, by: User, now: datetime, days: Sequence[NewDay], branch: Branch | None) -> int:
    """Enters days; one that is there already takes the new name and kind. Posts that keep holidays are planned anew.

    Returns how many days are new or different.
    """
    changed = 0
    with transaction.atomic():
        known = {row.day: row for row in SpecialDay.objects.filter(branch=branch, day__in=[each.day for each in days])}
        new = [SpecialDay(day=each.day, name=each.name, kind=each.kind, branch=branch) for each in days
               if each.day not in known]  # fmt: skip
        SpecialDay.objects.bulk_create(new)
        changed += len(new)
        for each in days:
            row = known.get(each.day)
            if row is not None and (row.name, row.kind) != (each.name, each.kind):
                row.name, row.kind = each.name, each.kind
                row.save()
                changed += 1
        if changed:
            audit_record(
                by=by,
                action="special_days.added",
                subject=branch or by,
                after={"days": changed, "first": str(days[0].day)},
            )
    if changed:
        posts_replan(now=now, branch=branch)
    return changed


def special_days_remove(*, by: User, now: datetime, ids: Sequence[int]) -> int:
    """Takes days out again; posts that keep holidays are planned anew. Returns how many."""
    with transaction.atomic():
        rows = list(SpecialDay.objects.select_related("branch").filter(pk__in=ids))
        SpecialDay.objects.filter(pk__in=[row.pk for row in rows]).delete()
        if rows:
            audit_record(
                by=by,
                action="special_days.removed",
                subject=rows[0].branch or by,
                before={"days": [str(row.day) for row in rows]},
            )
    for branch in {row.branch for row in rows}:
        posts_replan(now=now, branch=branch)
    return len(rows)


def posts_replan(*, now: datetime, branch: Branch | None = None, scene: str = "") -> None:
    """Plans the running posts anew that keep the days off of a branch (None: of any), or go out on a festival."""
    posts = Post.objects.filter(state=PostState.ACTIVE)
    if scene:
        posts = posts.filter(scene=scene)
    else:
        posts = posts.exclude(holidays=Holidays.SEND)
        if branch is not None:
            posts = posts.filter(created_by__branch=branch)
    for pk in list(posts.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            post = locked(post=Post(pk=pk))
            if post.state == PostState.ACTIVE:
                replan(post=post, now=now)


def scene_add(
    *,
    by: User,
    now: datetime,
    name: str,
    calendar: str,
    month: int | None = None,
    day: int | None = None,
    on: date | None = None,
    note: str = "",
    branch: Branch | None = None,
) -> Scene:
    """Enters an occasion of the brand's own. Raises ValidationError by field."""
    if not name.strip():
        raise ValidationError({"name": ValidationError(_("Give it a name."), code="required")})
    if calendar == SceneCalendar.ONCE:
        month = day = None
        if on is None:
            raise ValidationError({"on": ValidationError(_("Say on which day."), code="required")})
    else:
        on = None
        longest = 30 if calendar == SceneCalendar.LUNAR else 31
        if not (month and day and 1 <= month <= 12 and 1 <= day <= longest):
            raise ValidationError({"day": ValidationError(_("Give a month and a day that exist."), code="invalid")})
        try:
            date(2024, month, day if calendar == SceneCalendar.SOLAR else 1)
        except ValueError:
            raise ValidationError({"day": ValidationError(_("Give a month and a day that exist."))}) from None
    with transaction.atomic():
        scene = Scene.objects.create(
            slug=_slug(name), name=name.strip()[:60], calendar=calendar, month=month, day=day, on=on, note=note[:300],
            branch=branch,
        )  # fmt: skip
        audit_record(by=by, action="scene.added", subject=branch or by, after={"name": scene.name})
    return scene


def _slug(name: str) -> str:
    base = slugify(name)[:30] or "scene"
    taken = set(Scene.objects.filter(slug__startswith=base).values_list("slug", flat=True)) | BY_SLUG.keys()
    return next(slug for slug in (base, *(f"{base}-{number}" for number in range(2, 10_000))) if slug not in taken)


def scene_remove(*, by: User, scene: Scene) -> None:
    """Takes an occasion out again. Raises ValidationError while a post goes out on it."""
    with transaction.atomic():
        open_posts = Post.objects.open().filter(Q(scene=scene.slug))
        if titles := list(open_posts.values_list("title", flat=True)[:3]):
            raise ValidationError(
                _("Posts go out on it: %(titles)s. Stop them first.") % {"titles": ", ".join(titles)}, code="in_use"
            )
        audit_record(by=by, action="scene.removed", subject=scene.branch or by, before={"name": scene.name})
        scene.delete()


def group_limits_set(
    *, by: User, group: Group, daily_quota: int | None, quiet_from: time | None, quiet_until: time | None
) -> None:
    """Keeps what a group decides otherwise; nothing given is as all groups. Raises ValidationError by field."""
    hours_checked(quiet_from, quiet_until)
    after = {"daily_quota": daily_quota, "quiet_from": quiet_from, "quiet_until": quiet_until}
    with transaction.atomic():
        GroupSending.objects.update_or_create(group=group, defaults=after)
        shown = {name: str(value) if isinstance(value, time) else value for name, value in after.items()}
        audit_record(by=by, action="group.limits_changed", subject=group, after=shown)
