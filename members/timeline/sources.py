"""Where the entries of a timeline come from. A part of the product adds its own when it starts, as

register(
    Source(
        slug="notes",
        label=_("Notes"),
        icon="pencil",
        rows=lambda member, user: Note.objects.visible_to(user).filter(member=member).select_related("by"),
        line=lambda note: Line(_("Note"), detail=note.text, by=str(note.by or "")),
    )
)

`rows` is narrowed to what `user` may see and brings along what `line` needs, so that a page of the timeline takes one
query for each source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise

from accounts.models import User
from groups.models import Group
from members.models import Member

Text = str | Promise


@dataclass(frozen=True)
class Line:
    """An entry as people read it. `text` is ours; `name`, `detail` and `by` are data and never translated."""

    text: Text
    name: str = ""
    group: Group | None = None
    detail: str = ""
    by: str = ""
    tag: str = ""
    own_text: bool = True


@dataclass(frozen=True)
class Source:
    """A sort of entries. `at` is the column of their time."""

    slug: str
    label: Text
    icon: str
    rows: Callable[[Member, User], QuerySet[Any]]
    line: Callable[[Any], Line]
    at: str = "at"


_SOURCES: dict[str, Source] = {}


def register(source: Source) -> None:
    _SOURCES[source.slug] = source


def all_sources() -> list[Source]:
    return list(_SOURCES.values())
