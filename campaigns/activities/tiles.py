"""The tile of activities on the page of a group."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import OuterRef, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.activities.models import Activity, Decided, SignUp, SignUpState
from community_ops.templatetags.ui import words_for
from members.visitors.http import Visit
from members.visitors.tiles import Tile, register_tile

ORDER = 40
# What a member goes to calls for them from so long before.
NEAR = timedelta(hours=24)


def activities_tile(visit: Visit, now: datetime) -> Tile | None:
    """What comes next in the group: what the member goes to, else what they could. One query."""
    mine = SignUp.objects.filter(activity=OuterRef("pk"), member=visit.member)
    shown = Activity.objects.filter(groups=visit.group).announced()
    coming = shown.filter(decided=Decided.OPEN, ends_at__gt=now).annotate(mine=Subquery(mine.values("state")[:1]))
    found = list(coming.order_by("starts_at", "pk")[:10])
    page = reverse("member:activities", args=[visit.group.page_token])
    label = gettext_lazy("Activities")
    if not found:
        return Tile(label, page, "ticket") if shown.exists() else None
    going = next((row for row in found if row.mine in (SignUpState.GOING, SignUpState.ATTENDED)), None)  # type: ignore[attr-defined]
    nearest = going or found[0]
    assert nearest.starts_at
    if now >= nearest.starts_at:
        state = _("running now")
    else:
        state = words_for(timezone.localtime(nearest.starts_at), timezone.localtime(now), with_clock=True)
    is_near = going is not None and nearest.starts_at <= now + NEAR
    is_open = any(row.mine is None and row.takes_signups(now) for row in found)  # type: ignore[attr-defined]
    return Tile(label, page, "ticket", state, is_calling=is_near or is_open)


def register_tiles() -> None:
    register_tile("activities", ORDER, activities_tile)
