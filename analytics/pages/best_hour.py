"""When do we post?"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.chance import Between, Shares
from analytics.columns import Ints
from analytics.definitions import BEST_HOUR, BEST_HOUR_RANGE
from analytics.hour_form import MEASURES, BestHourForm
from analytics.hours import CELLS, Question, Span, active_hours, active_people
from analytics.pages.parts import DASH, Cell, Chart, Head, Table, people_url, percent
from analytics.queries.base import Names, Source

# Below these a cell says nothing: so many posts (or, for activity, so many days), so many people worth of draws, and so
# many of them who would do it at the average.
LEAST_TRIALS, LEAST_PEOPLE, LEAST_DOING = 4, 30, 5
MOST_SAID = 6
# Below this a share would be written as 0.0% or 0.1% and look like none, or like more than it is.
LEAST_SAID = 0.1
SHADES = 5
# Of a share in files: enough to compute with.
DIGITS = 6


@dataclass(frozen=True)
class Hour:
    """One hour of one weekday. `verdict`: 1 better than the average beyond chance, -1 worse, 0 neither."""

    cell: int
    name: str
    text: str
    between: str
    url: str
    trials: str
    verdict: int = 0


@dataclass(frozen=True)
class BestHourPage:
    overall: str
    trials: int
    known: int
    better: list[Hour]
    worse: list[Hour]
    chart: Chart
    grid: Table
    table: Table
    definitions: list[Any]
    measure_label: Any
    is_activity: bool

    @property
    def is_empty(self) -> bool:
        return not self.trials


def shares_of(form: BestHourForm, source: Source, names: Names, *, zone: ZoneInfo, now: datetime) -> Shares:
    if form.cleaned_data["measure"] == "activity":
        return active_hours(form, source, names, zone=zone, now=now)
    return _question(form, names, zone, now).shares()


def hour_people(form: BestHourForm, source: Source, names: Names, cell: int, *, zone: ZoneInfo, now: datetime) -> Ints:
    if form.cleaned_data["measure"] == "activity":
        return active_people(form, source, names, cell, zone=zone, now=now)
    return _question(form, names, zone, now).people(cell)


def _question(form: BestHourForm, names: Names, zone: ZoneInfo, now: datetime) -> Question:
    asked = form.cleaned_data
    span = Span(*form.days, zone, now)
    return Question(form.selection(), asked["branch"], names, span, asked["measure"] == "conversion")


def hour_name(cell: int) -> str:
    return f"{WEEKDAYS[cell // 24]} {cell % 24:02}:00"


def best_hour_page(form: BestHourForm, source: Source, names: Names, *, zone: ZoneInfo, now: datetime) -> BestHourPage:
    measure = form.cleaned_data["measure"]
    shares = shares_of(form, source, names, zone=zone, now=now)
    enough = shares.enough(LEAST_TRIALS, LEAST_PEOPLE, LEAST_DOING)
    known = np.flatnonzero(enough).tolist()
    overall = shares.overall
    is_activity = measure == "activity"
    hours, rows = [], []
    steps = steps_of([_exact(shares.share(cell)) for cell in known])
    chart = Chart("heat", str(dict(MEASURES)[measure]), [f"{hour:02}" for hour in range(24)], percent=True)
    chart.steps = [(step, step_words(step)) for step in steps]
    grid = []
    for cell in range(CELLS):
        share, strict = shares.share(cell), shares.between(cell, len(known))
        verdict = (strict.low > overall) - (strict.high < overall) if enough[cell] else 0
        count, whole = int(shares.part[cell]), int(shares.whole[cell])
        hours.append(
            Hour(
                cell,
                hour_name(cell),
                share_text(100 * share) if enough[cell] else DASH,
                _range(shares.between(cell)),
                people_url(form, "best_hour", cell=cell) if count else "",
                _trials(int(shares.clusters[cell]), is_activity=is_activity),
                verdict,
            )
        )
        if shares.clusters[cell]:
            rows.append(_row(hours[-1], shares.clusters[cell], count, whole, shares.between(cell), bool(enough[cell])))
    for weekday in range(7):
        here = hours[weekday * 24 : weekday * 24 + 24]
        data = [_exact(shares.share(hour.cell)) if enough[hour.cell] else None for hour in here]
        chart.add(WEEKDAYS_ABBR[weekday], data, [hour.url for hour in here])
    for of_day in range(24):
        if not any(shares.clusters[day * 24 + of_day] for day in range(7)):
            continue
        line = [Cell(of_day, f"{of_day:02}:00", css="")]
        line += [_grid_cell(hours[day * 24 + of_day], shares.share(day * 24 + of_day), steps) for day in range(7)]
        grid.append(line)
    chosen = sorted(known, key=lambda cell: -shares.share(cell))
    return BestHourPage(
        overall=share_text(100 * overall) if shares.whole.sum() else DASH,
        trials=int(shares.clusters.sum()) if shares.part.sum() or not is_activity else 0,
        known=len(known),
        better=[hours[cell] for cell in chosen if hours[cell].verdict > 0][:MOST_SAID],
        worse=[hours[cell] for cell in reversed(chosen) if hours[cell].verdict < 0][:MOST_SAID],
        chart=chart,
        grid=Table(_("By hour and weekday"), [Head(_("Hour"), number=False), *map(Head, WEEKDAYS_ABBR.values())], grid),
        table=Table(_("By hour and weekday"), _heads(is_activity=is_activity), rows),
        definitions=[BEST_HOUR[measure], *BEST_HOUR_RANGE],
        measure_label=dict(MEASURES)[measure],
        is_activity=is_activity,
    )


def share_text(value: float) -> str:
    """In percent to a tenth; below that in words that neither hide a share nor enlarge it."""
    return f"<{LEAST_SAID}%" if 0 < value < LEAST_SAID else percent(value)


def _exact(share: float) -> float:
    return round(100 * share, DIGITS)


def _range(between: Between) -> str:
    least, most = share_text(100 * between.low), share_text(100 * between.high)
    return most if least == most else f"{least.removesuffix('%')}–{most}"


def steps_of(shares: Sequence[float]) -> list[float]:
    """From which share on each shade begins: as many hours in each. Between the least and the largest share in equal
    parts one busy hour would make all others look alike. Hours without any have no shade."""
    some = sorted(share for share in shares if share > 0)
    return sorted({some[len(some) * number // SHADES] for number in range(SHADES)}) if some else []


def step_words(least: float) -> str:
    """Here the small ones are told apart, too."""
    return f"≥ {least:.2g}%" if least < LEAST_SAID else f"≥ {percent(least)}"


def _trials(number: int, *, is_activity: bool) -> str:
    if is_activity:
        return ngettext("%(number)d day", "%(number)d days", number) % {"number": number}
    return ngettext("%(number)d post", "%(number)d posts", number) % {"number": number}


def _grid_cell(hour: Hour, share: float, steps: Sequence[float]) -> Cell:
    known = hour.text != DASH
    shade = 10 * bisect_right(steps, _exact(share)) // len(steps) if known and steps else 0
    mark = {1: "▲ ", -1: "▼ "}.get(hour.verdict, "")
    words = {1: _("better than the average"), -1: _("worse than the average")}.get(hour.verdict, "")
    title = " · ".join(part for part in (hour.between if known else _("not enough data"), hour.trials, words) if part)
    return Cell(share, f"{mark}{hour.text}", hour.url if known else "", f"heat heat-{shade}", title)


def _row(hour: Hour, trials: int, count: int, whole: int, between: Between, enough: bool) -> list[Cell]:
    says = {1: _("better than the average"), -1: _("worse than the average")}.get(hour.verdict, "")
    if not enough:
        says = _("not enough data")
    return [
        Cell(hour.name, hour.name, css=""),
        Cell(int(trials), f"{trials:,}"),
        Cell(whole, f"{whole:,}"),
        Cell(count, f"{count:,}", hour.url),
        Cell(_exact(count / whole), share_text(100 * count / whole)) if whole else Cell(None, DASH),
        Cell(_exact(between.low), share_text(100 * between.low)),
        Cell(_exact(between.high), share_text(100 * between.high)),
        Cell(says, says, css=""),
    ]


def _heads(*, is_activity: bool) -> list[Head]:
    return [
        Head(_("Hour"), number=False),
        Head(_("Days counted") if is_activity else _("Posts")),
        Head(_("Members, each time") if is_activity else _("Members reached")),
        Head(_("Did it")),
        Head(_("Share"), file=_("Share, in percent")),
        Head(_("At least"), file=_("At least, in percent")),
        Head(_("At most"), file=_("At most, in percent")),
        Head(_("Beyond chance"), number=False),
    ]
