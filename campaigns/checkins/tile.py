"""The way to the check-ins on the page of a group."""

from __future__ import annotations

from datetime import datetime

from django.db.models import OuterRef, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.checkins.models import CheckIn, CheckInProgramme
from campaigns.checkins.selectors import Now, programmes_of_group, stands
from members.visitors.http import Visit
from members.visitors.tiles import Text, Tile, register_tile


def register() -> None:
    register_tile("check-in", 10, tile_of)


def tile_of(visit: Visit, now: datetime) -> Tile | None:
    """The programme that calls, else the first. One query."""
    latest = CheckIn.objects.filter(programme=OuterRef("pk"), member=visit.member).exclude(state="rejected")
    programmes = list(
        programmes_of_group(visit.group, now).annotate(done_on=Subquery(latest.order_by("-day").values("day")[:1]))
    )
    if not programmes:
        return None
    states = [(programme, stands(programme, now)) for programme in programmes]
    open_now = [(programme, state) for programme, state in states if state.day is not None]
    calling = [(programme, state) for programme, state in open_now if programme.done_on != state.day]  # type: ignore[attr-defined]
    programme, state = (calling or open_now or states)[0]
    address = reverse("member:check_ins", args=[visit.group.page_token])
    return Tile(
        gettext_lazy("Check in"), address, "calendar-check", _words(programme, state, bool(calling)), bool(calling)
    )


def _words(programme: CheckInProgramme, state: Now, calls: bool) -> Text:
    if state.day is not None:
        said = _("not yet today") if calls else _("done today")
        return _("Day %(number)d · %(state)s") % {"number": state.number, "state": said}
    if state.is_over:
        return _("is over")
    return _("opens later") if state.next_opens else _("rests")
