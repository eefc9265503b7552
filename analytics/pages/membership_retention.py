"""Who is still there: the members of each cohort who had not left yet, counted from memberships.

A member's cohort is the period of the first joining of any group that the question is about, and they are gone when
they have left the last of these. The database puts members into cohorts and counts them; one query, whatever their
number.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Case, IntegerField, Max, Min, QuerySet, Value, When
from django.db.models.functions import Coalesce

from analytics.columns import Ints
from analytics.forms import RetentionForm
from analytics.health.counting import GONE
from analytics.queries.periods import Periods, local
from analytics.sources import GROUP_FIELDS, numbers_of, with_ids
from members.models import Membership

NEVER = datetime(9000, 1, 1, tzinfo=UTC)
Matrix = list[list[int]]


@dataclass(frozen=True)
class Stayed:
    """Members of `form`'s groups by the periods in which they came and went."""

    form: RetentionForm
    periods: Periods

    def matrix(self) -> Matrix:
        """Row i is the cohort of period i: its size, then who was still there at the end of 1, 2, ... periods later."""
        return self._counted("").get("", self._triangle({}))

    def by_value(self) -> dict[str, Matrix]:
        """The same for each value of the breakdown; who is in groups of two branches counts in both."""
        return self._counted(GROUP_FIELDS[self.form.cleaned_data["by"]])

    def people(self, cohort: int, after: int) -> Ints:
        rows = self._members("").filter(cohort=cohort)
        if after:
            rows = rows.filter(gone__gt=cohort + after)
        return numbers_of(rows.values_list("member"))

    def _places(self) -> QuerySet[Membership]:
        selection, asked = self.form.selection(), self.form.cleaned_data
        places: QuerySet[Any] = Membership.objects.visible_to(selection.user)
        if selection.group_ids is not None:
            places = with_ids(places, selection.group_ids, "group_id")
        if selection.member_ids is not None:
            places = with_ids(places, selection.member_ids, "member_id")
        if asked["branch"]:
            places = places.filter(group__branch__code=asked["branch"])
        if (value := self.form.narrowed_to) is not None:
            places = _having(places, GROUP_FIELDS[asked["by"]], value)
        return places

    def _members(self, value: str) -> Any:
        """A row for each member (and value) with the numbers of the periods in which they came and went; one who is
        still there went in the period after the last."""
        edges = [local(int(edge), self.periods.zone) for edge in self.periods.edges]
        columns = {"value": Coalesce(f"group__{value}", Value(""))} if value else {}
        # Whoever came first in these periods came in them at all, by an index: most others need not be looked at.
        came = self._places().filter(joined_at__gte=edges[0], joined_at__lt=edges[-1]).order_by().values("member")
        rows: QuerySet[Any] = self._places().filter(member__in=came).order_by().values("member", **columns)
        rows = rows.annotate(
            first=Min("joined_at"), last=Max(Case(When(GONE, then="left_at"), default=Value(NEVER)))
        ).filter(first__gte=edges[0], first__lt=edges[-1])
        return rows.annotate(cohort=_period("first", edges), gone=_period("last", edges))

    def _counted(self, value: str) -> dict[str, Matrix]:
        sql, params = self._members(value).query.sql_with_params()
        of = "value, cohort, gone" if value else "cohort, gone"
        statement = f"SELECT {of}, COUNT(*) FROM ({sql}) AS members GROUP BY {of}"  # noqa: S608  the ORM wrote it
        found: dict[str, dict[tuple[int, int], int]] = defaultdict(dict)
        with connection.cursor() as cursor:
            cursor.execute(statement, params)
            for *name, cohort, gone, count in cursor.fetchall():
                found["".join(name)][cohort, gone] = count
        return {name: self._triangle(counts) for name, counts in found.items()}

    def _triangle(self, counts: dict[tuple[int, int], int]) -> Matrix:
        size = len(self.periods)
        went = np.zeros((size, size + 1), np.int64)
        for (cohort, gone), count in counts.items():
            went[cohort, gone] += count
        return [
            [int(went[i].sum()), *(int(went[i, i + k + 1 :].sum()) for k in range(1, size - i))] for i in range(size)
        ]


def _period(name: str, edges: list[datetime]) -> Case:
    """The number of the period in which an instant lies."""
    cases = [When(**{f"{name}__lt": edge}, then=Value(number)) for number, edge in enumerate(edges[1:])]
    return Case(*cases, default=Value(len(edges) - 1), output_field=IntegerField())


def _having(places: QuerySet[Any], field: str, value: str) -> Any:
    return places.alias(of=Coalesce(f"group__{field}", Value(""))).filter(of=value)
