"""The leaderboard as a table: on the card of a dashboard, and in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from analytics.carriers.forms import BOARDS, CarriersForm
from analytics.carriers.selectors import LISTED, Carrier, Concentration, Span, carriers_of, concentration_of
from analytics.ledger.reading import undisturbed
from analytics.pages.parts import MOST_SERIES, Cell, Chart, Head, Table, number_cell, share_of


@dataclass(frozen=True)
class CarriersPage:
    found: Concentration
    rows: Sequence[Carrier]

    @property
    def leader_share(self) -> float | None:
        return share_of(self.found.leaders, self.found.members)

    @property
    def led_share(self) -> float | None:
        return share_of(self.found.by_leaders, self.found.interactions)


def carriers_page(form: CarriersForm) -> CarriersPage:
    def counted() -> CarriersPage:
        span = form.asked()
        return CarriersPage(concentration_of(span), _board(form, span, LISTED))

    return undisturbed(counted)


def board_of(form: CarriersForm, most: int = LISTED) -> list[Carrier]:
    return undisturbed(lambda: _board(form, form.asked(), most))


def _board(form: CarriersForm, span: Span, most: int) -> list[Carrier]:
    asked = form.cleaned_data
    return carriers_of(span, figure=asked["figure"], text=asked["q"], most=most)


def board_table(rows: Sequence[Carrier]) -> Table:
    heads = [
        Head(pgettext("leaderboard", "Place")),
        Head(_("Member"), number=False),
        Head(_("Id in other systems"), number=False),
        *(Head(label) for _figure, label in BOARDS),
    ]
    return Table(_("Leaderboard"), heads, [_cells(row) for row in rows])


def _cells(row: Carrier) -> list[Cell]:
    member = row.member
    return [
        Cell(row.place, str(row.place)),
        Cell(member.name, member.name, reverse("members:detail", args=[member.pk]), css="", name=True),
        Cell(member.external_id, member.external_id, css="", name=True),
        *(number_cell(n) for n in row.cells),
    ]


def board_chart(rows: Sequence[Carrier], figure: str) -> Chart:
    """The first of the board side by side."""
    label, first = str(dict(BOARDS)[figure]), rows[:MOST_SERIES]
    chart = Chart("bar", label, [row.member.name for row in first])
    links = [reverse("members:detail", args=[row.member.pk]) for row in first]
    chart.add(label, [row.figures[figure] for row in first], links)
    return chart
