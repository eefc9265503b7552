"""Every change of a post, and the planning of what it sends.

A post is a rule. Its occurrences are rows, made ahead of time, each with one delivery per group; so the calendar shows
what will happen, and what was planned survives whatever happens to the processes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from campaigns.posts.models import Occurrence, Post, PostGroup, PostState
from campaigns.posts.recurrence import Recurrence, Time, recurrence
from community_ops.lib.zones import zone_named
from delivery.models import Delivery, Kind, Missed
from delivery.services import (
    Content,
    NewDelivery,
    deliveries_cancel,
    deliveries_drop,
    deliveries_plan,
    deliveries_reword,
    message_create,
)
from groups.models import Group, Permission

logger = structlog.get_logger(__name__)

HORIZON = timedelta(days=14)
MOST_AHEAD = 60
PLANNED_EVERY = timedelta(days=1)
# Up to here a post is on time, whatever its policy: a tick of the dispatcher and a busy moment.
ON_TIME = timedelta(seconds=60)
LONGEST_GRACE = 7 * 24 * 60  # minutes
LONGEST_BODY = 5000


@dataclass(frozen=True)
class Schedule:
    """When: once at `at`, or by a rule that starts at the local time `start` of `timezone`."""

    timezone: str
    at: datetime | None = None
    rrule: str = ""
    start: str = ""

    def checked(self) -> Recurrence | None:
        """The rule, or None for a single time. Raises ValidationError by field."""
        if self.at is None:
            return recurrence(rule=self.rrule, start=self.start, timezone=self.timezone)
        try:
            zone_named(self.timezone)
        except ValidationError as error:
            raise ValidationError({"timezone": error}) from error
        return None

    def times(self, after: datetime) -> Iterable[Time]:
        """Its times later than `after`; a single time is given whenever it lies."""
        rule = self.checked()
        if rule is not None:
            return rule.times(after)
        assert self.at is not None
        local = self.at.astimezone(zone_named(self.timezone)).replace(tzinfo=None)
        return [Time(local.isoformat(timespec="seconds"), self.at)]


def schedule_of(post: Post) -> Schedule:
    return Schedule(timezone=post.timezone, at=post.at, rrule=post.rrule, start=post.start_local)


def post_create(
    *,
    by: User | None,
    now: datetime,
    title: str,
    body: str,
    groups: Sequence[Group],
    schedule: Schedule,
    missed: str = Missed.LATE,
    late_minutes: int = 30,
) -> Post:
    """Makes a post and plans its first occurrences.

    A single time that has passed is left to the policy for missed times. Raises ValidationError by field; code
    `group_not_active` for a group that cannot be posted to yet or any more, `not_permitted` for one to which the roles
    of `by` do not let them post.
    """
    _check(title, body, missed, late_minutes)
    if not groups:
        raise ValidationError({"groups": ValidationError(_("Choose at least one group."), code="required")})
    if closed := [group.name for group in groups if not group.may_be_posted_to]:
        raise ValidationError({"groups": _not_active(closed)})
    if by:
        _check_permitted(by, groups)
    rule = schedule.checked()
    with transaction.atomic():
        post = Post.objects.create(
            title=title,
            body=body,
            created_by=by,
            created_at=now,
            missed=missed,
            late_minutes=late_minutes,
            message=message_create(content=Content(title=title, text=body)),
            planned_until=now,
            plan_again_at=now,
            **_schedule_fields(schedule, rule),
        )
        PostGroup.objects.bulk_create([PostGroup(post=post, group=group) for group in groups], batch_size=500)
        _plan(post, now)
        audit_record(by=by, action="post.created", subject=post, after={"title": title, "groups": len(groups)})
    return post


def post_update(
    *,
    by: User | None,
    now: datetime,
    post: Post,
    title: str,
    body: str,
    schedule: Schedule,
    missed: str,
    late_minutes: int,
) -> Post:
    """Changes wording and times of a post that runs or is paused, and plans anew what is still to come.

    What was sent, or is on its way, stays as it was. Raises ValidationError by field.
    """
    _check(title, body, missed, late_minutes)
    rule = schedule.checked()
    fields = {
        "title": title,
        "body": body,
        "missed": missed,
        "late_minutes": late_minutes,
        **_schedule_fields(schedule, rule),
    }
    with transaction.atomic():
        post = _locked(post)
        if not post.is_open:
            raise ValidationError(_("This post is over and cannot be changed any more."), code="post_over")
        before = {name: getattr(post, name) for name in fields if getattr(post, name) != fields[name]}
        for name in before:
            setattr(post, name, fields[name])
        if before.keys() & {"title", "body"}:
            post.message = message_create(content=Content(title=title, text=body))
            deliveries_reword(post_id=post.pk, message=post.message)
        if before.keys() & {"missed", "late_minutes"}:
            planned = Delivery.objects.planned().filter(post_id=post.pk)
            planned.update(missed=missed, late_until=F("due_at") + _lateness(post))
        if before.keys() & {"at", "rrule", "start_local", "timezone"}:
            _forget_future(post, now)
            if post.state == PostState.ACTIVE:
                _plan(post, now)
        post.save()
        audit_record(
            by=by, action="post.updated", subject=post, before=before, after={name: fields[name] for name in before}
        )
    return post


def post_pause(*, by: User | None, now: datetime, post: Post) -> bool:
    """Holds a post: what has not begun to be sent is cancelled. False when it was not running."""
    return _halt(by, now, post, PostState.PAUSED, "paused", [PostState.ACTIVE])


def post_stop(*, by: User | None, now: datetime, post: Post) -> bool:
    """Ends a post for good: what has not begun to be sent is cancelled. False when it was over already."""
    return _halt(by, now, post, PostState.STOPPED, "stopped", [PostState.ACTIVE, PostState.PAUSED])


def post_resume(*, by: User | None, now: datetime, post: Post) -> bool:
    """Lets a paused post run again, from now on. False when it was not paused.

    Raises ValidationError with the code `time_has_passed` when it has no time left.
    """
    with transaction.atomic():
        post = _locked(post)
        if post.state != PostState.PAUSED:
            return False
        if (post.at is not None and post.at <= now) or not any(True for _time in schedule_of(post).times(now)):
            raise ValidationError(_("Its time has passed. Set a new time first."), code="time_has_passed")
        _forget_future(post, now)
        post.state = PostState.ACTIVE
        _plan(post, now)
        post.save()
        audit_record(by=by, action="post.resumed", subject=post)
    return True


def plan_ahead(*, now: datetime) -> int:
    """Plans the next occurrences of every post that needs some; returns of how many posts."""
    count = 0
    for pk in Post.objects.to_plan(now).order_by("plan_again_at", "pk").values_list("pk", flat=True):
        with transaction.atomic():
            post = Post.objects.select_for_update().to_plan(now).filter(pk=pk).first()
            if post is None:
                continue
            _plan(post, now)
            post.save(update_fields=["planned_until", "plan_again_at"])
        if post.plan_again_at is None:
            posts_finish(post_ids=[post.pk])
        count += 1
    return count


def posts_finish(*, post_ids: Iterable[int]) -> None:
    """Marks posts as finished that have nothing more to plan and nothing more to send."""
    still = Delivery.objects.open().filter(post_id=OuterRef("pk"))
    Post.objects.filter(~Exists(still), pk__in=list(post_ids), state=PostState.ACTIVE, plan_again_at=None).update(
        state=PostState.FINISHED
    )


def deliveries_settled(*, ids: Iterable[int]) -> None:
    """What follows for posts from deliveries that are over."""
    ids = list(ids)
    ending = Post.objects.filter(state=PostState.ACTIVE, plan_again_at=None)
    for start in range(0, len(ids), 500):
        of_these = Delivery.objects.filter(pk__in=ids[start : start + 500]).values("post_id")
        posts_finish(post_ids=ending.filter(pk__in=of_these).values_list("pk", flat=True))


def _halt(by: User | None, now: datetime, post: Post, state: PostState, code: str, states: Sequence[PostState]) -> bool:
    with transaction.atomic():
        locked = _locked(post)
        if locked.state not in states:
            return False
        Post.objects.filter(pk=post.pk).update(state=state)
        cancelled = deliveries_cancel(post_id=post.pk, code=code, now=now)
        audit_record(by=by, action=f"post.{code}", subject=post, after={"cancelled": cancelled})
    post.state = state
    return True


def _check_permitted(by: User, groups: Sequence[Group]) -> None:
    permitted = set(Group.objects.permitted(by, Permission.POST).values_list("pk", flat=True))
    if refused := [group.name for group in groups if group.pk not in permitted]:
        raise ValidationError({"groups": not_permitted(refused)})


def not_permitted(names: Sequence[str]) -> ValidationError:
    """That somebody's roles do not let them post to these groups."""
    shown = _("%(names)s and others") % {"names": ", ".join(names[:5])} if len(names) > 5 else ", ".join(names)
    text = _("Your role does not let you post to: %(groups)s. Administrators decide that under Roles.")
    return ValidationError(text % {"groups": shown}, code="not_permitted")


