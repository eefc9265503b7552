"""The way into feedback on the page of a group."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from members.feedback.models import NeedAsk, NeedReceipt
from members.visitors.http import Visit
from members.visitors.tiles import Tile


def tile(visit: Visit, _now: datetime) -> Tile:
    """Always there; it calls while there is a reply that was not seen. One query."""
    asked = NeedAsk.objects.filter(member=visit.member, group=visit.group)
    receipts = NeedReceipt.objects.filter(member=visit.member, seen_at=None)
    new = receipts.filter(reply__need__in=asked.values("need")).count()
    state = ngettext("%(number)d new reply", "%(number)d new replies", new) % {"number": new} if new else ""
    address = reverse("member:feedback", args=[visit.group.page_token])
    return Tile(_("What I need"), address, "message-2", state, is_calling=bool(new))
