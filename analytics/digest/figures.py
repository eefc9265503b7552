"""A person's week: what the overview says of the seven days before, so that letter and page agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.http import QueryDict

from accounts.models import User
from analytics.health.days import ONE, Days, zone
from analytics.overview.forms import OverviewForm
from analytics.overview.page import Move, MoveRow, OverviewPage, overview_page
from analytics.overview.scope import Scope
from analytics.pages.parts import Text

MOST_MOVED = 3


@dataclass(frozen=True)
class Week:
    """Seven local days up to the evening before, as one person sees them. `question` opens the same in the overview."""

    days: Days
    before: Days
    groups: int
    page: OverviewPage
    question: str

    @property
    def moved(self) -> Iterator[tuple[Move, Text, list[MoveRow]]]:
        """The groups that moved most, by the figure that they moved, and what is counted of them."""
        for move in self.page.moves:
            by_group = move.lists[0]
            if rows := by_group.rows[:MOST_MOVED]:
                yield move, by_group.head, rows


def week_of(user: User, *, day: date, now: datetime) -> Week:
    """The week that ended before `day`, in so many queries however many groups there are."""
    question = f"days=7&until={day - ONE:%Y-%m-%d}"
    form = OverviewForm(QueryDict(question), user=user, now=now, zone=zone())
    assert form.is_valid(), form.errors
    scope = Scope(form.viewer, form.range, now)
    return Week(scope.days, scope.before, scope.groups.open().count(), overview_page(form, scope), question)
