"""The tile of red envelopes on the page of a group."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from campaigns.envelopes.audience import first_meant
from campaigns.envelopes.models import EnvelopeRound, EnvelopeShare
from members.visitors.http import Visit
from members.visitors.tiles import Tile


def envelope_tile(visit: Visit, now: datetime) -> Tile | None:
    """The first open envelope that this member can still take from; without one, one that they took from."""
    mine = EnvelopeShare.objects.of_member(visit.member.pk).filter(round=OuterRef("pk"))
    left = EnvelopeShare.objects.free().filter(round=OuterRef("pk"))
    rounds = (
        EnvelopeRound.objects.of_group(visit.group)
        .open_at(now)
        .meant_for(visit.membership)
        .annotate(is_mine=Exists(mine), has_left=Exists(left))
        .order_by("is_mine", "opens_at", "pk")
    )
    # A segment is asked for the first one only: a tile takes two queries at most.
    found = list(rounds)
    plain = [row for row in found if row.envelope.segment_id is None]
    row = first_meant(rounds=found[:1], membership=visit.membership, now=now) or next(iter(plain), None)
    if row is None:
        return None
    is_gone = not row.has_left and row.opened_at is not None  # type: ignore[attr-defined]
    is_mine = row.is_mine  # type: ignore[attr-defined]
    state = pgettext("red envelope", "Opened") if is_mine else _("All gone") if is_gone else _("Open it now")
    return Tile(
        gettext_lazy("Red envelope"),
        reverse("member:envelope", args=[visit.group.page_token, row.pk]),
        "gift",
        state,
        is_calling=not is_mine and not is_gone,
    )
