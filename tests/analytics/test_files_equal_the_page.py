"""What is taken away as a file is what stands on the page: the same rows in the same order with the same values."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from analytics.pages.parts import period_name
from analytics.queries.periods import Interval
from analytics.saved.registry import KINDS
from analytics.templatetags.reports import duration
from community_ops.lib.lists import safe_text
from tests.analytics.test_pages import did
from tests.builders import NOW, make_group, make_member

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ZONE = ZoneInfo("Asia/Shanghai")
# Beside the question that each page asks by itself.
QUESTIONS = {
    "activity": [
        "metric=total&preset=7d&by=group",
        "metric=unique&preset=7d&interval=hour",
        "metric=unique&preset=90d&interval=month",
    ],
    "lifecycle": ["preset=30d&interval=day"],
    "stickiness": ["preset=7d"],
    "best_hour": ["measure=activity"],
    "retention": ["period=day&intervals=12"],
    "funnel": ["by=group&table=breakdown", "table=course&entry=day"],
}
# The best hour of posts wants posts, the overview has no one table (a test of its own below), and the file of the
# ranking says more than its page.
OTHERWISE = {("best_hour", ""), ("overview", ""), ("ranking", "")}
ASKED = [
    (slug, question)
    for slug in KINDS
    for question in ("", *QUESTIONS.get(slug, []))
    if (slug, question) not in OTHERWISE
]
EVIL = "=cmd|' /C calc'!A0"


class Tables(HTMLParser):
    """The rows of the tables of a page, without their heads."""

    def __init__(self, html):
        super().__init__()
        self.tables, self.cell, self.in_body = [], None, False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        elif tag == "tbody":
            self.in_body = True
        elif tag == "tr" and self.in_body:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.in_body:
            self.cell = ""

    def handle_endtag(self, tag):
        if tag == "tbody":
            self.in_body = False
        elif tag in ("td", "th") and self.cell is not None:
            self.tables[-1][-1].append(" ".join(self.cell.split()))
            self.cell = None

    def handle_data(self, data):
        # Below its value a cell may say how that changed.
        if self.cell is not None and not self.cell.strip():
            self.cell += data


def says(text, value):
    """Whether `text` on a page says what `value` of a file is."""
    if value is None or value == "":
        return text in ("", "–")
    if isinstance(value, date):
        # A file has the date alone, for spreadsheets to count with.
        text = text.removesuffix(" (not complete)")
    if isinstance(value, datetime):
        names = {period_name(value.replace(tzinfo=ZONE), interval) for interval in (Interval.HOUR, Interval.DAY)}
        return text in names | {period_name(value, Interval.MONTH)}
    if isinstance(value, date):
        return text in {period_name(datetime(value.year, value.month, value.day), i) for i in Interval}
    if isinstance(value, (int, float)):
        text = text.replace("−", "-").removeprefix("+")
        if 0 < value < 0.1 and text == "<0.1%":
            return True
        return text in {f"{value:,}", f"{value:.1f}%", f"{value:,.1f}", f"{value:,.2f}", duration(value)}
    return text == value or safe_text(text) == value


def read(value):
    """A field of a CSV file as what it is."""
    for kind in (int, float, date.fromisoformat, datetime.fromisoformat):
        try:
            return kind(value)
        except ValueError:
            pass
    return value


@pytest.fixture
def community(cast):
    with time_machine.travel(NOW, tick=False):
        groups = [make_group(name, branch=cast.hangzhou) for name in ("Reading", EVIL)]
        for n in range(6):
            member = make_member(f"M{n}")
            for i, kind in enumerate(["joined", "message", "ordered"][: 1 + n % 3]):
                did(member, kind, 9 - 3 * i - n / 24, groups[n % 2])
        did(member, "left", 1, groups[1])
        client = Client()
        client.force_login(cast.lin)
        yield client


@pytest.mark.parametrize(("slug", "question"), ASKED)
def test_every_report_is_the_same_on_the_page_and_in_files(community, slug, question):
    address = f"{reverse(KINDS[slug].page)}?{question}"
    tables = Tables(community.get(address).content.decode()).tables
    text = b"".join(community.get(f"{address}&export=csv").streaming_content).decode()
    assert text.startswith("\ufeff")
    from_csv = [[read(field) for field in row] for row in list(csv.reader(io.StringIO(text[1:])))[1:]]
    file = b"".join(community.get(f"{address}&export=xlsx").streaming_content)
    sheet = load_workbook(io.BytesIO(file)).active
    from_xlsx = [list(row) for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert from_csv
    for rows in (from_csv, from_xlsx):
        # More than one table may stand on the page: the file is one of them, whole.
        fitting = [table for table in tables if len(table) == len(rows) and len(table[0]) == len(rows[0])]
        assert any(
            all(
                says(text, value)
                for line, row in zip(table, rows, strict=True)
                for text, value in zip(line, row, strict=True)
            )
            for table in fitting
        ), (tables, rows)
    # A number is a number in the file, a day a day, and nothing in it is a formula.
    for line in sheet.iter_rows(min_row=2):
        for cell in line:
            assert cell.data_type != "f"
            if isinstance(cell.value, str):
                assert not re.fullmatch(r"[\d.,]+%?|\d{4}-\d\d-\d\d.*|\d{1,2} [A-Z][a-z]{2} \d{4}", cell.value), (
                    cell.value
                )


def test_the_file_of_the_overview_holds_the_figures_of_its_page_in_their_order(community):
    address = f"{reverse('analytics:overview')}?days=7&until=2026-03-02"
    html = community.get(f"{address}&whole=1").content.decode()
    shown = [figure.strip() for figure in re.findall(r'figure num">(?:<a [^>]+>)?([^<]+)<', html)]
    file = b"".join(community.get(f"{address}&export=xlsx").streaming_content)
    rows = list(load_workbook(io.BytesIO(file)).active.iter_rows(min_row=2, values_only=True))
    figures = [row[2] for row in rows if not row[1]]
    assert len(figures) >= 7
    assert all(says(text, value) for text, value in zip(shown, figures, strict=False)), (shown, figures)
    # What moved stands in the tables of the page, row by row.
    moved = [line for table in Tables(html).tables for line in table]
    for row in (row for row in rows if row[1]):
        assert any(line[0] == row[1] for line in moved), (row, moved)


def test_a_name_that_is_a_formula_is_a_name_in_every_file(community):
    address = f"{reverse('analytics:funnel')}?by=group&table=breakdown"
    text = b"".join(community.get(f"{address}&export=csv").streaming_content).decode()
    assert f"'{EVIL}" in text
    assert not re.search(r'(^|,)"?[=+@]', text, re.MULTILINE)
    by_day = f"{reverse('analytics:activity')}?by=group&preset=7d"
    head = b"".join(community.get(f"{by_day}&export=csv").streaming_content).decode().splitlines()[0]
    assert f"'{EVIL}" in head
    sheet = load_workbook(io.BytesIO(b"".join(community.get(f"{by_day}&export=xlsx").streaming_content))).active
    assert [cell.data_type for cell in sheet[1]] == ["s"] * 3


def test_the_order_of_a_file_is_that_of_the_page_newest_first(community):
    text = b"".join(community.get(f"{reverse('analytics:activity')}?preset=7d&export=csv").streaming_content).decode()
    days = [date.fromisoformat(line.split(",")[0]) for line in text.splitlines()[1:]]
    assert days[0] == NOW.astimezone(ZONE).date()
    assert days == [days[0] - timedelta(days=n) for n in range(7)]
