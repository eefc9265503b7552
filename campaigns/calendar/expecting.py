"""What posts that repeat will do after the days for which they are planned already. Shown, not kept: a row is made
when its time is two weeks away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from campaigns.calendar.days import Window
from campaigns.calendar.selectors import Entry, Look
from campaigns.posts.models import Holidays, Post, PostState, SpecialDay
from campaigns.posts.recurrence import DaysOff, Recurrence
from groups.models import Group


def entries_expected(
    *, user: User, window: Window, now: datetime, groups: QuerySet[Group] | None = None, series: int | None = None
) -> list[Entry]:
    """The times that rules give within the window and that have no row yet. Three queries, however many posts."""
    posts = Post.objects.visible_to(user).filter(state=PostState.ACTIVE, scene="", planned_until__lt=window.end)
    posts = posts.exclude(rrule="").select_related("created_by", "series").defer("body")
    if series is not None:
        posts = posts.filter(series_id=series)
    among = Q() if groups is None and user.branch_id is None else Q(groups__in=_reached(user, groups))
    counted: Iterable[Any] = posts.annotate(groups_count=Count("groups", filter=among, distinct=True))
    days = _special_days()
    found = []
    for post in counted:
        count = post.groups_count
        if groups is not None and not count:
            continue
        times = _rule(post, days).times(max(post.planned_until, now))
        for each in takewhile(lambda each: each.at < window.end, times):
            if each.at >= window.start:
                found.append(_entry(post, each.at, count))
    return found


def _reached(user: User, groups: QuerySet[Group] | None) -> QuerySet[Group]:
    return (Group.objects.visible_to(user) if groups is None else groups.order_by()).values("pk")  # type: ignore[return-value]


def _entry(post: Post, at: datetime, groups: int) -> Entry:
    return Entry(
        pk=None,
        post_id=post.pk,
        title=post.series.name if post.series else post.title,
        at=timezone.localtime(at),
        zone=post.timezone,
        look=Look.EXPECTED,
        groups=groups,
        sent=0,
        failed=0,
        moved=False,
        reworded=False,
        may_move=False,
    )


def _rule(post: Post, days: Mapping[int | None, dict[date, str]]) -> Recurrence:
    """The rule as it was checked when the post was written; checking it anew takes longer than following it."""
    days_off = None
    if post.holidays != Holidays.SEND:
        author = post.created_by
        branch = author.branch_id if author else None
        days_off = DaysOff({**days[None], **(days[branch] if branch else {})}, moves=post.holidays == Holidays.NEXT)
    return Recurrence(
        rule=post.rrule,
        start=datetime.fromisoformat(post.start_local),
        zone=ZoneInfo(post.timezone),
        slots=tuple(time.fromisoformat(slot) for slot in post.slots),
        days_off=days_off,
    )


def _special_days() -> Mapping[int | None, dict[date, str]]:
    """Branch (None: all) -> day -> kind."""
    found: dict[int | None, dict[date, str]] = defaultdict(dict)
    for branch, day, kind in SpecialDay.objects.values_list("branch_id", "day", "kind"):
        found[branch][day] = kind
    return found
