"""Posts are held, let run again, and ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from campaigns.posts.models import Post, PostState
from campaigns.posts.schedules import schedule_of
from campaigns.posts.services.planning import replan
from delivery.services import deliveries_cancel


def post_pause(*, by: User | None, now: datetime, post: Post) -> bool:
    """Holds a post: what has not begun to be sent is cancelled. False when it was not running."""
    return _halt(by, now, post, PostState.PAUSED, "paused", [PostState.ACTIVE])


def post_stop(*, by: User | None, now: datetime, post: Post) -> bool:
    """Ends a post for good: what has not begun to be sent is cancelled. False when it was over already.

    When it returns nothing more begins to be sent; what a worker holds in that moment comes to its end.
    """
    return _halt(by, now, post, PostState.STOPPED, "stopped", [PostState.ACTIVE, PostState.PAUSED])


def post_resume(*, by: User | None, now: datetime, post: Post) -> bool:
    """Lets a paused post run again, from now on. False when it was not paused.

    Raises ValidationError with the code `time_has_passed` when it has no time left.
    """
    with transaction.atomic():
        post = locked(post=post)
        if post.state != PostState.PAUSED:
            return False
        if not _has_time_left(post, now):
            raise ValidationError(_("Its time has passed. Set a new time first."), code="time_has_passed")
        # What was due during the pause is not made up for, nor is its audience asked any more.
        post.occurrences.filter(resolved_at=None, due_at__lte=now).update(resolved_at=now)
        post.occurrences.filter(is_filling=True, due_at__lte=now).update(is_filling=False)
        post.state = PostState.ACTIVE
        replan(post=post, now=now)
        post.save()
        audit_record(by=by, action="post.resumed", subject=post)
    return True


def _has_time_left(post: Post, now: datetime) -> bool:
    """Whether its schedule gives one more time, or a person moved one to where it is still to come."""
    if post.occurrences.filter(by_hand=True, cancelled_at=None, due_at__gt=now).exists():
        return True
    return (post.at is None or post.at > now) and any(True for _time in schedule_of(post).times(now))


def _halt(by: User | None, now: datetime, post: Post, state: PostState, code: str, states: Sequence[PostState]) -> bool:
    with transaction.atomic():
        current = locked(post=post)
        if current.state not in states:
            return False
        Post.objects.filter(pk=post.pk).update(state=state)
        cancelled = deliveries_cancel(post_id=post.pk, code=code, now=now)
        audit_record(by=by, action=f"post.{code}", subject=post, after={"cancelled": cancelled})
    post.state = state
    return True


def locked(*, post: Post) -> Post:
    """The post as it is now, which nobody else plans or changes until the transaction ends."""
    return Post.objects.select_for_update().get(pk=post.pk)
