"""What the demo brand posted in the last weeks, what is to come, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F, OuterRef, Subquery

from accounts.models import User
from campaigns.content.models import Series
from campaigns.demo.brand import AGENTS, GROUPS, NOTICES, POSTS, Purpose
from campaigns.demo.content import POST_VALUES, SECTIONS
from campaigns.demo.schedules import varied_posts_write
from campaigns.posts.models import Post
from campaigns.posts.services import Schedule, deliveries_settled, plan_ahead, post_create, post_pause
from campaigns.posts.sources import Source
from delivery import registry
from delivery.models import Delivery, FeedItem, Missed, State
from delivery.services import destination_update, message_create
from delivery.services.destinations import destination_disable
from groups.models import Group

HISTORY = timedelta(days=20)
SENDING = timedelta(seconds=1.2)


def posts_write(*, staff: Mapping[str, User], groups: Sequence[Group], now: datetime) -> int:
    """Fixed-time posts that ran for three weeks, and announcements before and after `now`; returns how many posts.

    The services plan them as if it were three weeks ago. What was due by now is then marked as sent, but for a webhook
    whose receiver gave up and an announcement that waits for a person.
    """
    zone = ZoneInfo(settings.TIME_ZONE)
    begun = now - HISTORY
    _webhook(groups)
    posts: dict[str, Post] = {}
    for plan in POSTS:
        schedule = Schedule(
            timezone=settings.TIME_ZONE, rrule=plan.rrule, start=f"{begun.astimezone(zone):%Y-%m-%d}T{plan.time}"
        )
        posts[plan.title] = post_create(
            by=staff[plan.author],
            now=begun,
            title=plan.title,
            body=plan.body,
            groups=_groups_of(groups, plan.purposes, plan.branch),
            schedule=schedule,
            source=Source(value=POST_VALUES.get(plan.title, "")),
        )
    for section in SECTIONS:
        start = f"{begun.astimezone(zone):%Y-%m-%d}T{section.time}"
        posts[section.series] = post_create(
            by=staff[section.author],
            now=begun,
            title="",
            body="",
            groups=_groups_of(groups, section.purposes, section.branch),
            schedule=Schedule(timezone=settings.TIME_ZONE, rrule=section.rrule, start=start),
            source=Source(series=Series.objects.get(name=section.series)),
        )
    today = now.astimezone(zone).date()
    for notice in NOTICES:
        hour, minute = map(int, notice.time.split(":"))
        day = today + timedelta(days=notice.days)
        posts[notice.title] = post_create(
            by=staff[notice.author],
            now=min(now, datetime(day.year, day.month, day.day, tzinfo=zone) - timedelta(days=2)),
            title=notice.title,
            body=notice.body,
            groups=_groups_of(groups, notice.purposes, notice.branch),
            schedule=Schedule(
                timezone=settings.TIME_ZONE, at=datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
            ),
            missed=Missed.ASK if notice.asks else Missed.LATE,
        )
    plan_ahead(now=now)
    _settle(groups, now)
    for notice in NOTICES:
        if notice.paused:
            post_pause(by=staff[notice.author], now=now, post=posts[notice.title])
    return len(posts) + len(varied_posts_write(staff=staff, groups=groups, now=now))


def _groups_of(groups: Sequence[Group], purposes: Sequence[Purpose], branch: str) -> list[Group]:
    return [
        group
        for group, plan in zip(groups, GROUPS, strict=True)
        if plan.purpose in purposes and branch in ("", plan.branch) and group.may_be_posted_to
    ]


def _webhook(groups: Sequence[Group]) -> None:
    """The partners' group lies in another system, which is told by webhook."""
    for group in _groups_of(groups, (AGENTS,), ""):
        assert group.destination is not None
        destination_update(
            destination=group.destination, kind="webhook", url="https://partners.qinghe.example/hooks/community"
        )


def _settle(groups: Sequence[Group], now: datetime) -> None:
    """Marks what was due by now as sent, moments after its time."""
    opened = Group.objects.filter(pk=OuterRef("group_id")).values("opened_at")[:1]
    Delivery.objects.annotate(opened=Subquery(opened)).filter(due_at__lt=F("opened")).delete()
    due = Delivery.objects.filter(due_at__lte=now)

    moment = F("due_at") + SENDING
    due.update(state=State.SENT, attempts=1, queued_at=moment, claimed_at=moment, settled_at=moment)
    asked = due.filter(missed=Missed.ASK)
    asked.update(state=State.WAITING, attempts=0, queued_at=None, claimed_at=None, settled_at=None, error_code="missed")
    refused = due.filter(kind="webhook")
    refused.update(state=State.FAILED, error_code="receiver_fault", error="503")
    if (latest := refused.order_by("-due_at").first()) and latest.destination:
        refused.filter(pk=latest.pk).update(error_code="gone", error="")
        destination_disable(destination=latest.destination, code="gone", now=latest.due_at)
    sent = due.filter(state=State.SENT)
    for delivery in sent.filter(message__has_variables=True).select_related("message"):
        filled = message_create(content=registry.filled(delivery, delivery.due_at), filled_from=delivery.message)
        Delivery.objects.filter(pk=delivery.pk).update(message=filled)
    FeedItem.objects.bulk_create(
        [
            FeedItem(delivery_id=pk, group_id=group, message_id=message, published_at=at + SENDING)
            for pk, group, message, at in sent.values_list("pk", "group_id", "message_id", "due_at")
        ],
        batch_size=500,
    )
    deliveries_settled(ids=sent.values_list("pk", flat=True))