def _locked(post: Post) -> Post:
    return Post.objects.select_for_update().get(pk=post.pk)


def _forget_future(post: Post, now: datetime) -> None:
    deliveries_drop(post_id=post.pk, after=now)
    kept = Delivery.objects.filter(occurrence_id=OuterRef("pk"))
    Occurrence.objects.filter(~Exists(kept), post=post, due_at__gt=now).delete()
    post.planned_until = post.plan_again_at = now


def _plan(post: Post, now: datetime) -> None:
    """Makes the occurrences from `planned_until` to the horizon, the next one at least, and sets when to look again."""
    passed: deque[Time] = deque(maxlen=MOST_AHEAD)
    ahead: list[Time] = []
    over = True
    for time in schedule_of(post).times(post.planned_until):
        if time.at <= now:
            passed.append(time)
            continue
        beyond = time.at > now + HORIZON and (ahead or post.planned_until > now)
        if beyond or len(ahead) == MOST_AHEAD:
            over = False
            break
        ahead.append(time)
    times = [*passed, *ahead]
    if times:
        _make(post, times)
        post.planned_until = times[-1].at
    if post.at is not None or over:
        post.plan_again_at = None
    else:
        post.plan_again_at = min(now + PLANNED_EVERY, max(post.planned_until, now + timedelta(seconds=1)))
    post.save(update_fields=["planned_until", "plan_again_at"])


