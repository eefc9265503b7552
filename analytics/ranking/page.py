"""The ranking of groups: as the list of its page, and short enough for a card of the dashboard."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from analytics.health.days import Days
from analytics.health.reasons import stage_words
from analytics.pages.parts import DASH, MOST_SERIES, Cell, Chart, Head, Table, number_cell
from analytics.ranking.columns import COLUMNS, FILTERS, LABELS
from analytics.ranking.definitions import FIGURES as DEFINITIONS
from analytics.ranking.definitions import ROSE
from analytics.ranking.forms import RankingForm
from analytics.ranking.selectors import FIGURES, Ranked, Ranking
from analytics.saved.answers import Answer, Headline
from analytics.templatetags.reports import signed
from community_ops.lib.changes import change_text
from community_ops.lib.lists import Listing
from groups.models import Group

CHANGES = {f"{name}_change": name for name in FIGURES}


class RankingListing(Listing[Any]):
    """Narrows the groups themselves, and orders them by figures that no column of theirs holds."""

    def __init__(self, request: HttpRequest, groups: QuerySet[Group], days: Days, **settings: Any) -> None:
        self.days = days
        self.ranking = Ranking(groups, days)
        super().__init__(request, groups, **settings)

    def _ordered(self, queryset: QuerySet[Any]) -> Any:
        key = self.sort.removeprefix("-")
        if key in CHANGES:
            self.ranking = Ranking(queryset, self.days, CHANGES[key], descending=self.sort.startswith("-"))
        else:
            self.ranking = Ranking(super()._ordered(queryset), self.days)
        return self.ranking


def ranking_listing(request: HttpRequest, form: RankingForm) -> RankingListing:
    return RankingListing(
        request,
        form.scope().groups().open(),
        form.span(),
        columns=COLUMNS,
        filters=FILTERS,
        search=lambda rows, text: rows.filter(pk__in=Group.objects.matching(text).values("pk")),
        sort=form.cleaned_data["sort"],
        id="report",
    )


def ranking_answer(form: RankingForm) -> Answer:
    """The first of the list that the page shows, and how many of all rose in what it is sorted by."""
    asked = HttpRequest()
    asked.GET = form.data  # type: ignore[assignment]
    listing = ranking_listing(asked, form)
    rows = listing.rows
    figure = CHANGES.get(listing.sort.removeprefix("-"), FIGURES[0])
    first = rows[:MOST_SERIES]
    chart = Chart("bar", _("Change: %(figure)s") % {"figure": LABELS[figure]}, [row.name for row in first])
    changes = [row.change(figure) for row in first]
    chart.add(chart.label, changes, [_url(row) for row in first])
    heads = [Head(_("Group"), number=False), Head(_("Stage"), number=False)]
    heads += [
        Head(part) for name in FIGURES for part in (LABELS[name], _("Change: %(figure)s") % {"figure": LABELS[name]})
    ]
    table = Table(_("Rising and falling groups"), heads, [_cells(row) for row in rows])
    rose = listing.ranking.rose(figure)
    headline = Headline(
        _("Groups that rose: %(figure)s") % {"figure": LABELS[figure]},
        _("%(rose)s of %(groups)s") % {"rose": f"{rose:,}", "groups": f"{listing.total:,}"},
        definition=ROSE,
        how=DEFINITIONS[figure],
    )
    return Answer(headline, chart, table, not rows)


def _url(row: Ranked) -> str:
    return reverse("analytics:group_health", args=[row.pk])


def _cells(row: Ranked) -> list[Cell]:
    cells = [
        Cell(row.name, row.name, _url(row), css="", name=True),
        Cell(row.stage, stage_words(row.stage) or DASH, css=""),
    ]
    for name in FIGURES:
        cells += [number_cell(row.now[name]), Cell(row.change(name), signed(row.change(name)))]
    return cells


def change_cells(row: Ranked) -> list[tuple[int, int, int, str]]:
    """Of each figure: its value, the change, the size of that, and the change in short."""
    cells = []
    for name in FIGURES:
        value, before, change = row.now[name], row.before[name], row.change(name)
        cells.append((value, change, abs(change), change_text(value, before)))
    return cells
