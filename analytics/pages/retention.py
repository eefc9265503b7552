"""Do members stay?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from analytics.definitions import MEASURES, RETENTION
from analytics.forms import RetentionForm
from analytics.pages.parts import (
    SMALL_SAMPLE,
    Cell,
    Chart,
    Head,
    Table,
    number_cell,
    people_url,
    percent,
    period_cells,
    period_head,
    share_of,
)
from analytics.queries.base import Names, Source
from analytics.queries.periods import Interval, complete, millis
from analytics.queries.retention import RetentionQuery

SHADES = 10


@dataclass(frozen=True)
class RetentionPage:
    query: RetentionQuery
    chart: Chart
    table: Table
    average: list[Cell]
    definitions: list[Any]
    members: int
    has_small: bool
    has_open: bool


def retention_page(
    form: RetentionForm, source: Source, names: Names, *, zone: ZoneInfo, now: datetime
) -> RetentionPage:
    query = RetentionQuery.read(form.question(), zone=zone, now=now)
    result = query.compute(source, names, now=now)
    over = complete(query.periods, now)
    begun = [int(edge) <= millis(now) for edge in query.periods.edges[:-1]]
    rows, has_open = [], False
    for i, (first, counts) in enumerate(zip(period_cells(query.periods), result.matrix, strict=True)):
        if not begun[i]:
            continue
        size = counts[0]
        cells = [first, number_cell(size, people_url(form, "retention", cohort=i, after=0))]
        for k, count in enumerate(counts[1:], start=1):
            if not begun[i + k]:
                cells.append(Cell(None, "", css="heat"))
                continue
            has_open |= not over[i + k]
            cells.append(_heat(form, i, k, count, size, still_open=not over[i + k]))
        rows.append([*cells, *[Cell(None, "", css="heat")] * (len(result.matrix) - len(counts))])
    shares = result.averages(over)
    known = [None if share is None else round(100 * share, 1) for share in shares]
    average = [Cell(share, percent(share), css=f"heat heat-{_shade(share)}") for share in known[1:]]
    names_later = [_later(query.periods.interval, k) for k in range(1, len(known))]
    later = [Head(name, file=_("%(period)s, in percent") % {"period": name}) for name in names_later]
    chart = Chart("line", _("Average over the cohorts"), [str(k) for k in range(1, len(known))], percent=True)
    chart.add(_("Came back"), known[1:], style="area")
    sizes = [row[0] for row in result.matrix]
    return RetentionPage(
        query=query,
        chart=chart,
        table=Table(
            _("Retention"),
            [Head(period_head(query.periods.interval), number=False), Head(_("Members")), *later],
            rows,
            lead=[Cell(_("Average"), _("Average"), css=""), Cell(None, ""), *average],
        ),
        average=average,
        definitions=[RETENTION[query.mode.value], MEASURES[query.measure.value]],
        members=sum(sizes),
        has_small=any(0 < size < SMALL_SAMPLE for size in sizes),
        has_open=has_open,
    )


def _heat(form: RetentionForm, cohort: int, after: int, count: int, size: int, *, still_open: bool) -> Cell:
    share = share_of(count, size)
    css = f"heat heat-{_shade(share)}"
    if still_open:
        css += " is-open"
    if size < SMALL_SAMPLE:
        css += " is-small"
    title = _("%(count)s of %(size)s") % {"count": f"{count:,}", "size": f"{size:,}"}
    if still_open:
        title += " · " + _("this period is still running")
    url = people_url(form, "retention", cohort=cohort, after=after) if count else ""
    return Cell(share, percent(share), url, css, title)


def _later(interval: Interval, number: int) -> str:
    words = {
        Interval.DAY: _("Day %(number)d"),
        Interval.WEEK: _("Week %(number)d"),
        Interval.MONTH: _("Month %(number)d"),
    }
    return words.get(interval, _("Hour %(number)d")) % {"number": number}


def _shade(share: float | None) -> int:
    """How dark a share is drawn, from 0 to SHADES."""
    return 0 if not share else max(1, min(SHADES, round(share / 100 * SHADES)))
