"""The way into brainstorms on the page of a group."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.brainstorms.selectors import current_of
from members.visitors.http import Visit
from members.visitors.tiles import Tile


def tile(visit: Visit, now: datetime) -> Tile | None:
    """While a session is open, or comes today. Two queries."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    session = current_of(visit.group, now, midnight)
    if session is None:
        return None
    address = reverse("member:brainstorm", args=[visit.group.page_token, session.pk])
    if session.opens_at > now:
        clock = f"{timezone.localtime(session.opens_at):%H:%M}"
        return Tile(_("Brainstorm"), address, "bulb", _("today at %(clock)s") % {"clock": clock})
    has_answered = session.answers.filter(member=visit.member).exists()
    until = _("open until %(clock)s") % {"clock": f"{timezone.localtime(session.closes_at):%H:%M}"}
    state = _("You took part") if has_answered else until
    return Tile(_("Brainstorm"), address, "bulb", state, is_calling=not has_answered)
