"""What is asked about deliveries of posts in the moment before they are sent, when everything may have changed since
they were planned: whether the post still runs, its author may still post to the group, the group still matches, and the
limits of the group leave room."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from campaigns.posts.audience import audience_groups, may_be_reached_by
from campaigns.posts.limits import limits_of
from campaigns.posts.models import Post, PostState
from delivery.models import Delivery
from delivery.services import quota_take
from groups.querysets import GroupQuerySet

HALTED = {PostState.STOPPED: "stopped", PostState.PAUSED: "paused"}


def hold_to_limits(deliveries: Sequence[Delivery], now: datetime) -> dict[int, str]:
    """The guard of posts: by id, the reasons against sending now. What a person ordered is counted only."""
    posts = Post.objects.select_related("created_by").in_bulk({each.post_id for each in deliveries if each.post_id})
    of_posts = [each for each in deliveries if each.post_id in posts]
    found: dict[int, str] = {}
    asked: dict[int, list[Delivery]] = defaultdict(list)
    for delivery in of_posts:
        # A try whose outcome was lost, not refused, may have arrived: what is under way comes to its end.
        under_way = delivery.attempts > 1 and not delivery.error_code
        if not delivery.by_hand and not under_way and delivery.post_id is not None:
            asked[delivery.post_id].append(delivery)
    for pk, rows in asked.items():
        found |= _refused(posts[pk], rows)
    bound = {each.pk for rows in asked.values() for each in rows if posts[each.post_id or 0].keeps_limits}
    limits = limits_of({each.group_id for each in of_posts})
    day = timezone.localdate(now)
    for delivery in of_posts:
        own = limits[delivery.group_id]
        if delivery.pk in found:
            continue
        if delivery.pk in bound and own.is_quiet(now):
            found[delivery.pk] = "quiet_hours"
        # Where nothing limits a group, nothing is counted: that saves three statements for every message.
        elif own.daily_quota and not quota_take(
            delivery_id=delivery.pk,
            group_id=delivery.group_id,
            day=day,
            limit=own.daily_quota if delivery.pk in bound else None,
        ):
            found[delivery.pk] = "over_quota"
    return found


def _refused(post: Post, rows: Sequence[Delivery]) -> dict[int, str]:
    if post.state in HALTED:
        return dict.fromkeys((each.pk for each in rows), HALTED[PostState(post.state)])
    found: dict[int, str] = {}
    groups = [each.group_id for each in rows]
    if post.audience is not None:
        left = set(groups) - _ids(audience_groups(post.audience, post.created_by), groups)
        found |= {each.pk: "left_audience" for each in rows if each.group_id in left}
    if post.created_by is not None:
        lost = set(groups) - _ids(may_be_reached_by(post.created_by), groups)
        found |= {each.pk: "author_not_permitted" for each in rows if each.group_id in lost}
    return found


def _ids(groups: GroupQuerySet, among: Sequence[int]) -> set[int]:
    return set(groups.filter(pk__in=among).values_list("pk", flat=True))
