"""The overview: its figures, who stands behind them, and what made up a change."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from activity.models import Event
from activity.services import event_key
from analytics.health.services import stats_catch_up
from analytics.index.files import LEDGER, building, index_folder
from analytics.ledger import reading as ledger_reading
from analytics.ledger.building import ledger_build
from analytics.overview.crowd import joined_by_channel, places_of
from analytics.overview.earnings import earnings_of
from analytics.overview.forms import OverviewForm
from analytics.overview.member_days import member_days
from analytics.overview.moves import explained
from analytics.overview.page import overview_page
from analytics.overview.sales import sales_of
from analytics.overview.scope import Scope
from campaigns.orders.models import Order
from campaigns.orders.services import NewOrder, orders_record
from groups.models import Group
from members.ingestion.batch import IncomingEvent, ingest
from members.models import Member
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db

FRAME = "/reports/?days=7"
OVERVIEW = f"{FRAME}&whole=1"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


def did(member, kind, days_ago, group=None, channel="", value=None):
    key = event_key("test", f"{member.pk} {kind} {days_ago} {group}")
    name = group.external_id if group else ""
    event = IncomingEvent(key, member.external_id, name, kind, NOW - days_ago * DAY, channel, value)
    assert ingest(events=[event], source="test", by=None, create_missing=False, now=NOW).accepted == 1


def bought(member, amount, days_ago, currency="CNY"):
    key = event_key("test", f"{member.pk} order {days_ago}")
    order = NewOrder(key, member.external_id, NOW - days_ago * DAY, Decimal(amount), currency)
    assert orders_record(orders=[order], source="test", by=None, now=NOW).accepted == 1


@pytest.fixture
def community(cast):
    """Seven days up to yesterday against the seven before: Ann and Bob came first, Cy and Dee later, Old was there."""
    mine, theirs = make_group("Reading", branch=cast.hangzhou), make_group("Maths", branch=cast.chengdu)
    ann, bob, cy, dee, old = (make_member(name) for name in ("Ann", "Bob", "Cy", "Dee", "Old"))
    did(old, "joined", 60, mine, "friends")
    did(old, "message", 10, mine)
    did(old, "message", 3, mine)
    bought(old, "50.10", 9)
    did(old, "refunded", 1, mine, value=Decimal("50.10"))
    did(ann, "joined", 10, mine, "poster")
    did(ann, "message", 3, mine)
    bought(ann, "100.20", 2)
    did(bob, "joined", 9, mine, "poster")
    did(bob, "left", 4, mine)
    did(cy, "joined", 3, mine)
    did(dee, "joined", 2, theirs, "advert")
    bought(dee, "20", 2, "USD")
    did(dee, "message", 0, theirs)  # today is not over, so it is not in the range
    stats_catch_up(now=NOW)
    return cast


def page(user, address, status=200):
    client = Client()
    client.force_login(user)
    response = client.get(address)
    assert response.status_code == status, address
    return b"".join(response).decode() if response.streaming else response.content.decode()


def parts_of(user):
    """The addresses of the parts that the page loads by itself."""
    return [unescape(part) for part in re.findall(r'data-late hx-get="([^"]+)"', page(user, FRAME))]


def pieces(html):
    """The figures and lists of a page or a part, as text. A list that comes alone does not repeat its figure."""
    html = re.sub(r'<span class="card-note num">.*?</span></span>|<span class="card-note num">[^<]*</span>', "", html)
    found = re.findall(
        r'<div class="figure-box">.*?\n</div>|<section class="card" aria-labelledby="move-.*?</section>', html, re.S
    )
    return [" ".join(piece.split()) for piece in found]


def asked(user, query="days=7"):
    form = OverviewForm(QueryDict(query), user=user, now=NOW, zone=ZoneInfo("Asia/Shanghai"))
    assert form.is_valid(), form.errors
    return form, Scope(form.viewer, form.range, NOW)


def figures(user, query="days=7"):
    return {figure.key: (figure.value, figure.before) for figure in overview_page(*asked(user, query)).figures}


HANGZHOU = {
    "members": (3, 3),
    "joined": (1, 2),
    "left": (1, 0),
    "active": (4, 3),
    "stayed": (50.0, None),
    "bought": (50.0, None),
    "orders": (1, 1),
    "revenue-CNY": (Decimal("50.10"), Decimal("50.10")),
}


def test_each_figure_stands_beside_the_same_of_the_days_before(community):
    assert figures(community.lin) == {
        "members": (4, 3),
        "joined": (2, 2),
        "left": (1, 0),
        "active": (5, 3),
        "stayed": (50.0, None),
        "bought": (50.0, None),
        "orders": (2, 1),
        "revenue-CNY": (Decimal("50.10"), Decimal("50.10")),
        "revenue-USD": (Decimal("20.00"), Decimal("0.00")),
    }


def test_a_branch_and_headquarters_looking_at_it_see_the_same_and_nothing_of_others(community):
    assert figures(community.mei) == HANGZHOU
    assert figures(community.ana, "days=7&branch=hangzhou") == HANGZHOU
    html = page(community.mei, OVERVIEW)
    assert "Reading" in html
    for theirs in ("Maths", "USD", "advert", "成都"):
        assert theirs not in html
    assert "notice-bad" in page(community.mei, f"{OVERVIEW}&branch=chengdu")


def test_the_ledger_says_what_the_database_says_and_misses_nothing_that_came_later(
    community, settings, tmp_path, monkeypatch
):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(ledger_reading, "LARGE", 1)  # places are looked through in several threads

    def said():
        pages = [overview_page(*asked(user)) for user in (community.lin, community.mei)]
        return [[list(row) for row in page.table.values()] for page in pages]

    alone = said()
    with building():
        ledger_build()
    assert said() == alone
    ann, eve = Member.objects.get(name="Ann"), make_member("Eve")
    did(eve, "joined", 8, Group.objects.get(name="Reading"), "poster")
    did(eve, "message", 2, Group.objects.get(name="Reading"))
    bought(eve, "10.01", 2)
    bought(ann, "7", 3)
    stats_catch_up(now=NOW)
    beside = said()
    assert beside != alone
    (index_folder() / LEDGER).unlink()
    assert said() == beside


@pytest.mark.parametrize("who", ["ana", "mei"])
def test_every_figure_opens_the_members_behind_it(community, who):
    user = getattr(community, who)
    expected = {
        "members": ["Ann", "Cy", "Dee", "Old"],
        "joined": ["Cy", "Dee"],
        "left": ["Bob"],
        "active": ["Ann", "Bob", "Cy", "Dee", "Old"],
        "stayed": ["Ann"],
        "bought": ["Ann"],
        "orders": ["Ann", "Dee"],
        "revenue": ["Ann"],
    }
    found = {}
    for link in re.findall(r'href="(/reports/people/[^"]+)"', page(user, OVERVIEW)):
        link = unescape(link)
        figure = re.search(r"figure=(\w+)", link)[1]
        if "currency=USD" not in link:
            found[figure] = sorted(re.findall(r'translate="no">(Ann|Bob|Cy|Dee|Old)<', page(user, link)))
    if who == "mei":
        expected = {figure: [name for name in names if name != "Dee"] for figure, names in expected.items()}
    assert found == expected


@pytest.mark.parametrize("who", ["lin", "mei"])
def test_the_parts_that_the_page_loads_are_those_of_the_whole_page(community, who):
    user = getattr(community, who)
    frame = page(user, FRAME)
    assert pieces(frame) == []
    assert any("whole=1" in told for told in re.findall(r"<noscript>.*?</noscript>", frame, re.S))
    parts = [piece for part in parts_of(user) for piece in pieces(page(user, part))]
    assert parts == pieces(page(user, OVERVIEW))
    assert len(parts) == {"lin": 9, "mei": 8}[who] + 3


def test_what_is_said_below_the_figures_comes_with_the_part_that_knows_it(community):
    bought(make_member("Eve"), "9", 2, "EUR")
    places, active, _newcomers, sales, *_moves = parts_of(community.lin)
    assert 'id="overview-few" hx-swap-oob="innerHTML"' in page(community.lin, active)
    assert "USD" in re.search(r'id="overview-currencies".*', page(community.lin, sales), re.S)[0]
    assert "overview-few" not in page(community.lin, places)


def test_a_part_holds_what_was_accepted_since_the_page_was_shown(community):
    active = parts_of(community.lin)[1]
    assert ">5</a>" in page(community.lin, active)
    new = make_member("Fay")
    did(new, "message", 1, make_group("Late", branch=community.hangzhou))
    assert ">6</a>" in page(community.lin, active)


@pytest.mark.parametrize("part", ["figures-nonsense", "nonsense", "", "moved-places", "figures-places&days=11"])
def test_a_part_that_is_not_there_is_not_found(community, part):
    page(community.lin, f"/reports/part/?part={part}", status=404)


def test_the_link_of_a_figure_stays_what_it_is_on_the_next_day(community):
    link = unescape(re.search(r'href="(/reports/people/[^"]+figure=joined[^"]*)"', page(community.lin, OVERVIEW))[1])
    with time_machine.travel(NOW + 20 * DAY, tick=False):
        assert ">Cy<" in page(community.lin, link)


def test_what_moved_adds_up_to_the_figures(community):
    _form, scope = asked(community.lin)
    places, sales = places_of(scope), sales_of(scope)

    def whole(pairs):
        rows = pairs.values() if isinstance(pairs, dict) else pairs.tolist()
        return tuple(sum(column) for column in zip(*rows, strict=True))

    assert whole(places.joined_by_group) == places.joined == (2, 2)
    by_channel = joined_by_channel(scope, places.joined)
    assert whole(by_channel) == places.joined
    assert by_channel == {"poster": (0, 2), "advert": (1, 0), "": (1, 0)}
    for revenue in sales.revenues:
        earned = earnings_of(scope, sales, revenue.currency)
        assert whole(earned.by_group) == whole(earned.by_channel) == revenue.total
    assert sum(sales.revenues[0].days) == sales.revenues[0].total[0]
    assert places.members_before + sum(places.joined_days) - sum(places.left_days) == places.members_days[-1]


def test_money_and_member_days_are_of_the_groups_that_the_viewer_may_see(community):
    mine, theirs = (Group.objects.get(name=name) for name in ("Reading", "Maths"))
    _form, scope = asked(community.lin)
    assert member_days(scope)[0][[mine.pk, theirs.pk]].tolist() == [[4, 3], [1, 0]]
    cy, dee, old = (Member.objects.get(name=name) for name in ("Cy", "Dee", "Old"))
    bought(cy, "40", 3)
    assert Order.objects.filter(member=cy).update(group_id=theirs.pk) == 1
    did(dee, "joined", 1, mine)
    did(dee, "refunded", 1, theirs, value=Decimal(5))
    did(cy, "refunded", 2, mine, value=Decimal("0.25"))
    did(old, "refunded", 8, mine, value=Decimal(3))

    def earned(user):
        _form, scope = asked(user)
        sales = sales_of(scope)
        by_group = earnings_of(scope, sales, "CNY").by_group
        found = {group.name: by_group[group.pk].tolist() for group in (mine, theirs) if group.pk < len(by_group)}
        return {revenue.currency: (revenue.total, revenue.refunds) for revenue in sales.revenues}, found

    cny = ((14020 - 5035, 5010 - 300), (5035, 300))
    assert earned(community.lin) == (
        {"CNY": cny, "USD": ((1500, 0), (500, 0))},
        {"Reading": [10020 - 5035, 4710], "Maths": [4000, 0]},
    )
    money, by_group = earned(community.mei)
    assert money == {"CNY": cny, "USD": ((2000, 0), (0, 0))}
    assert by_group["Reading"] == [14020 - 5035, 4710]
    assert by_group.get("Maths", [0, 0]) == [0, 0]


def test_an_order_without_a_group_belongs_to_the_group_and_channel_that_the_member_came_by(community):
    page_of = overview_page(*asked(community.mei))
    revenue = next(move for move in page_of.moves if move.key == "revenue")
    groups, channels = revenue.lists
    assert [row.label for row in groups.rows] == []  # 50.10 before and now: nothing moved
    assert [(row.label, row.change) for row in channels.rows] == [
        ("friends", Decimal("-100.20")),
        ("poster", Decimal("100.20")),
    ]


def test_groups_and_channels_open_their_own_reports(community):
    html = page(community.lin, OVERVIEW)
    assert re.search(r'href="/groups/\d+/health/"[^>]*>Maths<|href="/reports/[^"]*"[^>]*>Maths<', html)
    channel = re.search(r'href="(/reports/activity/\?[^"]*)" translate="no">poster<', html)
    assert "poster" in page(community.lin, unescape(channel[1]))


@pytest.mark.once
def test_the_largest_changes_come_first_until_most_is_explained():
    found = explained({"a": (10, 0), "b": (0, 8), "c": (1, 0), "d": (0, 1), "e": (5, 5)})
    assert [(part.key, part.change) for part in found.parts] == [("a", 10), ("b", -8)]
    assert (found.share, found.left_out) == (90.0, 2)
    many = explained({str(number): (1, 0) for number in range(50)})
    assert (len(many.parts), many.share, many.left_out) == (8, 16.0, 42)
    assert explained({"a": (3, 3)}).parts == []


def test_the_queries_do_not_grow_with_groups_channels_and_members(community):
    def queries(user):
        counts = []
        for address in (FRAME, OVERVIEW, *parts_of(user)):
            with CaptureQueriesContext(connection) as captured:
                page(user, address)
            counts.append(len(captured))
        return counts

    def add(numbers):
        for number in numbers:
            group = make_group(f"More {number}", branch=community.hangzhou)
            member = make_member(f"M{number}")
            did(member, "joined", 3, group, f"channel{number}")
            for days_ago in (3, 9):
                bought(member, str(5 + number % 3 + days_ago), days_ago)
            did(member, "refunded", 1, group, value=Decimal(1))
        stats_catch_up(now=NOW)

    add(range(2))
    few = [queries(community.lin), queries(community.mei)]
    add(range(2, 20))
    assert [queries(community.lin), queries(community.mei)] == few


def test_the_figures_can_be_taken_away_as_a_file(community):
    rows = page(community.lin, f"{OVERVIEW}&export=csv").lstrip("\ufeff").splitlines()
    assert "Joined,,2,2" in rows
    assert '"Revenue, USD",,20.00,0.00' in rows
    assert "Joined,poster,0,2" in rows


def test_small_samples_and_an_empty_community_say_so(cast, community):
    html = page(community.lin, OVERVIEW)
    assert "5 members were active" in html
    assert "of 2 newcomers only" in html
    empty = page(community.lin, "/reports/?days=7&until=2024-01-01")
    assert "Nothing happened in these days" in empty
    Event.objects.all().delete()
    assert "Nothing to compare yet" in page(community.lin, "/reports/?days=7&until=2024-01-01")


@pytest.mark.parametrize("query", ["days=5", "until=2199-01-01", "until=never", "branch=nowhere"])
def test_an_address_that_makes_no_sense_says_what_is_wrong(community, query):
    assert "notice-bad" in page(community.lin, f"/reports/?{query}")
    page(community.lin, "/reports/people/?report=overview&figure=nonsense", status=404)


def test_a_question_mark_says_what_a_figure_is_with_range_zone_and_filters(community):
    html = page(community.lin, f"{OVERVIEW}&branch=hangzhou")
    box = re.search(
        r'<div popover[^>]*id="explain-left".*?</div>\s*</div>|<div popover[^>]*id="explain-left".*?</dl>', html, re.S
    )[0]
    for words in ("Places that became free", "2026-02-23 – 2026-03-01", "Asia/Shanghai (UTC+08:00)", "杭州", "As of"):
        assert words in box, words
    assert 'popovertarget="explain-left"' in html
    assert "none: everything that you may see" in page(community.lin, OVERVIEW)
