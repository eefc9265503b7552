"""The pieces that every report is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from analytics.forms import ReportForm
from analytics.queries.periods import Interval, Periods, local

Text = str | Promise
RUNNING = gettext_lazy("Dotted: the period is still running, or lies in the range only in part.")
SMALL_SAMPLE = 30
MOST_SERIES = 10
DASH = "–"


@dataclass(frozen=True)
class Cell:
    """`value` goes into files, `text` onto the page; `url` leads to the members behind it. `name`: data, not words."""

    value: object
    text: str
    url: str = ""
    css: str = "num"
    title: str = ""
    name: bool = False


@dataclass(frozen=True)
class Head:
    """`file` heads the column in files, where its numbers need their unit."""

    label: Text
    number: bool = True
    name: bool = False
    file: Text = ""


@dataclass(frozen=True)
class Table:
    """`lead`: a row about all of them, before the others."""

    caption: Text
    heads: Sequence[Head]
    rows: Sequence[Sequence[Cell]]
    newest_first: bool = False
    lead: Sequence[Cell] = ()

    @property
    def shown(self) -> Iterable[Sequence[Cell]]:
        return reversed(self.rows) if self.newest_first else self.rows

    @property
    def paper(self) -> str:
        """The class of a table that goes across the paper, and that of one that fits only in small letters."""
        columns = len(self.heads)
        return " is-wide is-wider" if columns > 16 else " is-wide" if columns > 8 else ""

    def file_heads(self) -> list[Text]:
        return [head.file or head.label for head in self.heads]

    def values(self) -> Iterable[list[object]]:
        """The rows of a file: those of the page, in its order."""
        rows = [self.lead, *self.shown] if self.lead else self.shown
        return ([cell.value for cell in row] for row in rows)


@dataclass(frozen=True)
class Figure:
    """A key figure. `before` is the same of the range before; None where that says nothing."""

    label: Text
    value: int
    definition: Text
    url: str = ""
    before: int | None = None


@dataclass
class Chart:
    """What static/js/charts.js draws. `kind`: line, bar, stack (bars on one another, below zero too), steps or heat.

    `steps` are the shades of a heat map: from which value on, and what its key says. `open` marks labels whose numbers
    are not complete, and `note` says so.
    """

    kind: str
    label: str
    labels: list[str]
    series: list[dict[str, Any]] = field(default_factory=list)
    percent: bool = False
    steps: list[tuple[float, str]] = field(default_factory=list)
    open: list[bool] = field(default_factory=list)
    note: Text = ""

    def leave_open(self, complete: Sequence[bool], note: Text) -> None:
        """Sets apart what is not complete, as it would look like a fall."""
        self.open = [not is_known for is_known in complete]
        self.note = note if any(self.open) else ""

    def add(
        self, name: Text, data: Sequence[float | None], links: Sequence[str] = (), *, style: str = "", colour: int = -1
    ) -> None:
        self.series.append(
            {"name": str(name), "data": list(data), "links": list(links), "style": style, "colour": colour}
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "label": self.label,
            "labels": self.labels,
            "series": self.series,
            "percent": self.percent,
            "steps": self.steps,
            "open": self.open,
            "note": str(self.note),
        }


def people_url(form: ReportForm, report: str, **pointer: Any) -> str:
    return f"{form.people_page}?{form.address(report=report, **pointer)}"


def number_cell(value: int, url: str = "") -> Cell:
    return Cell(value, f"{value:,}", url if value else "")


def share_of(part: int, whole: int) -> float | None:
    """In percent, to a tenth; of nothing there is no share."""
    return round(100 * part / whole, 1) if whole else None


def percent(value: float | None) -> str:
    return DASH if value is None else f"{value:.1f}%"


def period_head(interval: Interval) -> str:
    return {
        Interval.HOUR: _("Hour"),
        Interval.DAY: _("Day"),
        Interval.WEEK: _("Week from"),
        Interval.MONTH: _("Month"),
    }[interval]


def period_names(periods: Periods) -> list[str]:
    """Each period as people say it."""
    return [period_name(local(int(edge), periods.zone), periods.interval) for edge in _starts(periods)]


def period_cells(periods: Periods, complete: Sequence[bool] = ()) -> list[Cell]:
    """The first cells of rows by period: as people say it on the page, as a date, or a time for hours, in files."""
    starts = [local(int(edge), periods.zone) for edge in _starts(periods)]
    hourly, names = periods.interval is Interval.HOUR, period_names(periods)
    for number, is_known in enumerate(complete):
        if not is_known:
            names[number] = _("%(period)s (not complete)") % {"period": names[number]}
    return [Cell(start if hourly else start.date(), name, css="") for start, name in zip(starts, names, strict=True)]


def period_name(start: datetime, interval: Interval) -> str:
    if interval is Interval.MONTH:
        return formats.date_format(start, "YEAR_MONTH_FORMAT")
    day = formats.date_format(start, pgettext("date format", "j M Y"))
    return f"{day} {start:%H:%M}" if interval is Interval.HOUR else day


def period_marks(periods: Periods) -> list[str]:
    """Each period as short as an axis needs it, the same in every language."""
    style = {Interval.HOUR: "%m-%d %H:%M", Interval.MONTH: "%Y-%m"}.get(periods.interval, "%m-%d")
    starts = [local(int(edge), periods.zone) for edge in _starts(periods)]
    if style == "%m-%d" and starts and starts[0].year != starts[-1].year:
        style = "%Y-%m-%d"
    return [f"{start:{style}}" for start in starts]


def _starts(periods: Periods) -> Any:
    return periods.edges[periods.before : -1]


def zone_words(zone: ZoneInfo, now: datetime) -> str:
    offset = now.astimezone(zone).strftime("%z")
    return f"{zone.key} (UTC{offset[:3]}:{offset[3:]})"
