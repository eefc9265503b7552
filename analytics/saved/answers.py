"""What a report says on a card of the dashboard."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from analytics.forms import ReportForm
from analytics.index.source import source_of
from analytics.pages.parts import Chart, Figure, Table, Text
from analytics.sources import SqlNames


@dataclass(frozen=True)
class Headline:
    """The figure of a report that is read first. `before` is the same of the range before, where there is one;
    `definition` and `how` stand behind its "?"."""

    label: Text
    text: str
    value: int | None = None
    before: int | None = None
    definition: Text = field(kw_only=True)
    how: Text = field(default="", kw_only=True)


@dataclass(frozen=True)
class Answer:
    """What a report says, short enough for a card."""

    headline: Headline
    chart: Chart | None
    table: Table
    is_empty: bool = False


def headline_of(figure: Figure) -> Headline:
    return Headline(figure.label, f"{figure.value:,}", figure.value, figure.before, definition=figure.definition)


def asked_of(form: ReportForm) -> dict[str, Any]:
    return {"source": source_of(form.selection()), "names": SqlNames(), "zone": form.zone, "now": form.now}
