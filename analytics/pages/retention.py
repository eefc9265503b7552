"""Do members stay?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.translation import gettext as _

from analytics.definitions import MEASURES, MEMBERSHIP, RETENTION
from analytics.forms import BREAKDOWNS, RetentionForm
from analytics.pages.membership_retention import Stayed
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
from analytics.queries.activity import ActivityQuery
from analytics.queries.base import Names, Source
from analytics.queries.periods import Interval, Periods, complete, millis
from analytics.queries.retention import RetentionQuery
from analytics.sources import value_labels

SHADES = 10
MOST_CURVES = 6


@dataclass(frozen=True)
class RetentionPage:
    chart: Chart
    table: Table
    average: list[Cell]
    definitions: list[Any]
    members: int
    has_small: bool
    has_open: bool
    is_membership: bool
    curves: Chart | None = None
    curves_table: Table | None = None
    left_out: int = 0
    narrowed: str = ""


@dataclass(frozen=True)
class Cohorts:
    """What either kind of retention counted: a triangle for all, or for each value of the breakdown."""

    periods: Periods
    matrix: list[list[int]]
    by_value: dict[str, list[list[int]]]
    left_out: int


def retention_page(
    form: RetentionForm, source: Source, names: Names, *, zone: ZoneInfo, now: datetime
) -> RetentionPage:
    query = RetentionQuery.read(form.question(), zone=zone, now=now)
    is_membership = form.cleaned_data["what"] == "membership"
    found = _stayed(form, query) if is_membership else _came_back(form, query, source, names, zone, now)
    periods, matrix = found.periods, found.matrix
    over = complete(periods, now)
    begun = [int(edge) <= millis(now) for edge in periods.edges[:-1]]
    rows, has_open = [], False
    for i, (first, counts) in enumerate(zip(period_cells(periods), matrix, strict=True)):
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
        rows.append([*cells, *[Cell(None, "", css="heat")] * (len(matrix) - len(counts))])
    known = _average(matrix, over)
    average = [Cell(share, percent(share), css=f"heat heat-{_shade(share)}") for share in known[1:]]
    names_later = [_later(periods.interval, k) for k in range(1, len(known))]
    later = [Head(name, file=_("%(period)s, in percent") % {"period": name}) for name in names_later]
    marks = [str(k) for k in range(1, len(known))]
    chart = Chart("line", _("Average over the cohorts"), marks, percent=True)
    chart.add(_("Still there") if is_membership else _("Came back"), known[1:], style="area")
    sizes = [row[0] for row in matrix]
    curves, curves_table = _curves(form, found, over, marks, later) if found.by_value else (None, None)
    narrowed = form.narrowed_to
    return RetentionPage(
        chart=chart,
        table=Table(
            _("Retention"),
            [Head(period_head(periods.interval), number=False), Head(_("Members")), *later],
            rows,
            lead=[Cell(_("Average"), _("Average"), css=""), Cell(None, ""), *average],
        ),
        average=average,
        definitions=[MEMBERSHIP] if is_membership else [RETENTION[query.mode.value], MEASURES[query.measure.value]],
        members=sum(sizes),
        has_small=any(0 < size < SMALL_SAMPLE for size in sizes),
        has_open=has_open,
        is_membership=is_membership,
        curves=curves,
        curves_table=curves_table,
        left_out=found.left_out,
        narrowed="" if narrowed is None else value_labels(form.cleaned_data["by"], [narrowed])[narrowed],
    )


def _came_back(
    form: RetentionForm, query: RetentionQuery, source: Source, names: Names, zone: ZoneInfo, now: datetime
) -> Cohorts:
    by_value, left_out = {}, 0
    if form.cleaned_data["by"] and form.narrowed_to is None:
        largest, left_out = _largest(form, query, source, names, zone, now)
        for value in largest:
            asked = RetentionQuery.read(form.question(start_event=form.start_event(value)), zone=zone, now=now)
            by_value[value] = asked.compute(source, names, now=now).matrix
    return Cohorts(query.periods, query.compute(source, names, now=now).matrix, by_value, left_out)


def _largest(
    form: RetentionForm, query: RetentionQuery, source: Source, names: Names, zone: ZoneInfo, now: datetime
) -> tuple[list[str], int]:
    """The values with the most members who did what begins a cohort, and how many others there are."""
    span = query.periods.range
    question = {
        **form.common(),
        "metric": "unique",
        "interval": "month",
        "range": span.as_dict(zone),
        "event": form.start_event(None),
        "breakdown": {"by": form.cleaned_data["by"]},
    }
    result = ActivityQuery.read(question, zone=zone, now=now).compute(source, names, now=now)
    sizes = {value: figures["overall"] for value, figures in (result.breakdown or {}).items()}
    largest = sorted(sizes, key=lambda value: (-sizes[value], value))
    return largest[:MOST_CURVES], max(0, len(largest) - MOST_CURVES)


def _stayed(form: RetentionForm, query: RetentionQuery) -> Cohorts:
    stayed = Stayed(form, query.periods)
    shown: dict[str, list[list[int]]] = {}
    left_out = 0
    if form.cleaned_data["by"] and form.narrowed_to is None:
        shown, left_out = stayed.by_value(MOST_CURVES)
    return Cohorts(query.periods, stayed.matrix(), shown, left_out)


def _average(matrix: list[list[int]], over: list[bool]) -> list[float | None]:
    """Of the members of all cohorts for which a period is over: the share, in percent."""
    shares = []
    for k in range(len(matrix)):
        rows = [row for i, row in enumerate(matrix) if k < len(row) and over[i + k]]
        shares.append(share_of(sum(row[k] for row in rows), sum(row[0] for row in rows)))
    return shares


def _curves(
    form: RetentionForm, found: Cohorts, over: list[bool], marks: list[str], later: list[Head]
) -> tuple[Chart, Table]:
    by = form.cleaned_data["by"]
    labels = value_labels(by, list(found.by_value))
    chart = Chart("line", _("Average by breakdown"), marks, percent=True)
    rows = []
    for value, matrix in found.by_value.items():
        known, size = _average(matrix, over), sum(row[0] for row in matrix)
        chart.add(labels[value], known[1:])
        url = f"{reverse('analytics:retention')}?{form.address(only=f'={value}')}"
        rows.append(
            [
                Cell(labels[value], labels[value], css="", name=bool(value)),
                Cell(size, f"{size:,}", url),
                *(Cell(share, percent(share), css=f"heat heat-{_shade(share)}") for share in known[1:]),
            ]
        )
    heads = [Head(dict(BREAKDOWNS)[by], number=False), Head(_("Members")), *later]
    return chart, Table(_("Breakdown"), heads, rows)


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
