"""Search over everything a person may open: groups, members and the pages of the console."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from accounts.models import User
from accounts.navigation import Link, places_matching
from groups.models import Group
from members.models import Member

IN_DROPDOWN = 6
ON_PAGE = 50


@dataclass(frozen=True)
class Found:
    """What was found. `more_*`: there are further ones than are shown."""

    groups: list[Group]
    members: list[Member]
    places: list[Link]
    more_groups: bool
    more_members: bool

    @property
    def nothing(self) -> bool:
        return not (self.groups or self.members or self.places)


def find(user: User, text: str, limit: int) -> Found:
    """Up to `limit` of each sort; groups and members by a part of the name or external id. Two queries."""
    if not text:
        return Found([], [], [], False, False)
    groups = list(Group.objects.visible_to(user).matching(text).only("name", "state", "member_count")[: limit + 1])
    members = list(Member.objects.visible_to(user).matching(text).only("name", "external_id")[: limit + 1])
    places = places_matching(user, text)
    return Found(groups[:limit], members[:limit], places, len(groups) > limit, len(members) > limit)


@require_GET
@staff_required
def search(request: StaffRequest) -> HttpResponse:
    """The page, or with `part` the list that drops down from the search box."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    part = "part" in request.GET
    template = "console/campaigns/search_part.html" if part else "console/campaigns/search.html"
    found = find(request.user, text, IN_DROPDOWN if part else ON_PAGE)
    return render(request, template, {"found": found, "search_text": text})
