"""Does the community grow by itself: who is new, stays, comes back and goes quiet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from analytics.definitions import LIFECYCLE, METRICS
from analytics.forms import RangeForm
from analytics.habits.forms import LifecycleForm
from analytics.pages.activity import whole_range
from analytics.pages.parts import (
    Cell,
    Chart,
    Figure,
    Head,
    Table,
    number_cell,
    people_url,
    period_cells,
    period_head,
    period_marks,
)
from analytics.queries.activity import ActivityQuery
from analytics.queries.base import Names, Source
from analytics.queries.periods import complete, local, midnight
from analytics.queries.together import computed

# In the colours of one palette, by index: calm for what stays, warm for what is lost.
STATES: tuple[tuple[str, str | Promise, int], ...] = (
    ("new", pgettext_lazy("lifecycle", "New"), 0),
    ("returning", gettext_lazy("Returning"), 1),
    ("resurrecting", gettext_lazy("Came back"), 2),
    ("dormant", gettext_lazy("Gone quiet"), 3),
)
NET_COLOUR = 9


@dataclass(frozen=True)
class LifecyclePage:
    figures: list[Figure]
    net: int
    net_before: int | None
    chart: Chart
    table: Table
    definitions: list[Any]
    active: int

    @property
    def is_empty(self) -> bool:
        return not any(any(series["data"]) for series in self.chart.series)


def lifecycle_page(
    form: LifecycleForm, source: Source, names: Names, *, zone: ZoneInfo, now: datetime
) -> LifecyclePage:
    """Raises BadQuery, when the range holds too many periods."""
    query = ActivityQuery.read(form.question(), zone=zone, now=now)
    # The range before is itself compared with the one before it: there have to be events of that as well.
    ranges = (0, 1) if reaches_back(form, 2) else (0,)
    asked = [query, *(whole_of(form, back, zone, now) for back in ranges)]
    states, whole, *before = (result.all for result in computed(asked, source, names, now=now))
    earlier = before[0] if before else None
    figures = [
        Figure(
            label,
            abs(whole[state][0]),
            LIFECYCLE[state],
            people_url(form, "lifecycle", figure=state),
            abs(earlier[state][0]) if earlier else None,
        )
        for state, label, _colour in STATES
    ]
    chart, table = _course(form, query, states, now)
    active = sum(whole[state][0] for state, _label, _colour in STATES[:3])
    definitions = [METRICS["lifecycle"], LIFECYCLE["net"]]
    return LifecyclePage(
        figures, net(whole)[0], net(earlier)[0] if earlier else None, chart, table, definitions, active
    )


def net(states: dict[str, list[int]]) -> list[int]:
    """By how many members the active community grew, period by period."""
    columns = (states["new"], states["resurrecting"], states["dormant"])
    return [sum(counts) for counts in zip(*columns, strict=True)]


def days_back(form: RangeForm, ranges: int) -> tuple[date, date]:
    """The days of the form, so many ranges earlier."""
    first, last = form.days
    back = timedelta(days=form.length * ranges)
    return first - back, last - back


def whole_of(form: LifecycleForm, ranges: int, zone: ZoneInfo, now: datetime) -> ActivityQuery:
    """The lifecycle of a whole range, so many ranges earlier, taken as one period against the range before it."""

    def asked(back: int) -> ActivityQuery:
        first, last = days_back(form, back)
        days = {"from": first.isoformat(), "to": last.isoformat()}
        return ActivityQuery.read(form.question(metric="unique", interval="month", range=days), zone=zone, now=now)

    return whole_range(asked(ranges), asked(ranges + 1))


def reaches_back(form: RangeForm, ranges: int) -> bool:
    """Whether there were events when the range so many ranges earlier began: against half a range all is growth."""
    day_after = midnight(days_back(form, ranges)[0] + timedelta(days=1), form.zone)
    # Not by the first event of all: to find that of a branch, a database reads all that it has.
    return form.selection().events().filter(at__lt=local(day_after, form.zone)).exists()


def _course(
    form: LifecycleForm, query: ActivityQuery, states: dict[str, list[int]], now: datetime
) -> tuple[Chart, Table]:
    periods = query.periods
    known = complete(periods, now)
    chart = Chart("stack", _("Lifecycle"), period_marks(periods))
    chart.leave_open(known, _("Pale: the period is still running. Who still does something in it has not gone quiet."))
    columns = []
    for state, label, colour in STATES:
        links = [people_url(form, "lifecycle", period=i, state=state) for i in range(len(periods))]
        chart.add(label, states[state], links, colour=colour)
        columns.append([number_cell(abs(count), url) for count, url in zip(states[state], links, strict=True)])
    growth = net(states)
    chart.add(_("Net growth"), growth, style="line", colour=NET_COLOUR)
    columns.append([Cell(count, f"{count:+,}".replace("-", "−")) for count in growth])
    rows = list(zip(period_cells(periods, known), *columns, strict=True))
    heads = [
        Head(period_head(periods.interval), number=False),
        *(Head(label) for _state, label, _colour in STATES),
        Head(_("Net growth")),
    ]
    return chart, Table(_("Lifecycle"), heads, rows, newest_first=True)
