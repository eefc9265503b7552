"""Posts are written, changed, and divided into what was and what follows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from campaigns.posts.audience import audience_checked, audience_groups, may_be_reached_by
from campaigns.posts.fitting import check_fits
from campaigns.posts.models import Occurrence, Post, PostGroup, PostState
from campaigns.posts.schedules import Schedule, ended_before, schedule_of
from campaigns.posts.services.filling import lateness
from campaigns.posts.services.planning import plan, post_groups_set, posts_finish, refill, replan
from campaigns.posts.services.running import locked
from campaigns.posts.sources import Source, content_of, source_checked, source_of
from delivery.models import Delivery, Missed
from delivery.services import deliveries_drop, deliveries_reword, message_create
from groups.models import Group, Permission
from groups.querysets import GroupQuerySet

LONGEST_GRACE = 7 * 24 * 60  # minutes
WORDING = {"title", "body", "link", "link_title", "picture", "value", "piece"}
TIMES = {"at", "rrule", "start_local", "slots", "scene", "scene_days", "holidays", "timezone"}


OWN_WORDS = Source()


class StalePost(Exception):
    """Somebody else changed the post since the form was opened; `post` is as it stands now."""

    def __init__(self, post: Post) -> None:
        super().__init__(post.pk)
        self.post = post


def post_create(
    *,
    by: User | None,
    now: datetime,
    title: str,
    body: str,
    schedule: Schedule,
    groups: Sequence[Group] = (),
    audience: Mapping[str, Any] | None = None,
    source: Source = OWN_WORDS,
    missed: str = Missed.LATE,
    late_minutes: int = 30,
    keeps_limits: bool = True,
) -> Post:
    """Makes a post and plans its first occurrences; what is too much for one request is planned after it.

    It goes to the `groups`, or to those that an `audience` means in the moment of sending.

    A single time that has passed is left to the policy for missed times. Raises ValidationError by field; code
    `group_not_active` for a group that cannot be posted to yet or any more, `not_permitted` for one to which the roles
    of `by` do not let them post, `too_long` for a text that a robot among the groups cannot post.
    """
    _check_policy(missed, late_minutes)
    title, body = source_checked(source, title, body, by)
    audience, groups = _checked_recipients(by, groups, audience)
    schedule = replace(schedule, branch_id=by.branch_id if by else None)
    times = schedule.fields()
    with transaction.atomic():
        post = Post(
            title=title,
            body=body,
            audience=audience,
            created_by=by,
            created_at=now,
            missed=missed,
            late_minutes=late_minutes,
            keeps_limits=keeps_limits,
            planned_until=now,
            plan_again_at=now,
            **source.columns(),
            **times,
        )
        _check_length(post, groups, now)
        post.message = message_create(content=content_of(post))
        post.save()
        PostGroup.objects.bulk_create([PostGroup(post=post, group=group) for group in groups], batch_size=500)
        plan(post=post, now=now)
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
    groups: Sequence[Group] | None = None,
    audience: Mapping[str, Any] | None = None,
    source: Source | None = None,
    keeps_limits: bool | None = None,
    version: int | None = None,
) -> Post:
    """Changes a post that runs or is paused, and plans anew what is still to come. What is None stays as it is.

    What was sent, or is on its way, stays as it was, and so does what a person changed by hand. Whoever changes a post
    whose author may no longer post to its groups takes it over. Raises ValidationError by field, and StalePost
    when somebody else changed it since `version`.
    """
    _check_policy(missed, late_minutes)
    source = source or source_of(post)
    if source != source_of(post) or source.is_own:
        title, body = source_checked(source, title, body, by)
    if groups is not None or audience is not None:
        listed = frozenset(PostGroup.objects.filter(post=post).values_list("group_id", flat=True))
        audience, groups = _checked_recipients(by, groups or (), audience, listed)
    schedule = replace(schedule, branch_id=schedule_of(post).branch_id)
    fields: dict[str, Any] = {
        "title": title,
        "body": body,
        "missed": missed,
        "late_minutes": late_minutes,
        "keeps_limits": post.keeps_limits if keeps_limits is None else keeps_limits,
        "audience": post.audience if groups is None else audience,
        **source.columns(),
        **schedule.fields(),
    }
    with transaction.atomic():
        post = locked(post=post)
        if not post.is_open:
            raise ValidationError(_("This post is over and cannot be changed any more."), code="post_over")
        if version is not None and version != post.version:
            raise StalePost(post)
        before = {name: getattr(post, name) for name in fields if getattr(post, name) != fields[name]}
        for name in before:
            setattr(post, name, fields[name])
        _check_length(post, Group.objects.filter(posts=post) if groups is None else groups, now)
        regrouped = groups is not None and _regroup(post, groups)
        taken_over = _take_over(post, by)
        _follow(post, before.keys(), now, regrouped=regrouped or taken_over)
        post.version += 1
        post.save()
        after = {name: fields[name] for name in before}
        audit_record(by=by, action="post.updated", subject=post, before=_said(before), after=_said(after))
    return post


def post_split(*, by: User | None, now: datetime, occurrence: Occurrence, **changes: Any) -> Post:
    """Changes a recurring post from one occurrence on: the post ends before it, and a new one follows.

    `changes` are those of post_update. Returns the new post. Raises as post_update does, and ValidationError with the
    code `cannot_split` for a post that does not recur by a rule.
    """
    with transaction.atomic():
        post = locked(post=occurrence.post)
        version = changes.pop("version", None)
        if version is not None and version != post.version:
            raise StalePost(post)
        if not post.is_open:
            raise ValidationError(_("This post is over and cannot be changed any more."), code="post_over")
        if not post.rrule or occurrence.due_at <= now:
            raise ValidationError(
                _("Only times to come of a recurring post can be changed from one on."), code="cannot_split"
            )
        old = schedule_of(post)
        groups, audience = changes.pop("groups", None), changes.pop("audience", None)
        if groups is None and audience is None:
            groups, audience = list(Group.objects.filter(posts=post)), post.audience
        paused = post.state == PostState.PAUSED
        ending = _ended(post, old, occurrence, now)
        made = post_create(
            by=by,
            now=now,
            groups=[] if audience is not None else groups,
            audience=audience,
            **{"source": source_of(post), "keeps_limits": post.keeps_limits, **changes},
        )
        made.follows = post
        if paused:
            made.state = PostState.PAUSED
            deliveries_drop(post_id=made.pk, after=now)
            made.occurrences.all().delete()
            made.planned_until = made.plan_again_at = now
        made.save()
        if ending:
            posts_finish(post_ids=[post.pk])
        audit_record(by=by, action="post.split", subject=post, after={"followed_by": made, "from": occurrence.local})
    return made


def _ended(post: Post, old: Schedule, occurrence: Occurrence, now: datetime) -> bool:
    """Ends a post before an occurrence; True when nothing of it is left to come."""
    ended = ended_before(old, occurrence.local)
    later = post.occurrences.filter(local__gte=occurrence.local)
    dropped = list(later.values_list("pk", flat=True))
    Delivery.objects.planned().filter(occurrence_id__in=dropped).delete()
    kept = Delivery.objects.filter(occurrence_id__in=dropped).values("occurrence_id")
    later.exclude(pk__in=kept).delete()
    post.rrule, post.version = ended.rrule, post.version + 1
    coming = post.occurrences.filter(due_at__gt=now, cancelled_at=None).exists()
    if not coming:
        post.plan_again_at = None
    post.save()
    return not coming


def _follow(post: Post, changed: Collection[str], now: datetime, *, regrouped: bool) -> None:
    """Brings what is planned in line with a post that was changed."""
    if WORDING & set(changed):
        post.message = message_create(content=content_of(post))
        own = list(post.occurrences.filter(message__isnull=False).values_list("pk", flat=True))
        deliveries_reword(post_id=post.pk, message=post.message, but=own)
    if {"missed", "late_minutes"} & set(changed):
        planned = Delivery.objects.planned().filter(post_id=post.pk)
        planned.update(missed=post.missed, late_until=F("due_at") + lateness(post=post))
    if "series" in changed:
        coming = post.occurrences.filter(due_at__gt=now, by_hand=False)
        coming.update(piece=None, message=None)
    if (TIMES | {"series", "audience"}) & set(changed):
        post.save()
        replan(post=post, now=now)
    elif regrouped and post.state == PostState.ACTIVE:
        post.save()
        refill(post=post, now=now)


def _regroup(post: Post, groups: Sequence[Group]) -> bool:
    """Writes down to which groups it goes; True when they are others than before."""
    listed = set(PostGroup.objects.filter(post=post).values_list("group_id", flat=True))
    wanted = {group.pk for group in groups}
    if post.audience is not None or wanted == listed:
        return False
    post_groups_set(post=post, wanted=wanted, listed=listed)
    return True


def _take_over(post: Post, by: User | None) -> bool:
    """Makes `by` the author where the author may not post to all of its groups any more and `by` may."""
    author = post.created_by
    if by is None or author is None or author.pk == by.pk:
        return False
    groups = Group.objects.filter(posts=post, state="active")
    lost = groups.exclude(pk__in=may_be_reached_by(author).values("pk"))
    if not lost.exists() or groups.exclude(pk__in=may_be_reached_by(by).values("pk")).exists():
        return False
    post.created_by = by
    return True


def _checked_recipients(
    by: User | None,
    groups: Sequence[Group],
    audience: Mapping[str, Any] | None,
    listed: Collection[int] = frozenset(),
) -> tuple[dict[str, Any] | None, Sequence[Group]]:
    """(audience, groups): one of them is empty, unless the audience means these groups now. Those `listed` before
    may stay, whatever became of them: nothing is sent to a group that is closed."""
    if audience is not None:
        checked = audience_checked(audience, by)
        if by and by.branch:
            # Said in the audience itself, so that it holds even when its author is gone.
            checked["branches"] = [by.branch.code]
        return checked, list(audience_groups(checked, by))
    if not groups:
        raise ValidationError({"groups": ValidationError(_("Choose at least one group."), code="required")})
    added = [group for group in groups if group.pk not in listed]
    if closed := [group.name for group in added if not group.may_be_posted_to]:
        raise ValidationError({"groups": _not_active(closed)})
    if by:
        _check_permitted(by, added)
    return None, groups


def _check_permitted(by: User, groups: Sequence[Group]) -> None:
    permitted = set(Group.objects.permitted(by, Permission.POST).values_list("pk", flat=True))
    if refused := [group.name for group in groups if group.pk not in permitted]:
        raise ValidationError({"groups": not_permitted(refused)})


def not_permitted(names: Sequence[str]) -> ValidationError:
    """That somebody's roles do not let them post to these groups."""
    shown = _("%(names)s and others") % {"names": ", ".join(names[:5])} if len(names) > 5 else ", ".join(names)
    text = _("Your role does not let you post to: %(groups)s. Administrators decide that under Roles.")
    return ValidationError(text % {"groups": shown}, code="not_permitted")


def _not_active(names: Sequence[str]) -> ValidationError:
    return ValidationError(
        _("These groups cannot be posted to: %(groups)s. An active group has a motivation and a purpose.")
        % {"groups": ", ".join(names[:5])},
        code="group_not_active",
    )


def _check_length(post: Post, groups: Sequence[Group] | GroupQuerySet, now: datetime) -> None:
    """Refuses what a robot cannot post whole. A series is measured piece by piece, when each is sent."""
    if post.series_id is None:
        check_fits(content_of(post), groups, now, name="piece" if post.piece_id else "body")


def _check_policy(missed: str, late_minutes: int) -> None:
    errors: dict[str, ValidationError] = {}
    if missed not in Missed.values:
        errors["missed"] = ValidationError(_("Choose late, skip or ask."), code="invalid_choice")
    if not 0 <= late_minutes <= LONGEST_GRACE:
        errors["late_minutes"] = ValidationError(
            _("The grace period lasts 0 to %(most)d minutes.") % {"most": LONGEST_GRACE}, code="invalid"
        )
    if errors:
        raise ValidationError(errors)


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the audit trail keeps them: a row by its name."""
    return {name: str(value) if isinstance(value, models.Model) else value for name, value in values.items()}
