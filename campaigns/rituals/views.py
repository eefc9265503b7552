"""The page "Rituals": what is running, what comes, and what came of it."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from accounts.models import Branch
from campaigns.checkins.today import running_programmes
from campaigns.rituals.parts import Asked, Part, Row, Stage, all_parts
from community_ops.lib.lists import Column, Filter, Listing
from groups.choices import group_choices
from groups.models import Group
from members.models import Question

# So many of a group's rituals stand on its page; the page of all rituals, narrowed to it, has them all.
SHOWN_OF_GROUP = 6


@require_GET
@staff_required
def rituals(request: StaffRequest) -> HttpResponse:
    now = timezone.now()
    listing = _groups(request)
    kind = next((state.value for state in listing.active_filters if state.name == "kind"), "")
    asked = Asked(request.user, now, listing.queryset.order_by())
    found: list[tuple[Part, Row]] = [
        (part, row)
        for part in all_parts()
        if part.rows is not None and kind in ("", part.slug)
        for row in part.rows(asked)
    ]
    context = {
        "listing": listing,
        "now": now,
        "running": _staged(found, Stage.RUNNING, now),
        "coming": _staged(found, Stage.COMING, now),
        "results": _staged(found, Stage.OVER, now),
        "parts": [part for part in all_parts() if part.begin_name],
    }
    return render(request, "console/campaigns/rituals/page.html", context)


@require_GET
@staff_required
def of_group(request: StaffRequest, pk: int) -> HttpResponse:
    """What a group does together, now and soon: a part of its page."""
    user, now = request.user, timezone.now()
    seen = Group.objects.visible_to(user).filter(pk=pk)
    group = get_object_or_404(seen)
    asked = Asked(user, now, seen.order_by())
    running = running_programmes(user=user, groups=seen, now=now)
    # With their rate of today these stand in the place of the rows of their part.
    told = {reverse("campaigns:check_ins_of", args=[row.programme.pk]) for row in running}
    found: list[tuple[Part, Row]] = [
        (part, row)
        for part in all_parts()
        if part.rows is not None
        for row in part.rows(asked)
        if row.stage != Stage.OVER and row.address not in told
    ]
    rows = [*_staged(found, Stage.RUNNING, now), *_staged(found, Stage.COMING, now)]
    context = {
        "group": group,
        "running": running,
        "rows": rows[:SHOWN_OF_GROUP],
        "more": len(rows) - SHOWN_OF_GROUP,
        "parts": [part for part in all_parts() if part.rows],
        "questions": Question.objects.visible_to(user).open().filter(group=group).count(),
        "back": reverse("groups:detail", args=[pk]),
    }
    return render(request, "console/campaigns/rituals/of_group.html", context)


def _staged(found: list[tuple[Part, Row]], stage: Stage, now: datetime) -> list[tuple[Part, Row]]:
    """Those of one stage: what ends, or begins, first; of what is over the latest."""

    def by(item: tuple[Part, Row]) -> datetime:
        row = item[1]
        # What has no end runs on: it comes last among what is running.
        at = row.starts_at if stage is Stage.COMING else row.ends_at
        return at or datetime.max.replace(tzinfo=now.tzinfo)

    return sorted((item for item in found if item[1].stage == stage), key=by, reverse=stage is Stage.OVER)


def _groups(request: StaffRequest) -> Listing[Group]:
    """The groups that the page is about: its filters narrow these, and the parts look among them."""

    def all_groups(groups: QuerySet[Group], _value: str) -> QuerySet[Group]:
        return groups

    filters: list[Filter[Group]] = [
        Filter(
            "kind",
            gettext_lazy("Kind"),
            [(part.slug, part.label) for part in all_parts() if part.rows],
            all_groups,
        ),
        Filter(
            "group",
            gettext_lazy("Group"),
            group_choices(request.user, request.GET.get("group", "")),
            lambda groups, value: groups.filter(pk=value),
        ),
    ]
    if request.user.is_headquarters:
        branches = [(str(pk), name) for pk, name in Branch.objects.values_list("pk", "name")]
        filters.append(
            Filter("branch", gettext_lazy("Branch"), branches, lambda groups, value: groups.filter(branch_id=value))
        )
    return Listing(
        request,
        Group.objects.visible_to(request.user),
        columns=[Column("name", gettext_lazy("Group"), order="name")],
        sort="name",
        filters=filters,
        id="rituals",
    )
