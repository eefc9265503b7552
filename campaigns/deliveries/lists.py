"""The list of deliveries: as a page of its own, on a post, and on a group's tab."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy

from accounts.access import StaffRequest
from accounts.models import Branch
from campaigns.deliveries.causes import URGENT_FOR, advice, reason_choices
from campaigns.posts.models import Post
from campaigns.posts.selectors import deliveries_visible_to
from community_ops.lib.lists import Column, Filter, Listing
from delivery.models import Delivery, Kind, State
from groups.bulk.lists import select_column, selectable
from groups.models import Group

NEEDS_A_PERSON = "needs"
MOST_CHOICES = 500
HEADQUARTERS = "none"
DAYS = [
    ("today", gettext_lazy("Today")),
    ("yesterday", gettext_lazy("Yesterday")),
    ("week", gettext_lazy("Last 7 days")),
    ("urgent", gettext_lazy("The past 3 days, to the minute")),
    ("coming", gettext_lazy("Next 7 days")),
]
LATE = [
    ("1", gettext_lazy("Later than a minute")),
    ("10", gettext_lazy("Later than 10 minutes")),
    ("60", gettext_lazy("Later than an hour")),
]


def columns(*, of_post: bool = False, of_group: bool = False, select: bool = False) -> list[Column[Any]]:
    alone = not of_post and not of_group
    found: list[Column[Any]] = [
        Column("due", gettext_lazy("Due"), order="due_at", value=lambda row: row.due_at),
        Column(
            "title",
            gettext_lazy("Post"),
            order="message__title",
            value=lambda row: row.message.title,
            shown=not of_post,
        ),
        Column(
            "group",
            gettext_lazy("Group"),
            order="group_name",
            value=lambda row: row.group_name,
            shown=not of_group,
            wide="" if of_post else "sm",  # on phones it stands below the title
        ),
        Column("channel", gettext_lazy("Channel"), value=lambda row: row.get_kind_display(), wide="xl"),
        Column("state", gettext_lazy("State"), order="state", value=lambda row: row.get_state_display()),
        Column("reason", gettext_lazy("Reason"), value=lambda row: row.reason, wide="lg"),
        Column("advice", gettext_lazy("What to do"), value=lambda row: advice(row.error_code, row.state), shown=False),
        Column("late", gettext_lazy("Seconds late"), value=lambda row: seconds_late(row), shown=False),
        Column(
            "attempts",
            gettext_lazy("Tries"),
            order="attempts",
            value=lambda row: row.attempts,
            number=True,
            wide="md",
        ),
        Column("settled", gettext_lazy("Settled"), value=lambda row: row.settled_at, shown=False),
        Column("key", gettext_lazy("Webhook id"), value=lambda row: row.webhook_id, shown=False),
    ]
    if alone and select:
        return [select_column(), *found, Column("acts", gettext_lazy("What to do"), wide="sm")]
    return found


def seconds_late(delivery: Delivery) -> int | None:
    """How long after its time it was sent."""
    if delivery.state != State.SENT or delivery.settled_at is None:
        return None
    return max(0, round((delivery.settled_at - delivery.due_at).total_seconds()))


def midnight(now: datetime) -> datetime:
    return timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)


def late(rows: QuerySet[Delivery], now: datetime, margin: timedelta) -> QuerySet[Delivery]:
    """Sent later than `margin` after its time, or still to be sent and later than that already."""
    return rows.filter(late_by(now, margin))


def late_by(now: datetime, margin: timedelta) -> Q:
    still = Q(state__in=["planned", "queued", "sending", "waiting_for_owner"])
    retried = Q(state=State.FAILED, retry_at__isnull=False)
    return Q(state=State.SENT, settled_at__gt=F("due_at") + margin) | ((still | retried) & Q(due_at__lt=now - margin))


def _in_days(rows: QuerySet[Delivery], value: str) -> QuerySet[Delivery]:
    now, day = timezone.now(), timedelta(days=1)
    begins = midnight(now)
    ranges: dict[str, tuple[datetime, datetime]] = {
        "today": (begins, begins + day),
        "yesterday": (begins - day, begins),
        "week": (begins - 6 * day, begins + day),
        "urgent": (now - URGENT_FOR, now + day),
        "coming": (now, begins + 8 * day),
    }
    start, end = ranges[value]
    return rows.filter(due_at__gte=start, due_at__lt=end)


def _begins(day: str, plus: int = 0) -> datetime:
    return timezone.make_aware(datetime.combine(date.fromisoformat(day) + timedelta(days=plus), time()))


def _in_state(rows: QuerySet[Delivery], value: str) -> QuerySet[Delivery]:
    if value == NEEDS_A_PERSON:
        return rows.filter(pk__in=Delivery.objects.need_a_person().values("pk"))
    return rows.filter(state=value)


def delivery_listing(
    request: StaffRequest,
    rows: QuerySet[Delivery],
    *,
    of_post: bool = False,
    of_group: bool = False,
    default_sort: str = "-due",
) -> Listing[Delivery]:
    """The list of deliveries, as a page, on a post, or on a group's tab."""
    alone = not of_post and not of_group
    filters: list[Filter[Any]] = [
        Filter(
            "state",
            gettext_lazy("State"),
            [(NEEDS_A_PERSON, gettext_lazy("Needs a person")), *State.choices],
            _in_state,
        ),
        Filter("when", gettext_lazy("When"), DAYS, _in_days),
    ]
    if alone:
        filters += _wide_filters(request)
    name = Group.objects.filter(pk=OuterRef("group_id")).values("name")[:1]
    return Listing(
        request,
        rows.select_related("message").annotate(group_name=Subquery(name)),
        columns=columns(of_post=of_post, of_group=of_group, select=request.user.may_write),
        filters=filters,
        search=None if of_post else _matching(of_group),
        sort=default_sort,
        id="deliveries",
        embedded=of_group,
    )


