"""The parts of the page "Rituals". Each registers itself when it starts, as

register_part(
    Part(
        slug="activities",
        label=_("Activities"),
        icon="ticket",
        order=30,
        list_name="campaigns:activities",
        begin_name="campaigns:activity_new",
        begin_label=_("Announce an activity"),
        about=_("Lectures, live courses and meetings that members sign up for."),
        rows=activity_rows,
    )
)

The lists of the parts are reached by tabs on that page, and carry the same tabs: `{% ritual_tabs "activities" %}` in
their block `tabs` (campaigns/templatetags/rituals.py). Their addresses begin with `rituals/`, so that the menu knows
where one is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import pgettext_lazy

from accounts.models import User
from community_ops.lib.lists import Text
from groups.models import Group

AHEAD = timedelta(days=14)
BACK = timedelta(days=14)
# So many of each part and stage at most; the part's own list has them all.
SHOWN = 50


class Stage(models.TextChoices):
    RUNNING = "running", pgettext_lazy("ritual", "Running")
    COMING = "coming", pgettext_lazy("ritual", "Coming")
    OVER = "over", pgettext_lazy("ritual", "Over")


@dataclass(frozen=True)
class Asked:
    """What the page asks a part for: what `user` may see in `groups`, seen from `now`.

    `groups` holds what the person may see, narrowed by the filters of the page: take rows that concern one of them.
    """

    user: User
    now: datetime
    groups: models.QuerySet[Group]

    @property
    def since(self) -> datetime:
        """What ended before this is no result any more."""
        return self.now - BACK

    @property
    def until(self) -> datetime:
        """What begins later than this is not shown yet."""
        return self.now + AHEAD


@dataclass(frozen=True)
class Row:
    """One ritual on the page. `state` says more than its stage where there is more ("Full"); `figure` is what one wants
    to know of it ("18 of 20 places")."""

    title: str
    stage: Stage
    groups: Sequence[str]
    address: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    figure: Text = ""
    state: Text = ""
    kind: Text = ""


@dataclass(frozen=True)
class Part:
    """`list_name` and `begin_name` are URL names. `rows` costs a constant number of queries, and gives at most SHOWN
    rows of each stage; without it, the part is a tab only."""

    slug: str
    label: Text
    icon: str
    order: int
    list_name: str
    begin_name: str = ""
    begin_label: Text = ""
    about: Text = ""
    rows: Callable[[Asked], Sequence[Row]] | None = None


_PARTS: dict[str, Part] = {}


def register_part(part: Part) -> None:
    _PARTS[part.slug] = part


def all_parts() -> list[Part]:
    return sorted(_PARTS.values(), key=lambda part: part.order)
