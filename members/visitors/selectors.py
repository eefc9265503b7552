"""Who of a group can open the pages of members, and how."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from groups.models import Group
from members.models import EntryLink, MemberSession, Membership


def with_ways_in(memberships: QuerySet[Membership], group: Group, now: datetime) -> QuerySet[Any]:
    """Memberships with `link_id`, `link_until`, `link_uses` and `link_limit` of the newest link that leads to `group`
    and still signs in, and with the number of signed-in `devices`."""
    links = EntryLink.objects.usable(now).filter(member=OuterRef("member"), group=group).order_by("-pk")
    sessions = MemberSession.objects.live(now).filter(member=OuterRef("member")).order_by().values("member")
    return memberships.annotate(
        link_id=Subquery(links.values("pk")[:1]),
        link_until=Subquery(links.values("expires_at")[:1]),
        link_uses=Subquery(links.values("uses")[:1]),
        link_limit=Subquery(links.values("limit")[:1]),
        devices=Coalesce(
            Subquery(sessions.annotate(count=Count("pk")).values("count"), output_field=IntegerField()), Value(0)
        ),
    )