def _matching(of_group: bool) -> Any:
    def matching(rows: QuerySet[Delivery], text: str) -> QuerySet[Delivery]:
        said = Q(message__title__icontains=text)
        return rows.filter(said if of_group else said | Q(group_name__icontains=text))

    return matching


def _wide_filters(request: StaffRequest) -> list[Filter[Any]]:
    """Days of one's own, group, branch, channel, reason and lateness; post and detail when the address names one."""
    user, now = request.user, timezone.now()
    visible = Group.objects.visible_to(user)
    groups = list(visible.order_by("name", "pk").values_list("pk", "name")[:MOST_CHOICES])
    asked = request.GET.get("group", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 19 and int(asked) not in dict(groups):
        groups += list(visible.filter(pk=int(asked)).values_list("pk", "name"))

    def in_branch(rows: QuerySet[Delivery], value: str) -> QuerySet[Delivery]:
        of_branch = visible.filter(branch=None) if value == HEADQUARTERS else visible.filter(branch_id=value)
        return rows.filter(group_id__in=of_branch.values("pk"))

    found: list[Filter[Any]] = [
        Filter("group", gettext_lazy("Group"), groups, lambda rows, value: rows.filter(group_id=value)),
        Filter(
            "channel",
            gettext_lazy("Channel"),
            Kind.choices,
            lambda rows, value: rows.filter(kind=value),
            more=True,
        ),
        Filter(
            "reason",
            gettext_lazy("Reason"),
            reason_choices(),
            lambda rows, value: rows.filter(error_code=value),
            more=True,
        ),
        Filter(
            "late",
            gettext_lazy("Late"),
            LATE,
            lambda rows, value: late(rows, now, timedelta(minutes=int(value))),
            more=True,
        ),
        Filter(
            "from",
            gettext_lazy("Due from"),
            [],
            lambda rows, value: rows.filter(due_at__gte=_begins(value)),
            more=True,
            is_day=True,
        ),
        Filter(
            "to",
            gettext_lazy("Due until"),
            [],
            lambda rows, value: rows.filter(due_at__lt=_begins(value, 1)),
            more=True,
            is_day=True,
        ),
    ]
    if user.is_headquarters:
        branches: list[tuple[Any, Any]] = list(Branch.objects.values_list("pk", "name"))
        if branches:
            branches.append((HEADQUARTERS, gettext_lazy("Headquarters")))
            found.insert(1, Filter("branch", gettext_lazy("Branch"), branches, in_branch))
    asked = request.GET.get("post", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 19:
        posts = Post.objects.visible_to(user).filter(pk=int(asked)).values_list("pk", "title")
        found.append(Filter("post", gettext_lazy("Post"), list(posts), lambda rows, value: rows.filter(post_id=value)))
    if detail := request.GET.get("detail", "").replace("\x00", "")[:500]:
        # The part of a reason that differs from case to case; addresses name it, people do not.
        found.append(
            Filter(
                "detail",
                gettext_lazy("Detail of the reason"),
                [(detail, detail)],
                lambda rows, value: rows.filter(error=value),
            )
        )
    return found


def page_listing(request: StaffRequest) -> Listing[Delivery]:
    """The page of deliveries. What is still to come is the posts' business: it shows when somebody asks for it."""
    listing = delivery_listing(request, deliveries_visible_to(request.user))
    if not listing.text and not {"state", "when", "post", "from", "to"} & {
        state.name for state in listing.active_filters
    }:
        listing.queryset = listing.queryset.filter(due_at__lte=timezone.now())
    return listing


selectable("delivery", "campaigns:deliveries", page_listing, "campaigns:delivery")
