"""What is asked about a post's delivery in the moment before it is sent, when everything may have changed since it was
planned: whether the post still runs, its author may still post to the group, the group still matches, and the limits
of the group leave room."""

from __future__ import annotations

from django.utils import timezone

from campaigns.posts.audience import audience_groups, may_be_reached_by
from campaigns.posts.limits import limits_of
from campaigns.posts.models import Post, PostState
from delivery.models import Delivery
from delivery.services import quota_take

HALTED = {PostState.STOPPED: "stopped", PostState.PAUSED: "paused"}


def hold_to_limits(delivery: Delivery) -> str:
    """The guard of posts: the reason against sending now, or nothing. What a person ordered by hand is counted only."""
    if delivery.post_id is None:
        return ""
    post = Post.objects.select_related("created_by").filter(pk=delivery.post_id).first()
    if post is None:
        return ""
    now = timezone.now()
    limits = limits_of([delivery.group_id])[delivery.group_id]
    quota: int | None = None
    # A try whose outcome was lost, not refused, may have arrived: what is under way comes to its end.
    under_way = delivery.attempts > 1 and not delivery.error_code
    if not delivery.by_hand and not under_way:
        if refused := _refused(post, delivery):
            return refused
        if post.keeps_limits and limits.is_quiet(now):
            return "quiet_hours"
        quota = limits.daily_quota if post.keeps_limits and limits.daily_quota else None
    counted = quota_take(
        delivery_id=delivery.pk, group_id=delivery.group_id, day=timezone.localdate(now), limit=quota
    )  # fmt: skip
    return "" if counted else "over_quota"


def _refused(post: Post, delivery: Delivery) -> str:
    if post.state in HALTED:
        return HALTED[PostState(post.state)]
    author = post.created_by
    if author is not None and not may_be_reached_by(author).filter(pk=delivery.group_id).exists():
        return "author_not_permitted"
    if post.audience is not None and not audience_groups(post.audience, author).filter(pk=delivery.group_id).exists():
        return "left_audience"
    return ""
