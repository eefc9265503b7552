"""The planning of what posts send: occurrences ahead of time, each with one delivery per group."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from campaigns.content.models import PieceState
from campaigns.posts.audience import audience_groups
from campaigns.posts.drawing import drawer_locked
from campaigns.posts.models import Occurrence, Post, PostGroup, PostState
from campaigns.posts.querysets import PostQuerySet
from campaigns.posts.recurrence import Time
from campaigns.posts.schedules import schedule_of
from campaigns.posts.services.filling import fill, fill_with
from campaigns.posts.sources import content_of_piece
from delivery.models import Delivery
from delivery.services import deliveries_drop, deliveries_forget, deliveries_leave_out, message_create
from delivery.signals import settled

logger = structlog.get_logger(__name__)

HORIZON = timedelta(days=14)
MOST_AHEAD = 60
PLANNED_EVERY = timedelta(days=1)


def plan_ahead(*, now: datetime) -> int:
    """Plans the next occurrences of every post that needs some; returns of how many posts."""
    count = 0
    for pk in Post.objects.to_plan(now).order_by("plan_again_at", "pk").values_list("pk", flat=True):
        with transaction.atomic():
            post = Post.objects.select_for_update().to_plan(now).filter(pk=pk).first()
            if post is None:
                continue
            plan(post=post, now=now)
        if post.plan_again_at is None:
            posts_finish(post_ids=[post.pk])
        count += 1
    return count


def occurrences_resolve(*, now: datetime) -> int:
    """Settles to which groups go the occurrences whose time has come and that could not be settled before.

    An audience is asked once more: groups that came get their delivery, those that left are skipped. A series that had
    nothing to draw is asked again. Returns how many occurrences; may run several times at once.
    """
    waiting = Occurrence.objects.to_resolve(now).order_by("due_at", "pk")
    count = 0
    for pk, post_id in list(waiting.values_list("pk", "post_id")):
        with transaction.atomic():
            # The lock of the post, which whoever stops, pauses or changes it takes too.
            post = Post.objects.select_for_update().filter(pk=post_id).first()
            occurrence = Occurrence.objects.to_resolve(now).filter(pk=pk).first()
            if post is None or occurrence is None:
                continue
            skipped = _resolve(post, occurrence, now)
        if skipped:
            settled.send(sender=Delivery, ids=skipped)
        posts_finish(post_ids=[post_id])
        count += 1
    return count


def _resolve(post: Post, occurrence: Occurrence, now: datetime) -> list[int]:
    groups = _match(post, now)
    _draw(post, [occurrence])
    skipped = []
    if groups is not None:
        skipped = deliveries_leave_out(occurrence_id=occurrence.pk, code="left_audience", now=now, but=groups)
    fill(post=post, occurrences=[occurrence], whole=True)
    if post.series_id and occurrence.message_id is None:
        fill_with(post=post, occurrence=occurrence, message=post.message)
        skipped += deliveries_leave_out(occurrence_id=occurrence.pk, code="nothing_to_draw", now=now)
    Occurrence.objects.filter(pk=occurrence.pk).update(resolved_at=now)
    return skipped


def posts_finish(*, post_ids: Iterable[int]) -> None:
    """Marks posts as finished that have nothing more to plan and nothing more to send."""
    if ids := list(post_ids):
        _ending().filter(pk__in=ids).update(state=PostState.FINISHED)


def posts_sweep(*, now: datetime) -> None:
    """Finishes posts whose last time was called off: until that time has passed it may be taken back."""
    to_come = Occurrence.objects.filter(post=OuterRef("pk"), due_at__gt=now)
    # Looking first keeps the usual run, which finds none, from asking for the write lock.
    if over := list(_ending().filter(~Exists(to_come)).values_list("pk", flat=True)):
        posts_finish(post_ids=over)


def _ending() -> PostQuerySet:
    still = Delivery.objects.open().filter(post_id=OuterRef("pk"))
    to_settle = Occurrence.objects.filter(post=OuterRef("pk"), resolved_at=None, cancelled_at=None)
    to_fill = Occurrence.objects.filter(post=OuterRef("pk"), is_filling=True, cancelled_at=None)
    nothing_left = ~Exists(still) & ~Exists(to_settle) & ~Exists(to_fill)
    return Post.objects.filter(nothing_left, state=PostState.ACTIVE, plan_again_at=None)


def deliveries_settled(*, ids: Iterable[int]) -> None:
    """What follows for posts from deliveries that are over."""
    ids = list(ids)
    ending = Post.objects.filter(state=PostState.ACTIVE, plan_again_at=None)
    for start in range(0, len(ids), 500):
        of_these = Delivery.objects.filter(pk__in=ids[start : start + 500]).values("post_id")
        posts_finish(post_ids=ending.filter(pk__in=of_these).values_list("pk", flat=True))


def plan(*, post: Post, now: datetime) -> None:
    """Makes the occurrences from `planned_until` to the horizon, the next one at least, and sets when to look again.

    The caller holds the lock of the post.
    """
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
        _make(post, times, now)
        post.planned_until = times[-1].at
    if post.at is not None or over:
        post.plan_again_at = None
    else:
        post.plan_again_at = min(now + PLANNED_EVERY, max(post.planned_until, now + timedelta(seconds=1)))
    post.save(update_fields=["planned_until", "plan_again_at"])


def forget_future(*, post: Post, now: datetime) -> None:
    """Takes back what is still to come and nobody changed by hand, so that it can be planned anew."""
    by_hand = list(post.occurrences.filter(by_hand=True, due_at__gt=now).values_list("pk", flat=True))
    deliveries_drop(post_id=post.pk, after=now, but=by_hand)
    kept = Delivery.objects.filter(occurrence_id=OuterRef("pk"))
    Occurrence.objects.filter(~Exists(kept), post=post, due_at__gt=now, by_hand=False).delete()
    post.planned_until = post.plan_again_at = now


def replan(*, post: Post, now: datetime) -> None:
    """Plans anew what is still to come. What a person changed by hand stays as it is."""
    forget_future(post=post, now=now)
    if post.state == PostState.ACTIVE:
        plan(post=post, now=now)
        refill(post=post, now=now)


def refill(*, post: Post, now: datetime) -> None:
    """Gives every occurrence to come the deliveries that it should have, and takes back those it should not."""
    _match(post, now)
    allowed = set(PostGroup.objects.filter(post=post).values_list("group_id", flat=True))
    planned = Delivery.objects.planned().filter(post_id=post.pk, due_at__gt=now)
    gone = set(planned.order_by().values_list("group_id", flat=True).distinct()) - allowed
    deliveries_forget(post_id=post.pk, group_ids=gone, after=now)
    fill(post=post, occurrences=list(post.occurrences.filter(due_at__gt=now, cancelled_at=None)))


def _make(post: Post, times: Sequence[Time], now: datetime) -> None:
    settled_at = None if post.audience is not None or post.series_id else now
    Occurrence.objects.bulk_create(
        [Occurrence(post=post, local=time.local, due_at=time.at, resolved_at=settled_at) for time in times],
        ignore_conflicts=True,
    )
    made = post.occurrences.filter(local__in=[time.local for time in times], cancelled_at=None)
    occurrences = list(made.order_by("due_at", "pk"))
    _match(post, now)
    _draw(post, occurrences)
    fill(post=post, occurrences=occurrences)
    if post.series_id and post.audience is None:
        post.occurrences.filter(resolved_at=None, piece__isnull=False).update(resolved_at=now)


def _match(post: Post, now: datetime) -> set[int] | None:
    """Makes the groups listed those that the audience means now; None when the post has none."""
    if post.audience is None:
        return None
    found = set(audience_groups(post.audience, post.created_by).values_list("pk", flat=True))
    listed = set(PostGroup.objects.filter(post=post).values_list("group_id", flat=True))
    post_groups_set(post=post, wanted=found, listed=listed)
    return found


def post_groups_set(*, post: Post, wanted: Collection[int], listed: Collection[int]) -> None:
    """Changes the groups that are listed from `listed` to `wanted`."""
    gone = list(set(listed) - set(wanted))
    for start in range(0, len(gone), 500):
        PostGroup.objects.filter(post=post, group_id__in=gone[start : start + 500]).delete()
    new = sorted(set(wanted) - set(listed))
    PostGroup.objects.bulk_create([PostGroup(post=post, group_id=pk) for pk in new], batch_size=500)


def _draw(post: Post, occurrences: Sequence[Occurrence]) -> None:
    """Draws a piece for each that has none yet, and writes what is said then."""
    empty = [each for each in occurrences if each.piece_id is None and each.message_id is None]
    if post.series_id is None or not empty:
        return
    drawer = drawer_locked(post.series_id)
    for occurrence in empty:
        if drawn := drawer.draw(local=occurrence.local, at=occurrence.due_at):
            occurrence.piece = drawn.piece
            occurrence.message = message_create(content=content_of_piece(drawn.piece, drawer.series))
    Occurrence.objects.bulk_update(empty, ["piece", "message"])


def piece_changed(*, piece_id: int, now: datetime) -> int:
    """What follows from a piece of the library that was changed or retired, for what is still to come; returns how many
    occurrences say something else now. A ready piece is worded anew; for a retired one another is drawn."""
    coming = Occurrence.objects.filter(Q(piece_id=piece_id) | Q(post__piece_id=piece_id), due_at__gt=now)
    posts = set(coming.filter(post__state__in=[PostState.ACTIVE, PostState.PAUSED]).values_list("post_id", flat=True))
    return sum(_piece_changed(post_id, piece_id, now) for post_id in sorted(posts))


def _piece_changed(post_id: int, piece_id: int, now: datetime) -> int:
    with transaction.atomic():
        post = Post.objects.select_for_update().get(pk=post_id)
        coming = post.occurrences.filter(due_at__gt=now, by_hand=False, cancelled_at=None)
        if post.piece is not None:
            if post.piece.state != PieceState.READY:
                return 0
            post.title, post.body = post.piece.title, post.piece.text
            post.message = message_create(content=content_of_piece(post.piece))
            post.save(update_fields=["title", "body", "message"])
            own = list(post.occurrences.filter(message__isnull=False).values_list("pk", flat=True))
            planned = Delivery.objects.planned().filter(post_id=post.pk, due_at__gt=now)
            planned.exclude(occurrence_id__in=own).update(message=post.message)
            return coming.count()
        drawn = list(coming.filter(piece_id=piece_id).select_related("piece", "post__series"))
        for occurrence in drawn:
            if occurrence.piece and occurrence.piece.state == PieceState.READY:
                content = content_of_piece(occurrence.piece, post.series)
                occurrence.message = message_create(content=content)
            else:
                occurrence.piece = occurrence.message = None
        Occurrence.objects.bulk_update(drawn, ["piece", "message"])
        _draw(post, drawn)
        for occurrence in drawn:
            planned = Delivery.objects.planned().filter(occurrence_id=occurrence.pk)
            if occurrence.message is not None:
                planned.update(message=occurrence.message)
            else:
                planned.delete()
                Occurrence.objects.filter(pk=occurrence.pk).update(resolved_at=None)
    return len(drawn)
