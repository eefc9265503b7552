"""Activities are written, opened, called off and repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import User
from campaigns.activities.models import Activity, ActivityKind, Decided, NoticeKind, SignUp, SignUpState
from campaigns.activities.services.asking import tasks_call_off, tasks_move
from campaigns.activities.services.signing import activity_locked, notices_give, places_fill
from campaigns.activities.services.telling import groups_tell, reminders_plan
from campaigns.activities.texts import VARIABLES, announced_words, cancelled_words
from campaigns.posts.recurrence import localize
from campaigns.posts.services import not_permitted
from community_ops.lib.variables import check_variables
from community_ops.lib.zones import zone_named
from delivery.models import Picture
from groups.models import Group, Permission

MOST_QUESTIONS, LONGEST_QUESTION = 3, 100
MOST_PLACES, MOST_POINTS = 100_000, 10_000
WEEK = timedelta(days=7)


class StaleActivity(Exception):
    """Somebody else changed it since the form was opened."""


@dataclass(frozen=True)
class ActivityContent:
    """All that people write down of an activity beside its groups; see the model."""

    title: str
    text: str = ""
    kind: str = ActivityKind.OTHER
    picture: Picture | None = None
    link: str = ""
    place: str = ""
    directions: str = ""
    timezone: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    capacity: int | None = None
    has_waiting_list: bool = True
    walk_ins: bool = False
    questions: tuple[str, ...] = ()
    reminds_day_before: bool = True
    reminds_hour_before: bool = True
    reminds_groups: bool = True
    reminder: str = ""
    points: int = 0
    organiser: User | None = None

    def columns(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "timezone": self.timezone or settings.TIME_ZONE, "questions": list(self.questions)}


def activity_draft(*, by: User | None, now: datetime, group: Group, title: str, text: str) -> Activity:
    """A draft for one group, of which only the idea is known: times and place are still to be written."""
    with transaction.atomic():
        activity = Activity.objects.create(
            title=title[:200],
            text=text[:5000],
            timezone=settings.TIME_ZONE,
            organiser=by,
            created_by=by,
            created_at=now,
        )
        activity.groups.set([group])
        audit_record(by=by, action="activity.created", subject=activity, after={"title": activity.title})
    return activity


def activity_save(
    *,
    by: User,
    now: datetime,
    activity: Activity | None,
    content: ActivityContent,
    groups: Sequence[Group],
    version: int | None = None,
) -> Activity:
    """Makes a draft (`activity` is None), or changes an activity. Whoever has a place of one that is moved is told on
    their page, and more places let people move up.

    Raises ValidationError by field, and StaleActivity.
    """
    _check(content)
    _check_groups(by, groups, activity)
    with transaction.atomic():
        if activity is None:
            current = Activity.objects.create(created_by=by, created_at=now, **content.columns())
            current.groups.set(groups)
            audit_record(by=by, action="activity.created", subject=current, after={"title": current.title})
            return current
        current = activity_locked(pk=activity.pk)
        if version is not None and version != current.version:
            raise StaleActivity
        _check_change(current, content, groups, now)
        before, after = changed_fields(current, content.columns())
        for name, value in after.items():
            setattr(current, name, value)
        current.version += 1
        current.save()
        current.groups.set(groups)
        if current.decided == Decided.OPEN:
            if {"starts_at", "ends_at"} & after.keys():
                standing = SignUp.objects.filter(activity=current, state__in=[SignUpState.GOING, SignUpState.WAITING])
                notices_give(
                    signups=standing, kind=NoticeKind.MOVED, about=f"{current.starts_at:%Y-%m-%dT%H:%M}", now=now
                )
                tasks_move(activity=current)
            reminders_plan(activity=current, now=now)
            places_fill(activity=current, now=now)
        audit_record(by=by, action="activity.changed", subject=current, before=_said(before), after=_said(after))
    return current


def activity_open(*, by: User, now: datetime, activity: Activity, announce: bool = False) -> int:
    """Opens a draft for its members; with `announce` its groups are told. Returns to how many groups.

    Raises ValidationError with the code `no_times`, `passed` or `not_draft`.
    """
    with transaction.atomic():
        current = activity_locked(pk=activity.pk)
        if current.decided != Decided.DRAFT:
            raise ValidationError(_("It is open, or cancelled, by now."), code="not_draft")
        if current.starts_at is None or current.ends_at is None:
            raise ValidationError(_("Write first when it begins and ends."), code="no_times")
        if current.starts_at <= now:
            raise ValidationError(_("Its time has passed. Choose another one first."), code="passed")
        current.decided = Decided.OPEN
        current.save(update_fields=["decided"])
        reminders_plan(activity=current, now=now)
        told = 0
        if announce:
            told = groups_tell(
                activity=current, what="open", text=announced_words(current), now=now, until=current.starts_at
            )
        audit_record(by=by, action="activity.opened", subject=current, after={"groups": told})
    activity.refresh_from_db()
    return told


def activity_cancel(*, by: User, now: datetime, activity: Activity, reason: str = "") -> bool:
    """Calls an activity off: the pages of those who signed up tell them, and so does a word to its groups, where they
    knew of it. False when it was cancelled before, or is over."""
    with transaction.atomic():
        current = activity_locked(pk=activity.pk)
        if current.decided == Decided.CANCELLED or (current.ends_at and now >= current.ends_at):
            return False
        was_open = current.decided == Decided.OPEN
        current.decided, current.cancelled_at, current.cancel_reason = Decided.CANCELLED, now, reason[:300]
        current.version += 1
        current.save()
        reminders_plan(activity=current, now=now)
        if was_open:
            standing = SignUp.objects.filter(activity=current, state__in=[SignUpState.GOING, SignUpState.WAITING])
            notices_give(signups=standing, kind=NoticeKind.CANCELLED, about="", now=now)
            groups_tell(activity=current, what="cancelled", text=cancelled_words(current), now=now)
        tasks_call_off(activity=current, now=now)
        audit_record(by=by, action="activity.cancelled", subject=current, after={"reason": reason[:300]})
    activity.refresh_from_db()
    return True


def activity_repeat(*, by: User, now: datetime, activity: Activity) -> tuple[Activity, bool]:
    """The same again a week later on the local clock, or in the next week that is still to come. Asked twice, it is
    one copy: the second answer is (that copy, False). Raises ValidationError with the code `no_times`."""
    with transaction.atomic():
        current = activity_locked(pk=activity.pk)
        known = Activity.objects.filter(follows=current).first()
        if known is not None:
            return known, False
        if current.starts_at is None:
            raise ValidationError(_("Write first when it begins and ends."), code="no_times")
        weeks = 1
        while _later(current, current.starts_at, weeks) <= now:
            weeks += 1
        values = {field.name: getattr(current, field.name) for field in fields(ActivityContent)}
        for name in ("starts_at", "ends_at", "opens_at", "closes_at"):
            values[name] = _later(current, values[name], weeks) if values[name] else None
        decided = Decided.OPEN if current.decided == Decided.OPEN else Decided.DRAFT
        copy = Activity.objects.create(created_by=by, created_at=now, follows=current, decided=decided, **values)
        copy.groups.set(current.groups.all())
        reminders_plan(activity=copy, now=now)
        audit_record(by=by, action="activity.repeated", subject=copy, after={"title": copy.title})
    return copy, True


def _later(activity: Activity, at: datetime, weeks: int) -> datetime:
    """The same local time, weeks later."""
    return localize(at.astimezone(activity.zone).replace(tzinfo=None) + weeks * WEEK, activity.zone)


# Checks


def _check(content: ActivityContent) -> None:
    errors: dict[str, Any] = {}
    if not content.title.strip():
        errors["title"] = _("Give it a title.")
    if content.timezone:
        try:
            zone_named(content.timezone)
        except ValidationError as error:
            errors["timezone"] = error
    if (content.starts_at is None) != (content.ends_at is None):
        errors["ends_at"] = _("Write both when it begins and when it ends.")
    elif content.starts_at and content.ends_at and content.ends_at <= content.starts_at:
        errors["ends_at"] = _("It has to end after it begins.")
    until = content.closes_at or content.starts_at
    if content.closes_at and content.starts_at and content.closes_at > content.starts_at:
        errors["closes_at"] = _("Sign-up ends at the latest when it begins.")
    if content.opens_at and until and content.opens_at >= until:
        errors["opens_at"] = _("Sign-up has to open before it ends.")
    if content.capacity is not None and not 1 <= content.capacity <= MOST_PLACES:
        errors["capacity"] = _("Give a number of places, or leave it empty.")
    if not 0 <= content.points <= MOST_POINTS:
        errors["points"] = _("Give 0 to %(most)d points.") % {"most": MOST_POINTS}
    if len(content.questions) > MOST_QUESTIONS or any(len(asked) > LONGEST_QUESTION for asked in content.questions):
        errors["questions"] = _("Ask at most %(most)d questions of %(length)d characters.") % {
            "most": MOST_QUESTIONS,
            "length": LONGEST_QUESTION,
        }
    if content.link and urlsplit(content.link).scheme not in ("http", "https"):
        errors["link"] = _("Write the whole address, beginning with https://.")
    try:
        check_variables(content.reminder, VARIABLES)
    except ValidationError as error:
        errors["reminder"] = error
    if errors:
        raise ValidationError(errors)


def _check_groups(by: User, groups: Sequence[Group], activity: Activity | None) -> None:
    if not groups:
        raise ValidationError({"groups": ValidationError(_("Choose at least one group."), code="required")})
    permitted = Group.objects.visible_to(by).permitted(by, Permission.POST)
    known = set(permitted.filter(pk__in=[group.pk for group in groups]).values_list("pk", flat=True))
    if refused := [group.name for group in groups if group.pk not in known]:
        raise ValidationError({"groups": not_permitted(refused)})


def _check_change(current: Activity, content: ActivityContent, groups: Sequence[Group], now: datetime) -> None:
    if current.decided == Decided.CANCELLED:
        raise ValidationError(_("It was cancelled and cannot be changed any more."), code="cancelled")
    errors: dict[str, Any] = {}
    signups = SignUp.objects.filter(activity=current)
    taken = signups.with_place().count()
    if content.capacity is not None and content.capacity < taken:
        errors["capacity"] = _("%(taken)d people have a place already.") % {"taken": taken}
    if current.decided == Decided.OPEN:
        if content.starts_at is None:
            errors["starts_at"] = _("Write first when it begins and ends.")
        elif content.starts_at != current.starts_at and content.starts_at <= now:
            errors["starts_at"] = _("This time has passed.")
    standing = signups.filter(state__in=[SignUpState.GOING, SignUpState.WAITING])
    gone = standing.exclude(group__in=groups).exclude(group=None)
    if names := list(gone.order_by("group__name").values_list("group__name", flat=True).distinct()[:5]):
        errors["groups"] = _("Members of these groups have signed up: %(groups)s.") % {"groups": ", ".join(names)}
    if errors:
        raise ValidationError(errors)


def _said(values: dict[str, Any]) -> dict[str, Any]:
    """Values as the audit trail keeps them: a row by its name."""
    return {name: str(value) if isinstance(value, (Picture, User)) else value for name, value in values.items()}
