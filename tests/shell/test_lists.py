from __future__ import annotations

import csv
import io

import pytest
from django.test import RequestFactory

from accounts.models import Branch
from community_ops.lib.lists import Column, Filter, Listing, csv_response, safe_text

COLUMNS = (
    Column[Branch]("name", "Name", order="name", value=lambda branch: branch.name),
    Column[Branch]("code", "Code", value=lambda branch: branch.code),
)


def listing(address="/list/", **options):
    return Listing(
        RequestFactory().get(address),
        Branch.objects.all(),
        columns=COLUMNS,
        sort="name",
        search=lambda found, text: found.filter(name__contains=text),
        filters=(Filter("code", "Code", [("a", "A"), ("b", "B")], lambda found, value: found.filter(code=value)),),
        page_size=2,
        **options,
    )


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "＝1+1", "＋1", "－1", "＠A1", "=cmd|' /C calc'!A0"]
)
def test_a_text_that_a_spreadsheet_would_run_is_made_harmless(text):
    assert safe_text(text) == f"'{text}"
    response = csv_response("x.csv", ["Name"], [[text]])
    rows = list(csv.reader(io.StringIO(response.getvalue().decode("utf-8-sig"), newline="")))
    assert rows[1] == [f"'{text}"]


@pytest.mark.parametrize("text", ["", "1+1", "李=", "a@b", " =1"])
def test_other_texts_stay_as_they_are(text):
    assert safe_text(text) == text


def test_numbers_stay_numbers_even_below_zero():
    response = csv_response("x.csv", ["n"], [[-5]])
    assert b"-5" in response.getvalue()
    assert b"'-5" not in csv_response("x.csv", ["n"], [[-5]]).getvalue()


def test_a_change_of_the_address_keeps_the_rest_and_starts_at_the_first_page(db):
    subject = listing("/list/?q=x&code=a&page=3&export=csv&other=1")
    assert subject.url(sort="-name") == "/list/?q=x&code=a&other=1&sort=-name"
    assert subject.url(q=None, code=None) == "/list/?other=1"
    assert subject.clear_url == "/list/?other=1"
    assert subject.csv_url == "/list/?q=x&code=a&other=1&export=csv"


@pytest.mark.parametrize(
    "address",
    [
        "/list/?sort=password",
        "/list/?sort=--name",
        "/list/?sort=code",
        "/list/?page=0",
        "/list/?page=-1",
        "/list/?page=9999999999999999999999",
        "/list/?page=last%00",
        "/list/?code=c",
        "/list/?q=%00",
        "/list/?export=exe",
    ],
)
def test_an_address_that_makes_no_sense_shows_the_plain_list(db, address):
    for code in "abc":
        Branch.objects.create(code=code, name=code)
    subject = listing(address)
    assert subject.rows
    assert not subject.is_filtered
    assert not subject.export


def test_the_sorted_column_says_so_and_its_link_turns_the_order(db):
    head = listing("/list/?sort=name").heads[0]
    assert (head.aria_sort, head.url) == ("ascending", "/list/?sort=-name")
    head = listing("/list/?sort=-name").heads[0]
    assert (head.aria_sort, head.url) == ("descending", "/list/?sort=name")
    assert listing().heads[1].url == "", "a column without an order has no link"


def test_the_pager_leaves_gaps_and_names_its_neighbours(db):
    for number in range(40):
        Branch.objects.create(code=f"c{number}", name=f"n{number:02d}")
    subject = listing("/list/?page=10")
    assert [number for number, _url in subject.page_links] == ["1", "…", "9", "10", "11", "…", "20"]
    assert subject.previous_url.endswith("page=9")
    assert subject.next_url.endswith("page=11")


def test_equal_rows_keep_one_order_over_all_pages(db):
    for number in range(6):
        Branch.objects.create(code=f"c{number}", name="same")
    seen = [row.pk for page in (1, 2, 3) for row in listing(f"/list/?page={page}").rows]
    assert len(set(seen)) == 6