def _make(post: Post, times: Sequence[Time]) -> None:
    Occurrence.objects.bulk_create(
        [Occurrence(post=post, local=time.local, due_at=time.at) for time in times], ignore_conflicts=True
    )
    known = dict(
        Occurrence.objects.filter(post=post, local__in=[time.local for time in times]).values_list("local", "pk")
    )
    groups = list(
        Group.objects.filter(posts=post)
        .order_by("pk")
        .values_list("pk", "external_id", "destination_id", "destination__kind")
    )
    lateness = _lateness(post)
    deliveries_plan(
        message=post.message,
        rows=(
            NewDelivery(
                dedupe_key=f"post:{post.pk}:{time.local}:{group_id}",
                kind=kind or Kind.INAPP,
                destination_id=destination_id,
                group_id=group_id,
                group_ref=external_id,
                due_at=time.at,
                missed=post.missed,
                late_until=time.at + lateness,
                post_id=post.pk,
                occurrence_id=known[time.local],
            )
            for time in times
            for group_id, external_id, destination_id, kind in groups
        ),
    )


def _lateness(post: Post) -> timedelta:
    grace = timedelta(minutes=post.late_minutes) if post.missed == Missed.LATE else ON_TIME
    return max(grace, ON_TIME)


def _schedule_fields(schedule: Schedule, rule: Recurrence | None) -> dict[str, Any]:
    return {
        "at": schedule.at,
        "rrule": rule.rule if rule else "",
        "start_local": rule.start.isoformat(timespec="seconds") if rule else "",
        "timezone": schedule.timezone,
    }


def _not_active(names: Sequence[str]) -> ValidationError:
    return ValidationError(
        _("These groups cannot be posted to: %(groups)s. An active group has a motivation and a purpose.")
        % {"groups": ", ".join(names[:5])},
        code="group_not_active",
    )


def _check(title: str, body: str, missed: str, late_minutes: int) -> None:
    errors: dict[str, ValidationError] = {}
    if not title.strip():
        errors["title"] = ValidationError(_("Give it a title."), code="required")
    elif len(title) > 200:
        errors["title"] = ValidationError(_("A title has at most 200 characters."), code="max_length")
    if not body.strip():
        errors["body"] = ValidationError(_("Write what members are to read."), code="required")
    elif len(body) > LONGEST_BODY:
        errors["body"] = ValidationError(
            _("A text has at most %(most)d characters.") % {"most": LONGEST_BODY}, code="max_length"
        )
    if missed not in Missed.values:
        errors["missed"] = ValidationError(_("Choose late, skip or ask."), code="invalid_choice")
    if not 0 <= late_minutes <= LONGEST_GRACE:
        errors["late_minutes"] = ValidationError(
            _("The grace period lasts 0 to %(most)d minutes.") % {"most": LONGEST_GRACE}, code="invalid"
        )
    if errors:
        raise ValidationError(errors)
