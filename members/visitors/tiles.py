"""What the page of a group offers its members: every ritual registers its tile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from members.visitors.http import Visit

Text = str | Promise


@dataclass(frozen=True)
class Tile:
    """A way into a page for members: `state` is what a glance should tell ("Day 12 · not yet today"), `is_calling`
    says that something waits for the member."""

    label: Text
    address: str
    icon: str
    state: Text = ""
    is_calling: bool = False


Maker = Callable[[Visit, datetime], Tile | None]
_MAKERS: dict[str, tuple[int, Maker]] = {}


def register_tile(name: str, order: int, maker: Maker) -> None:
    """`maker` says what the tile shows to a visitor, or that there is none. At most two queries."""
    _MAKERS[name] = (order, maker)


def tiles_of(visit: Visit, now: datetime) -> list[Tile]:
    """The tiles of a group's page for one member, in their order."""
    makers = [maker for _order, maker in sorted(_MAKERS.values(), key=lambda entry: entry[0])]
    return [tile for maker in makers if (tile := maker(visit, now)) is not None]


def data_tile(visit: Visit, now: datetime) -> Tile:
    """To what is kept about the visitor; no query."""
    return Tile(_("My data"), reverse("member:data"), "shield-lock")
