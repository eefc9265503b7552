"""The way into proposals on the page of a group."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.translation import ngettext, pgettext

from campaigns.proposals.models import Proposal
from members.visitors.http import Visit
from members.visitors.tiles import Tile


def tile(visit: Visit, _now: datetime) -> Tile:
    """Always there, with how many are open. One query."""
    number = Proposal.objects.open().filter(group=visit.group).count()
    state = ngettext("%(number)d open", "%(number)d open", number) % {"number": number} if number else ""
    return Tile(
        pgettext("from members", "Proposals"),
        reverse("member:proposals", args=[visit.group.page_token]),
        "speakerphone",
        state,
    )
