"""Search over everything a person may open: groups, members, activities and the pages of the console."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from accounts.models import User
from accounts.navigation import Link, places_matching
from campaigns.activities.models import Activity
from groups.models import Group
from members.models import Member

IN_DROPDOWN = 6
ON_PAGE = 50


@dataclass(frozen=True)
class Found:
    """What was found. `more_*`: there are further ones than are shown."""

    groups: list[Group]
    members: list[Member]
    activities: list[Activity]
    places: list[Link]
    more_groups: bool
    more_members: bool
    more_activities: bool

    @property
    def nothing(self) -> bool:
        return not (self.groups or self.members or self.activities or self.places)

    @property
    def more(self) -> bool:
        return self.more_groups or self.more_members or self.more_activities


def find(user: User, text: str, limit: int) -> Found:
    """Up to `limit` of each sort: groups and members by a part of the name or external id, activities also by what is
    written about them, the latest first. Three queries."""
    if not text:
        return Found([], [], [], [], False, False, False)
    groups = list(Group.objects.visible_to(user).matching(text).only("name", "state", "member_count")[: limit + 1])
    members = list(Member.objects.visible_to(user).matching(text).only("name", "external_id")[: limit + 1])
    fitting = Activity.objects.visible_to(user).matching(text).only("title", "kind", "starts_at")
    activities = list(fitting.order_by(F("starts_at").desc(nulls_first=True), "-pk")[: limit + 1])
    return Found(
        groups[:limit],
        members[:limit],
        activities[:limit],
        places_matching(user, text),
        len(groups) > limit,
        len(members) > limit,
        len(activities) > limit,
    )


@require_GET
@staff_required
def search(request: StaffRequest) -> HttpResponse:
    """The page, or with `part` the list that drops down from the search box."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    part = "part" in request.GET
    template = "console/campaigns/search_part.html" if part else "console/campaigns/search.html"
    found = find(request.user, text, IN_DROPDOWN if part else ON_PAGE)
    return render(request, template, {"found": found, "search_text": text})
