"""The members behind each figure of a channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from analytics.channels.figures import NO_CHANNEL
from analytics.channels.scope import Cohorts, Scope
from analytics.health.days import Days
from members.models import Member


@dataclass(frozen=True)
class Group:
    """Whom a figure counts. `rows` gives rows with a `member_id`, `by` names the column of their channel."""

    label: Promise
    rows: Callable[[Cohorts], QuerySet[Any]]
    by: str = "touch"


FIGURES: dict[str, Group] = {
    "clicked": Group(_("Clicked a link before being in a group"), lambda of: of.clicks(), "channel_id"),
    "not_joined": Group(
        _("Clicked a link and did not join"), lambda of: of.clicks().exclude(member_id__in=_came(of)), "channel_id"
    ),
    "joined": Group(_("Joined"), lambda of: of.rows()),
    "friends": Group(_("Joined and became a friend of the staff"), lambda of: of.steps().filter(friend=True)),
    "not_friends": Group(
        _("Joined and did not become a friend of the staff"), lambda of: of.steps().filter(friend=False)
    ),
    "buyers": Group(_("Joined and ordered"), lambda of: of.steps().filter(buyer=True)),
    "not_buyers": Group(
        _("Became a friend of the staff and did not order"),
        lambda of: of.steps().filter(friend=True, buyer=False),
    ),
}


def _came(cohorts: Cohorts) -> QuerySet[Any]:
    return cohorts.clicks().filter(came=True).values("member_id")


def members_behind(scope: Scope, days: Days, *, figure: str, channel: int | None, now: datetime) -> QuerySet[Member]:
    """`channel` None asks for all of them together."""
    group = FIGURES[figure]
    rows = group.rows(Cohorts(scope, days, now))
    if channel is not None:
        rows = rows.filter(**{f"{group.by}__isnull": True} if channel == NO_CHANNEL else {group.by: channel})
    return scope.members().filter(pk__in=rows.values("member_id"))
