"""Which channel pays: what came through each, what it cost, and who is behind each figure."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
import time_machine
from django.urls import reverse
from django.utils.html import strip_tags

from activity.models import Channel
from activity.services import event_key
from analytics.channels.cohort import cents_of
from analytics.channels.figures import before, channel_figures
from analytics.channels.money import CENT, Money, spread
from analytics.channels.people import FIGURES, members_behind
from analytics.channels.scope import Scope
from analytics.health.days import Days, local_day
from analytics.index.building import index_build
from analytics.index.whole import whole_index
from analytics.ledger.reading import Ledger
from campaigns.orders.services import NewOrder, orders_record
from members.acquisition.offered import channels_offered
from members.ingestion import IncomingEvent, ingest
from members.segments.filters import fields_for
from members.services import members_ensure
from tests.builders import NOW, make_group
from tests.members.spend_things import spent

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
TODAY = local_day(NOW)
TEN = Days(TODAY - 9 * DAY, TODAY)


def tell(*rows, source="tests"):
    """(member, group, kind, days ago, channel, value)"""
    events = []
    for number, (member, group, kind, ago, *more) in enumerate(rows):
        channel, value = (more[0] if more else ""), (Decimal(more[1]) if more[1:] else None)
        key = event_key(source, f"{number} {member} {kind}")
        events.append(IncomingEvent(key, member, group, kind, NOW - ago * DAY, channel, value))
    outcome = ingest(events=events, source=source, by=None, create_missing=True, now=NOW)
    assert not outcome.rejected


def buy(member, ago, amount, currency="CNY"):
    key = event_key("shop", f"{member} {ago} {amount}")
    order = NewOrder(key, member, NOW - ago * DAY, Decimal(amount), currency)
    orders_record(orders=[order], source="shop", by=None, now=NOW)


@pytest.fixture
def story(cast):
    """Two posters and an advertisement; ten days of joins in Hangzhou and one in Chengdu."""
    make_group(branch=cast.hangzhou, external_id="h")
    make_group(branch=cast.chengdu, external_id="c")
    members_ensure(external_ids=["lost", "later"])
    tell(
        ("lost", "", "link_click", 9, "ad"),
        ("ann", "", "link_click", 9, "ad"),
        ("ann", "", "link_click", 8.5, "ad"),
        ("ann", "h", "joined", 8, "poster"),  # the advertisement was first
        ("ann", "h", "friended", 7),
        ("ben", "h", "joined", 6, "poster"),
        ("ben", "h", "friended", 5),
        ("cid", "h", "joined", 6, "poster"),
        ("dan", "h", "joined", 40, "poster"),  # before the range
        ("dan", "c", "joined", 3, "ad"),  # not new
        ("eve", "c", "joined", 2, "poster"),
        ("fay", "h", "joined", 2),  # nobody knows from where
        ("ann", "h", "link_click", 1, "ad"),  # in the group already
    )
    buy("ann", 5, "200")
    buy("ann", 1, "50", "USD")
    buy("cid", 3, "80")
    buy("cid", 2, "40")
    buy("dan", 1, "999")
    tell(("cid", "h", "refunded", 1, "", "30"), source="refund")
    spent(cast.lin, "ad", 100)
    spent(cast.lin, "ad", 20, currency="USD")
    spent(cast.lin, "poster", 900, ago=19, days=20)
    spent(cast.lin, "flyer", 60, ago=-3, days=4)  # not spent yet
    spent(cast.out, "poster", 77)


def by_code(scope, days=TEN, until=NOW):
    codes = dict(Channel.objects.values_list("pk", "code"))
    return {codes.get(number, ""): row for number, row in channel_figures(scope, (days, until))[0].items()}


def test_each_member_counts_for_the_channel_that_was_first(cast, story):
    found = by_code(Scope(cast.ana))
    assert {code: row.joins for code, row in found.items()} == {"ad": 1, "poster": 3, "": 1}
    ad, poster = found["ad"], found["poster"]
    assert (ad.clicked, ad.came, ad.friends, ad.friends_bought, ad.orders) == (2, 1, 1, 1, 2)
    assert (poster.clicked, poster.friends, poster.buyers, poster.friends_bought, poster.orders) == (0, 1, 1, 0, 2)
    assert found[""].clicked is None


def test_refunds_are_taken_off_and_currencies_are_never_added(cast, story):
    found = by_code(Scope(cast.ana))
    assert found["ad"].revenue == Money({"CNY": Decimal(200), "USD": Decimal(50)})
    assert found["poster"].revenue == Money({"CNY": Decimal(90)})
    assert found["ad"].spend == Money({"CNY": Decimal(100), "USD": Decimal(20)})
    # Half of its twenty days lie in the range; the branch's own ten days do.
    assert found["poster"].spend == Money({"CNY": Decimal(450 + 77)})
    assert str(found["ad"].spend.per(3)) == "¥33.33 · $6.67"
    assert str(found["ad"].spend.per(0)) == "–"


def test_a_channel_has_paid_back_once_its_members_brought_more_than_it_cost(cast, story):
    found = by_code(Scope(cast.ana))
    assert found["ad"].payback() == {"CNY": 5, "USD": 9}
    assert found["poster"].payback() == {"CNY": None}
    buy("ben", 0.1, "600")
    assert by_code(Scope(cast.ana))["poster"].payback() == {"CNY": 10}
    tell(("ben", "h", "refunded", 0.05, "", "600"), source="regret")
    assert by_code(Scope(cast.ana))["poster"].payback() == {"CNY": None}


def test_a_branch_sees_its_own_members_events_and_spend_only(cast, story):
    mei, out = by_code(Scope(cast.mei)), by_code(Scope(cast.out))
    assert {code: (row.joins, row.clicked) for code, row in mei.items()} == {
        "ad": (1, None), "poster": (2, None), "": (1, None),
    }  # fmt: skip
    assert not any(row.spend for row in mei.values())
    # In Chengdu Dan is new, by the channel of what he did there.
    assert {code: row.joins for code, row in out.items()} == {"ad": 1, "poster": 1}
    assert out["poster"].spend == Money({"CNY": Decimal(77)})
    headquarters = by_code(Scope(cast.ana, cast.chengdu))
    assert {code: row.joins for code, row in headquarters.items()} == {"ad": 1, "poster": 1}
    assert headquarters["poster"].spend == Money({"CNY": Decimal(77)})


def test_the_range_before_is_looked_at_when_it_was_as_old(cast, story):
    then, until = before(TEN, NOW)
    assert (len(then), then.last, until) == (10, TEN.first - DAY, NOW - 10 * DAY)
    assert by_code(Scope(cast.ana), then, until)["poster"].spend == Money({"CNY": Decimal(450)})
    # Dan joined 40 days ago; his order of yesterday was not known when those days were as old as these are.
    span = Days(TODAY - 44 * DAY, TODAY - 35 * DAY)
    assert by_code(Scope(cast.ana), span)["poster"].revenue == Money({"CNY": Decimal(999)})
    assert not by_code(Scope(cast.ana), span, NOW - 2 * DAY)["poster"].revenue


def test_every_figure_opens_as_many_members_as_it_counts(cast, story):
    for scope in (Scope(cast.ana), Scope(cast.mei), Scope(cast.out), Scope(cast.ana, cast.hangzhou)):
        for number, row in channel_figures(scope, (TEN, NOW))[0].items():
            counted = {
                "clicked": row.clicked or 0,
                "not_joined": (row.clicked or 0) - row.came,
                "joined": row.joins,
                "friends": row.friends,
                "not_friends": row.joins - row.friends,
                "buyers": row.buyers,
                "not_buyers": row.friends - row.friends_bought,
            }
            assert counted.keys() == FIGURES.keys()
            for figure, count in counted.items():
                members = members_behind(scope, TEN, figure=figure, channel=number, now=NOW)
                assert members.count() == count, (figure, number)


def plain(found):
    return {
        code: vars(row)
        | {name: {word: cents.tolist() for word, cents in vars(row)[name].items()} for name in ("earned", "spent")}
        for code, row in found.items()
    }


def test_the_figures_are_the_same_out_of_the_index(cast, story, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    scopes = (Scope(cast.ana), Scope(cast.mei), Scope(cast.out), Scope(cast.ana, cast.hangzhou))

    def heard_of():
        return [set(channels_offered(user).values_list("code", flat=True)) for user in (cast.ana, cast.mei, cast.out)]

    told = [plain(by_code(scope)) for scope in scopes]
    heard = heard_of()
    assert heard == [{"ad", "flyer", "poster"}, {"ad", "poster"}, {"ad", "poster"}]
    index_build(now=NOW)
    assert Ledger.now().stored is not None
    assert whole_index(since=None, until=0, kinds=None)
    assert [plain(by_code(scope)) for scope in scopes] == told
    assert heard_of() == heard
    # What came after it counts too.
    tell(("gil", "h", "joined", 0.2, "letter"), source="later")
    assert ["letter" in each for each in heard_of()] == [True, True, False]
    buy("ben", 0.1, "600")
    assert by_code(Scope(cast.ana))["poster"].revenue == Money({"CNY": Decimal(690)})


@pytest.mark.once
def test_parts_of_a_cent_are_rounded_as_decimals_are():
    parts = np.arange(-450, 451)
    assert cents_of(parts).tolist() == [int((Decimal(n) / 10_000).quantize(CENT) / CENT) for n in parts.tolist()]


def test_an_amount_is_spread_over_its_days_to_the_cent(cast):
    days = Days(TODAY, TODAY + 6 * DAY)
    parts = list(spread([(days.first, days.last, Decimal("100.00"))], days))
    assert sum(amount for _day, amount in parts) == Decimal("100.00")
    assert {amount for _day, amount in parts} == {Decimal("14.29"), Decimal("14.26")}
    inside = list(spread([(days.first, days.last, Decimal(70))], Days(TODAY + 5 * DAY, TODAY + 30 * DAY)))
    assert inside == [(TODAY + 5 * DAY, Decimal(10)), (TODAY + 6 * DAY, Decimal(10))]


@time_machine.travel(NOW, tick=False)
def test_the_page_says_who_pays_and_leads_to_the_members(client, cast, story):
    client.force_login(cast.ana)
    page = client.get(reverse("analytics:channels"), {"from": TEN.first, "to": TEN.last}).content.decode()
    text = " ".join(strip_tags(page).split())
    assert "1 of 2 channels with spend have earned back what they cost. The quickest: ad, after CNY: 5 days" in text
    assert "¥200.00" in text
    assert "– not yet (17.1%)" in text
    assert "50.0% lost" in text
    people = client.get(
        reverse("analytics:channel_people"), {"from": TEN.first, "to": TEN.last, "channel": "all", "figure": "buyers"}
    ).content.decode()
    assert people.count('class="row-link"') == 2
    file = client.get(
        reverse("analytics:channels"), {"from": TEN.first, "to": TEN.last, "export": "csv", "sort": "-spend"}
    )
    lines = b"".join(file.streaming_content).decode().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["poster", "ad", "No channel known"]
    one = client.get(reverse("analytics:channels"), {"q": "post"}).content.decode()
    assert one.count('<th scope="row">') == 1


@time_machine.travel(NOW, tick=False)
def test_a_channel_has_a_page_with_its_days_and_no_branch_hears_of_those_of_others(client, cast, story):
    ad, flyer = Channel.objects.get(code="ad"), Channel.objects.get(code="flyer")
    client.force_login(cast.ana)
    address = reverse("analytics:channel", args=[ad.pk])
    page = client.get(address, {"from": TEN.first, "to": TEN.last})
    assert [course.currency for course in page.context["page"].courses] == ["CNY", "USD"]
    assert '<dt>Channel</dt><dd translate="no">ad</dd>' in page.content.decode()
    assert "everything that you may see" not in page.content.decode()
    course = page.context["page"].courses[0]
    assert course.chart.series[0]["data"] == [0, 0, 0, 0, 200, 200, 200, 200, 200, 200]
    assert course.chart.series[1]["data"] == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    file = client.get(address, {"from": TEN.first, "to": TEN.last, "export": "csv", "currency": "USD"})
    assert b"50.00" in b"".join(file.streaming_content)
    client.force_login(cast.mei)
    assert client.get(address).status_code == 200
    assert client.get(reverse("analytics:channel", args=[flyer.pk])).status_code == 404
    hidden = {"channel": flyer.pk, "figure": "joined"}
    assert client.get(reverse("analytics:channel_people"), hidden).status_code == 404
    assert client.get(reverse("analytics:channel_people"), {"channel": "x", "figure": "joined"}).status_code == 404


@time_machine.travel(NOW, tick=False)
def test_only_what_was_heard_of_is_offered_for_conditions_of_a_funnel_and_of_segments(client, cast, story):
    def offered(user):
        client.force_login(user)
        return [
            {
                value
                for value, _label in client.get(reverse("analytics:funnel")).context["form"]["through"].field.choices
            },
            {value for value, _label in fields_for(user)["channel"].choices(user, ("flyer",))},
        ]

    assert offered(cast.ana) == [{"", "ad", "flyer", "poster"}, {"ad", "flyer", "poster"}]
    assert offered(cast.mei) == [{"", "ad", "poster"}, {"ad", "poster"}]
    # What a shared report asks for is asked, and nothing is found.
    shared = f"{reverse('analytics:funnel')}?step=joined&step=message&through=flyer&through="
    page = client.get(shared)
    assert not page.context["form"].errors
    assert "reached=" not in page.content.decode()


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize("number", [2, 20])
def test_the_number_of_queries_does_not_grow_with_the_channels(client, cast, number, django_assert_max_num_queries):
    make_group(branch=cast.hangzhou, external_id="h")
    tell(*((f"m{one}", "h", "joined", 3, f"c{one}") for one in range(number)))
    for one in range(number):
        spent(cast.lin, f"c{one}", 10)
    client.force_login(cast.ana)
    client.get(reverse("analytics:channels"))
    with django_assert_max_num_queries(17):
        page = client.get(reverse("analytics:channels"))
    assert page.context["listing"].total == number
