"""The tile of points on the page of a group."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.translation import pgettext_lazy

from members.points.services import points_of
from members.visitors.http import Visit
from members.visitors.tiles import Tile


def points_tile(visit: Visit, _now: datetime) -> Tile:
    return Tile(pgettext_lazy("ledger", "Points"), reverse("member:points"), "coin", f"{points_of(visit.member):,}")
