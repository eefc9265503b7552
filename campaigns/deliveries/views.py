"""Deliveries in the console: what left, what did not, why, and what to do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from accounts.models import AuditEntry
from campaigns.deliveries.services import OFFERED, Decision, delivery_decide
from campaigns.posts.models import Post
from campaigns.posts.selectors import deliveries_visible_to
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from delivery.models import Delivery, Kind, State
from groups.models import Group, Permission
from groups.roles.permissions import may

NEEDS_A_PERSON = "needs"
MOST_CHOICES = 500
FEED_PAGE = 20
DAYS = [
    ("today", gettext_lazy("Today")),
    ("yesterday", gettext_lazy("Yesterday")),
    ("week", gettext_lazy("Last 7 days")),
    ("coming", gettext_lazy("Next 7 days")),
]


def _columns(*, of_post: bool, of_group: bool) -> list[Column[Any]]:
    return [
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


def _in_days(rows: QuerySet[Delivery], value: str) -> QuerySet[Delivery]:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    ranges: dict[str, tuple[datetime, datetime]] = {
        "today": (midnight, midnight + day),
        "yesterday": (midnight - day, midnight),
        "week": (midnight - 6 * day, midnight + day),
        "coming": (timezone.now(), midnight + 8 * day),
    }
    start, end = ranges[value]
    return rows.filter(due_at__gte=start, due_at__lt=end)


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
    filters: list[Filter[Any]] = [
        Filter(
            "state",
            gettext_lazy("State"),
            [(NEEDS_A_PERSON, gettext_lazy("Needs a person")), *State.choices],
            _in_state,
        ),
        Filter("when", gettext_lazy("When"), DAYS, _in_days),
    ]
    if not of_post and not of_group:
        filters += _wide_filters(request)
    name = Group.objects.filter(pk=OuterRef("group_id")).values("name")[:1]
    return Listing(
        request,
        rows.select_related("message").annotate(group_name=Subquery(name)),
        columns=_columns(of_post=of_post, of_group=of_group),
        filters=filters,
        search=None if of_post else lambda found, text: found.filter(message__title__icontains=text),
        sort=default_sort,
        id="deliveries",
        embedded=of_group,
    )


def _wide_filters(request: StaffRequest) -> list[Filter[Any]]:
    """By group, by post when the address names one, by channel."""
    visible = Group.objects.visible_to(request.user)
    groups = list(visible.order_by("name", "pk").values_list("pk", "name")[:MOST_CHOICES])
    asked = request.GET.get("group", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 19 and int(asked) not in dict(groups):
        groups += list(visible.filter(pk=int(asked)).values_list("pk", "name"))
    found: list[Filter[Any]] = [
        Filter("group", gettext_lazy("Group"), groups, lambda rows, value: rows.filter(group_id=value)),
        Filter("channel", gettext_lazy("Channel"), Kind.choices, lambda rows, value: rows.filter(kind=value)),
    ]
    asked = request.GET.get("post", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 19:
        posts = Post.objects.visible_to(request.user).filter(pk=int(asked)).values_list("pk", "title")
        found.append(Filter("post", gettext_lazy("Post"), list(posts), lambda rows, value: rows.filter(post_id=value)))
    return found


@require_GET
@staff_required
def delivery_list(request: StaffRequest) -> HttpResponseBase:
    listing = delivery_listing(request, deliveries_visible_to(request.user))
    # What is still to come is the posts' business; it shows when somebody asks for it.
    if not listing.text and not {"state", "when", "post"} & {state.name for state in listing.active_filters}:
        listing.queryset = listing.queryset.filter(due_at__lte=timezone.now())
    if listing.export:
        return listing.export_response("deliveries")
    return render(request, "console/campaigns/deliveries.html", {"listing": listing})


@require_GET
@staff_required
def delivery_detail(request: StaffRequest, pk: int) -> HttpResponse:
    delivery = _visible(request, pk)
    group = get_object_or_404(Group, pk=delivery.group_id)
    permitted = may(request.user, Permission.POST, group)
    context = {
        "delivery": delivery,
        "group": group,
        "refused": request.user.may_write and not permitted,
        "post": Post.objects.filter(pk=delivery.post_id).first() if delivery.post_id else None,
        "decisions": OFFERED.get(delivery.state, []) if permitted else [],
        "history": [
            (Decision[entry.action.removeprefix("delivery.").upper()].label, entry)
            for entry in AuditEntry.objects.filter(subject_type="delivery.delivery", subject_id=delivery.pk)
        ],
    }
    return render(request, "console/campaigns/delivery.html", context)


@require_POST
@writer_required
def delivery_act(request: StaffRequest, pk: int, decision: str) -> HttpResponse:
    delivery = _visible(request, pk)
    if not may(request.user, Permission.POST, get_object_or_404(Group, pk=delivery.group_id)):
        raise PermissionDenied
    if delivery_decide(by=request.user, now=timezone.now(), delivery=delivery, decision=Decision(decision)):
        texts = {
            Decision.SEND: _("It is on its way."),
            Decision.MARK_SENT: _("Marked as sent."),
            Decision.SKIP: _("It is skipped."),
        }
        toast(request, texts[Decision(decision)])
    else:
        warn(request, _("This delivery has moved on meanwhile. Nothing was changed."))
    return redirect(next_address(request, reverse("campaigns:delivery", args=[delivery.pk])))


@require_GET
@staff_required
def group_deliveries(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The deliveries tab of a group's page."""
    group = get_object_or_404(Group.objects.visible_to(request.user), pk=pk)
    listing = delivery_listing(request, Delivery.objects.filter(group_id=group.pk), of_group=True)
    if listing.export:
        return listing.export_response("deliveries")
    return render(request, "console/campaigns/group_deliveries.html", {"listing": listing, "group": group})


@require_GET
@staff_required
def group_feed(request: StaffRequest, pk: int) -> HttpResponse:
    """The feed tab of a group's page: what was posted, newest first."""
    group = get_object_or_404(Group.objects.visible_to(request.user), pk=pk)
    asked = request.GET.get("page", "1")
    page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 and int(asked) > 0 else 1
    start = (page - 1) * FEED_PAGE
    sent = Delivery.objects.filter(group_id=group.pk, state=State.SENT).select_related("message")
    rows = list(sent.order_by("-settled_at", "-pk")[start : start + FEED_PAGE + 1])
    may_plan = group.may_be_posted_to and may(request.user, Permission.POST, group)
    context = {
        "group": group,
        "rows": rows[:FEED_PAGE],
        "page": page,
        "next": page + 1 if rows[FEED_PAGE:] else None,
        "plan_url": f"{reverse('campaigns:post_new')}?group={group.pk}" if may_plan else "",
    }
    return render(request, "console/campaigns/group_feed.html", context)


def _visible(request: StaffRequest, pk: int) -> Delivery:
    rows = deliveries_visible_to(request.user).select_related("message", "destination")
    return get_object_or_404(rows, pk=pk)
