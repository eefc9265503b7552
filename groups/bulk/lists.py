"""Lists whose rows can be chosen: what the pages of bulk work need to know of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from accounts.access import StaffRequest
from community_ops.lib.lists import Column, Listing


@dataclass(frozen=True)
class Selectable:
    list_url: str
    listing: Callable[[StaffRequest], Listing[Any]]
    detail_url: str


_LISTS: dict[str, Selectable] = {}


def selectable(subject: str, list_url: str, listing: Callable[[StaffRequest], Listing[Any]], detail_url: str) -> None:
    """Names the list in which a subject is chosen, and the page (by its pk) of one row."""
    _LISTS[subject] = Selectable(list_url, listing, detail_url)


def selectable_named(subject: str) -> Selectable | None:
    return _LISTS.get(subject)


def select_column() -> Column[Any]:
    """The first column of a list whose rows can be chosen."""
    return Column("select", _("Select"))


def all_matching(request: StaffRequest, place: Selectable, query: str) -> QuerySet[Any]:
    """Every row that the list shows, over all pages, when its address ends in `query`."""
    asked = copy.copy(request)
    asked.GET = QueryDict(query)
    return place.listing(asked).queryset
