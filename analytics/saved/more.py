"""Answers of the reports that are counted in the database, short enough for a card."""

from __future__ import annotations

from django.utils.translation import gettext as _

from analytics.carriers.definitions import CARRIERS
from analytics.carriers.forms import CarriersForm
from analytics.carriers.page import board_chart, board_table, carriers_page
from analytics.channels.definitions import CHANGE, FIGURE_TEXTS
from analytics.channels.forms import SpanForm
from analytics.channels.page import channel_rows, headline
from analytics.health.days import ONE
from analytics.hour_form import BestHourForm
from analytics.index.source import source_of
from analytics.overview.forms import OverviewForm
from analytics.overview.page import overview_page
from analytics.overview.scope import Scope
from analytics.pages.best_hour import best_hour_page
from analytics.pages.parts import MOST_SERIES, Cell, Chart, Head, Table, number_cell, percent
from analytics.saved.answers import Answer, Headline
from analytics.sources import SqlNames


def overview_answer(form: OverviewForm) -> Answer:
    """The figures as a table, and the active members day by day."""
    scope = Scope(form.viewer, form.range, form.now)
    page = overview_page(form, scope)
    active = next(figure for figure in page.figures if figure.key == "active")
    days = [scope.days.first + number * ONE for number in range(len(scope.days))]
    chart = Chart("line", str(active.label), [f"{day:%m-%d}" for day in days])
    chart.add(active.label, active.course, style="area")
    heads = [Head(_("Figure"), number=False), Head(_("In the range")), Head(_("In the range before"))]
    rows = [
        [
            Cell(str(figure.label), str(figure.label), css=""),
            Cell(figure.value, figure.text, figure.url),
            Cell(figure.before, figure.text_before),
        ]
        for figure in page.figures
    ]
    value, before = (int(number) if isinstance(number, int) else None for number in (active.value, active.before))
    first = Headline(active.label, active.text, value, before, definition=active.definition, how=active.how)
    return Answer(first, chart, Table(_("Overview"), heads, rows), page.is_empty)


def best_hour_answer(form: BestHourForm) -> Answer:
    page = best_hour_page(form, source_of(form.selection()), SqlNames(), zone=form.zone, now=form.now)
    best = page.better[0].name if page.better else _("No hour stands out")
    first = Headline(_("Best hour"), best, definition=page.definitions[0], how=page.definitions[1])
    return Answer(first, page.chart if page.known else None, page.table, page.is_empty)


def channels_answer(form: SpanForm) -> Answer:
    """Who joined by which channel, the largest first; what they cost and brought stands on the page."""
    rows = sorted(channel_rows(form, now=form.now), key=lambda row: (-row.figures.joins, row.code))
    chart = Chart("bar", _("Joined"), [row.name for row in rows[:MOST_SERIES]])
    chart.add(_("Joined"), [row.figures.joins for row in rows[:MOST_SERIES]], [row.joined.url for row in rows])
    heads = [Head(_("Channel"), number=False), *(Head(label) for label in (_("Joined"), _("Friends"), _("Orders")))]
    cells = [
        [
            Cell(row.name, row.name, row.url, css="", name=row.is_channel),
            number_cell(row.figures.joins, row.joined.url),
            number_cell(row.figures.friends, row.befriended.url),
            number_cell(row.figures.orders, row.ordered.url),
        ]
        for row in rows
    ]
    joins = sum(row.figures.joins for row in rows)
    past = sum(row.past.joins for row in rows if row.past) if any(row.past for row in rows) else None
    how = "" if past is None else CHANGE
    first = Headline(_("Joined"), f"{joins:,}", joins, past, definition=FIGURE_TEXTS["joins"], how=how)
    return Answer(first, chart, Table(headline(rows)[0], heads, cells), not rows)


def carriers_answer(form: CarriersForm) -> Answer:
    page = carriers_page(form)
    most, _number, share = page.found.shares[-1]
    label = _("The most active %(percent)s%% make") % {"percent": most}
    headline = Headline(label, percent(share), definition=CARRIERS["most"])
    chart = board_chart(page.rows, form.cleaned_data["figure"])
    return Answer(headline, chart, board_table(page.rows), not page.rows)
