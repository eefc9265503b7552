"""Which days are compared, and of whom: what every part of the overview is computed from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from accounts.models import User
from analytics.columns import Flags, Ints, allowed
from analytics.health.days import ONE, Days, zone
from analytics.index.source import source_of
from analytics.queries.activity import ActivityQuery
from analytics.queries.base import Names, Source
from analytics.queries.periods import millis
from analytics.sources import Selection, SqlNames, groups_seen_by, numbers_of
from groups.models import Group
from groups.querysets import GroupQuerySet
from members.models import Member, Membership
from members.querysets import MemberQuerySet, MembershipQuerySet


@dataclass(frozen=True)
class Scope:
    """`viewer` sees what is counted; `days` are compared with as many days before them."""

    viewer: User
    days: Days
    now: datetime
    names: Names = field(default_factory=SqlNames)

    @property
    def before(self) -> Days:
        return _before(self.days)

    @property
    def earlier(self) -> Days:
        return _before(self.before)

    @property
    def both(self) -> Days:
        return Days(self.before.first, self.days.last)

    @cached_property
    def source(self) -> Source:
        return source_of(Selection(self.viewer))

    @cached_property
    def open_groups(self) -> Flags:
        """A mark for each group that is run."""
        return allowed(numbers_of(self.groups.open().order_by().values_list("pk")))

    @cached_property
    def seen_groups(self) -> Flags:
        """A mark for each group that the viewer may see; none at all for headquarters, which sees all."""
        return allowed(None if self.viewer.branch_id is None else groups_seen_by(self.viewer))

    @property
    def groups(self) -> GroupQuerySet:
        return Group.objects.visible_to(self.viewer)

    @property
    def places(self) -> MembershipQuerySet:
        """Where members are and were, in groups that are run."""
        return Membership.objects.visible_to(self.viewer).in_open_groups()

    @property
    def members(self) -> MemberQuerySet:
        return Member.objects.visible_to(self.viewer)

    def activity(self, days: Days, **question: Any) -> ActivityQuery:
        asked = {
            "timezone": zone().key,
            "metric": "unique",
            "interval": "day",
            "range": {"from": days.first.isoformat(), "to": days.last.isoformat()},
            **question,
        }
        return ActivityQuery.read(asked, zone=zone(), now=self.now)

    def halves(self, **question: Any) -> ActivityQuery:
        """A question about both ranges with two periods, the range before and the range: one pass instead of two."""
        query = self.activity(self.both, **question)
        edges = np.array([millis(moment) for moment in (self.before.start, self.days.start, self.days.end)], np.int64)
        return replace(query, periods=replace(query.periods, edges=edges))

    def active(self, days: Days, kind: str = "") -> Ints:
        """The numbers of the members who did anything, or one thing, within these days."""
        query = self.activity(days, interval="month", **({"event": {"kind": kind}} if kind else {}))
        return query.people(self.source, self.names)


def _before(days: Days) -> Days:
    return Days(days.first - len(days) * ONE, days.first - ONE)
