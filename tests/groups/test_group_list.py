from __future__ import annotations

import io
from datetime import timedelta

import pytest
import time_machine
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from groups.models import Group
from groups.services import group_archive
from tests.builders import NOW, make_group

URL = "/groups/"


def names(client, query=""):
    return [group.name for group in client.get(f"{URL}?{query}").context["listing"].rows]


@pytest.fixture
def groups(cast):
    """Alive, quiet, full and forming, of two branches and headquarters."""
    alive = make_group("Alive", branch=cast.hangzhou)
    quiet = make_group("Quiet", branch=cast.hangzhou, motivation="sales")
    full = make_group("Full", branch=cast.chengdu, community_type="knowledge")
    make_group("Forming", motivation="", purpose="")
    archived = make_group("Archived")
    group_archive(by=cast.lin, group=archived)
    figures = {
        alive: {"member_count": 30, "active_7d": 12, "messages_7d": 90, "last_event_at": NOW},
        quiet: {"member_count": 40, "last_event_at": NOW - timedelta(days=8)},
        full: {"member_count": 470, "active_7d": 3, "messages_7d": 5, "last_event_at": NOW - timedelta(days=1)},
    }
    for group, values in figures.items():
        Group.objects.filter(pk=group.pk).update(**values)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Alive", "Forming", "Full", "Quiet"]),
        ("state=archived", ["Archived"]),
        ("state=any", ["Alive", "Archived", "Forming", "Full", "Quiet"]),
        ("q=arch", ["Archived"]),
        ("need=quiet", ["Quiet"]),
        ("need=full", ["Full"]),
        ("motivation=sales", ["Quiet"]),
        ("type=knowledge", ["Full"]),
        ("branch=none", ["Forming"]),
        ("sort=-members", ["Full", "Quiet", "Alive", "Forming"]),
        ("sort=-active", ["Alive", "Full", "Quiet", "Forming"]),
        ("sort=-last", ["Alive", "Full", "Quiet", "Forming"]),
        ("sort=last", ["Quiet", "Full", "Alive", "Forming"]),
        ("sort=-name&need=nonsense&page=99", ["Quiet", "Full", "Forming", "Alive"]),
        ("sort=purpose", ["Alive", "Forming", "Full", "Quiet"]),
        ("q=nothing", []),
    ],
)
def test_search_filters_and_sorting_are_said_in_the_address(client, cast, groups, query, found):
    client.force_login(cast.lin)
    with time_machine.travel(NOW, tick=False):
        listed = names(client, query)
    # Equal figures keep one order, by the newest first when sorted downwards.
    assert sorted(listed) == sorted(found)
    if "sort=-active" not in query:
        assert listed == found


def test_a_branch_lists_its_own_groups_and_has_no_branch_filter(client, cast, groups):
    client.force_login(cast.mei)
    assert names(client, "state=any") == ["Alive", "Quiet"]
    assert names(client, f"branch={cast.chengdu.pk}&state=any") == ["Alive", "Quiet"]
    assert "成都" not in client.get(URL).content.decode()


def test_an_empty_list_says_what_to_do_to_those_who_may(client, cast):
    client.force_login(cast.mei)
    assert 'href="/groups/new/"' in client.get(URL).content.decode()
    client.force_login(cast.ana)
    page = client.get(URL).content.decode()
    assert "No groups yet" in page
    assert 'href="/groups/new/"' not in page


def test_the_list_asks_the_database_as_often_for_twenty_groups_as_for_two(client, cast, django_assert_max_num_queries):
    client.force_login(cast.lin)
    counts = []
    for size in (2, 20):
        while Group.objects.count() < size:
            make_group(branch=cast.hangzhou)
        with django_assert_max_num_queries(16) as captured:
            client.get(URL)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_pages_hold_fifty_and_keep_filters_and_sorting(client, cast):
    for number in range(51):
        make_group(f"G{number:02d}")
    client.force_login(cast.lin)
    listing = client.get(f"{URL}?motivation=growth&sort=-name").context["listing"]
    assert len(listing.rows) == 50
    assert listing.total == 51
    second = client.get(listing.next_url).context["listing"]
    assert [group.name for group in second.rows] == ["G00"]
    assert "motivation=growth" in listing.next_url
    assert "sort=-name" in listing.next_url


def test_exports_hold_what_the_filters_leave_and_run_no_formula(client, cast, groups):
    Group.objects.filter(name="Alive").update(name="=HYPERLINK(1)", external_id="@SUM(1)")
    client.force_login(cast.mei)
    with time_machine.travel(NOW, tick=False):
        response = client.get(f"{URL}?export=csv")
        text = response.getvalue().decode("utf-8")
        book = client.get(f"{URL}?export=xlsx")
    assert response["Content-Disposition"] == 'attachment; filename="groups-2026-03-02.csv"'
    lines = text.removeprefix("\ufeff").splitlines()
    assert lines[0].startswith("Name,Id in other systems,Branch")
    assert lines[1].startswith("'=HYPERLINK(1),'@SUM(1),杭州,Active,Growth")
    assert "2026-03-02T12:00:00+08:00" in lines[1]
    assert len(lines) == 3
    sheet = load_workbook(io.BytesIO(book.getvalue())).active
    assert isinstance(sheet, Worksheet)
    rows = list(sheet.iter_rows())
    assert rows[1][0].value == "=HYPERLINK(1)"
    assert rows[1][0].data_type == "s", "a text, not a formula"
    assert rows[1][6].value == 30


def test_strangers_see_no_list_and_nobody_posts_to_it(client, cast):
    assert client.get(URL).status_code == 302
    client.force_login(cast.mei)
    assert client.post(URL).status_code == 405
