"""The ranking of groups: as the list of its page, and short enough for a card of the dashboard."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from analytics.channels.page import change_text
from analytics.pages.parts import DASH, MOST_SERIES, Cell, Chart, Head, Table, number_cell
from analytics.ranking.columns import COLUMNS, FILTERS, LABELS, stage_words
from analytics.ranking.forms import RankingForm
from analytics.ranking.selectors import FIGURES, groups_ranked
from analytics.saved.answers import Answer, Headline
from analytics.templatetags.reports import signed
from community_ops.lib.lists import Listing
from groups.models import Group


def ranking_listing(request: HttpRequest, form: RankingForm) -> Listing[Any]:
    groups = form.scope().groups().open().select_related("branch")
    listing: Listing[Any] = Listing(
        request,
        groups_ranked(groups, form.span()),
        columns=COLUMNS,
        filters=FILTERS,
        search=lambda rows, text: rows.filter(pk__in=Group.objects.matching(text).values("pk")),
        sort=form.cleaned_data["sort"],
        id="report",
    )
    return listing


def ranking_answer(form: RankingForm) -> Answer:
    """The first of the list that the page shows, and how many of all rose in what it is sorted by."""
    asked = HttpRequest()
    asked.GET = form.data  # type: ignore[assignment]
    listing = ranking_listing(asked, form)
    rows = listing.rows
    sorted_by = listing.sort.removeprefix("-").removesuffix("_change")
    figure = sorted_by if sorted_by in FIGURES else FIGURES[0]
    first = rows[:MOST_SERIES]
    chart = Chart("bar", _("Change: %(figure)s") % {"figure": LABELS[figure]}, [row.name for row in first])
    changes = [getattr(row, f"{figure}_change") for row in first]
    chart.add(chart.label, changes, [_url(row) for row in first])
    heads = [Head(_("Group"), number=False), Head(_("Stage"), number=False)]
    heads += [
        Head(part) for name in FIGURES for part in (LABELS[name], _("Change: %(figure)s") % {"figure": LABELS[name]})
    ]
    table = Table(_("Rising and falling groups"), heads, [_cells(row) for row in rows])
    rose = listing.queryset.filter(**{f"{figure}_change__gt": 0}).count()
    headline = Headline(
        _("Groups that rose: %(figure)s") % {"figure": LABELS[figure]},
        _("%(rose)s of %(groups)s") % {"rose": f"{rose:,}", "groups": f"{listing.total:,}"},
    )
    return Answer(headline, chart, table, not rows)


def _url(row: Any) -> str:
    return reverse("analytics:group_health", args=[row.pk])


def _cells(row: Any) -> list[Cell]:
    cells = [
        Cell(row.name, row.name, _url(row), css="", name=True),
        Cell(row.stage, stage_words(row.stage) or DASH, css=""),
    ]
    for name in FIGURES:
        value, change = getattr(row, f"{name}_now"), getattr(row, f"{name}_change")
        cells += [number_cell(value), Cell(change, signed(change))]
    return cells


def change_cells(row: Any) -> list[tuple[int, int, int, str]]:
    """Of each figure: its value, the change, the size of that, and the change in percent."""
    cells = []
    for name in FIGURES:
        value, before = getattr(row, f"{name}_now"), getattr(row, f"{name}_before")
        cells.append((value, value - before, abs(value - before), change_text(value, before)))
    return cells
