"""Who carries the community, who brought whom, and which groups rose or fell."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.db.models import BigIntegerField, ExpressionWrapper, F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags

from activity.services import event_key
from analytics.carriers.selectors import FIGURES, Span, carriers_of, concentration_of
from analytics.carriers.tree import BRANCHES, roots_of, tree_of
from analytics.channels.scope import Scope
from analytics.health.days import Days, local_day
from analytics.health.services import stats_catch_up
from analytics.index.building import index_build
from analytics.index.files import index_remove
from analytics.models import SavedReport
from analytics.ranking.selectors import Ranking
from analytics.saved.services import report_change
from campaigns.orders.services import NewOrder, orders_record
from groups.models import Group
from members.ingestion import IncomingEvent, ingest
from members.models import Member, Membership
from members.roles.services import member_role_end, member_role_grant
from tests.analytics.test_explained import boxes_of
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
TODAY = local_day(NOW)
TEN = Days(TODAY - 9 * DAY, TODAY)


def tell(rows, source="tests"):
    """(member, group, kind, days ago)"""
    events = [
        IncomingEvent(event_key(source, f"{number} {row}"), row[0], row[1], row[2], NOW - row[3] * DAY)
        for number, row in enumerate(rows)
    ]
    outcome = ingest(events=events, source=source, by=None, create_missing=True, now=NOW)
    assert not outcome.rejected


def invite(inviter, *names):
    Member.objects.filter(external_id__in=names).update(invited_by=Member.objects.get(external_id=inviter))


def buy(name, amount, currency="CNY", ago=1):
    order = NewOrder(event_key("shop", f"{name} {amount}"), name, NOW - ago * DAY, Decimal(amount), currency)
    orders_record(orders=[order], source="shop", by=None, now=NOW)


@pytest.fixture
def story(cast):
    make_group("杭州群", branch=cast.hangzhou, external_id="h")
    make_group("成都群", branch=cast.chengdu, external_id="c")
    tell(
        [
            *(("ann", "h", "message", 2) for _time in range(7)),
            *(("ben", "h", "message", 30) for _time in range(9)),  # before the range
            ("ben", "h", "answer", 3),
            ("ben", "h", "answer", 2),
            ("cid", "h", "joined", 4),
            ("dan", "h", "joined", 40),
            ("eve", "c", "joined", 3),
            ("eve", "c", "message", 1),
            ("fay", "h", "joined", 2),
            ("fay", "h", "left", 1),
        ]
    )
    invite("ann", "cid", "dan", "eve", "fay")
    invite("cid", "ben")
    buy("cid", 80)
    buy("fay", 20, "USD")
    buy("dan", 50, ago=20)


def grant(member, group, role):
    place = Membership.objects.get(member__external_id=member, group__external_id=group)
    return member_role_grant(by=None, now=NOW, membership=place, role=role)


def names(rows):
    return [row.member.external_id for row in rows]


def test_each_board_lists_who_did_most_of_it_with_everything_else_they_did(cast, story):
    whole = Span(Scope(cast.ana), TEN)
    rows = carriers_of(whole, figure="messages")
    assert names(rows) == ["ann", "eve"]
    # Cid, Eve and Fay came within the ten days; Dan came earlier, and bought earlier.
    assert rows[0].figures == {"messages": 7, "answers": 0, "check_ins": 0, "invited": 3, "brought": 2}
    assert names(carriers_of(whole, figure="answers")) == ["ben"]
    assert names(carriers_of(whole, figure="invited")) == ["ann"]
    assert carriers_of(whole, figure="check_ins") == []
    mei = carriers_of(Span(Scope(cast.mei), TEN), figure="messages")
    assert names(mei) == ["ann"]
    assert mei[0].figures["invited"] == 2
    there = Span(Scope(cast.ana), TEN, [Group.objects.get(external_id="c")])
    assert names(carriers_of(there, figure="messages")) == ["eve"]
    both = Span(Scope(cast.ana), TEN, list(Group.objects.filter(external_id__in="hc")))
    assert names(carriers_of(both, figure="messages")) == ["ann", "eve"]


def test_whoever_is_looked_for_keeps_the_place_that_they_have_among_all(cast, story):
    tell([("gus", "c", "message", 1)])
    whole = Span(Scope(cast.ana), TEN)
    # Eve and Gus wrote equally much.
    assert [row.place for row in carriers_of(whole, figure="messages")] == [1, 2, 2]
    (row,) = carriers_of(whole, figure="messages", text="gus")
    assert (row.member.external_id, row.place, row.figures["messages"]) == ("gus", 2, 1)
    assert carriers_of(whole, figure="answers", text="gus") == []
    (inviter,) = carriers_of(whole, figure="invited", text="ann")
    assert (inviter.place, inviter.figures["invited"]) == (1, 3)


def test_how_much_hangs_on_few_is_counted_of_all_members_the_silent_ones_too(cast, story):
    grant("ann", "h", "leader")
    found = concentration_of(Span(Scope(cast.ana), TEN))
    assert (found.members, found.active, found.interactions) == (6, 3, 10)
    assert found.shares[2] == (10, 1, 70.0)
    assert (found.leaders, found.by_leaders) == (1, 7)
    values = sorted([7, 2, 1, 0, 0, 0])
    by_hand = sum(abs(a - b) for a in values for b in values) / (2 * 6 * sum(values))
    assert found.gini == pytest.approx(by_hand, abs=0.001)
    nothing = concentration_of(Span(Scope(cast.ana), Days(TODAY - 400 * DAY, TODAY - 390 * DAY)))
    assert (nothing.interactions, nothing.gini, nothing.shares[0][2]) == (0, None, None)


def test_only_roles_in_the_groups_one_asks_about_make_somebody_lead(cast, story):
    tell([("ann", "c", "joined", 5), ("ann", "c", "message", 5), ("ben", "c", "joined", 5)])
    grant("ann", "h", "seed")
    grant("ann", "c", "leader")
    grant("eve", "c", "initiator")
    member_role_end(by=None, now=NOW, role=grant("ben", "h", "leader"))

    def told(span):
        found = concentration_of(span)
        ann = next(row for row in carriers_of(span, figure="messages") if row.member.external_id == "ann")
        return found.leaders, found.by_leaders, ann.roles

    assert told(Span(Scope(cast.ana), TEN)) == (2, 9, ["Opinion leader", "Seed user"])
    with CaptureQueriesContext(connection) as asked:
        assert told(Span(Scope(cast.mei), TEN)) == (1, 7, ["Seed user"])
    # From a thousand groups on, a database would go through all memberships in them for the few roles that there are.
    of_roles = [query["sql"] for query in asked if "memberrole" in query["sql"]]
    assert len(of_roles) == 2
    assert not [sql for sql in of_roles if 'group_id" IN' in sql]
    grant("ben", "c", "leader")
    assert told(Span(Scope(cast.ana, cast.chengdu), TEN)) == (3, 2, ["Opinion leader"])
    both = list(Group.objects.filter(external_id__in="hc"))
    assert told(Span(Scope(cast.ana), TEN, both)) == (3, 11, ["Opinion leader", "Seed user"])


@pytest.mark.parametrize("few", [0, 5_000])
def test_the_figures_are_the_same_out_of_the_index_and_what_came_since_counts(
    cast, story, settings, tmp_path, monkeypatch, few
):
    """Where those who did something in the groups are many, and where they are few."""

    def told():
        spans = [Span(Scope(cast.ana), TEN), Span(Scope(cast.mei), TEN), Span(Scope(cast.ana, cast.chengdu), TEN)]
        spans.append(Span(Scope(cast.ana), TEN, [Group.objects.get(external_id="h")]))
        boards = [
            [(row.member.pk, row.place, row.figures, row.roles) for row in carriers_of(span, figure=figure)]
            for span in spans
            for figure in FIGURES
        ]
        return boards, [concentration_of(span) for span in spans]

    settings.DATA_DIR = tmp_path
    monkeypatch.setattr("analytics.index.readers.FEW_READ", few)
    monkeypatch.setattr("analytics.index.readers.SPARED", 0)
    grant("eve", "c", "seed")
    before = told()
    index_build(now=NOW)
    assert told() == before
    tell([("gus", "h", "message", 1), ("hal", "c", "joined", 1), ("ann", "h", "message", 1)], source="later")
    invite("ben", "hal")
    buy("cid", 81)
    grant("gus", "h", "leader")
    after = told()
    assert after != before
    index_remove()
    assert told() == after


def test_the_tree_says_who_brought_whom_and_what_became_of_them(cast, story):
    (root,), number = roots_of(Scope(cast.ana))
    assert number == 1
    assert (root.member.external_id, root.brought, root.present, root.ordered) == ("ann", 4, 3, 3)
    assert str(root.revenue) == "¥130.00 · $20.00"
    assert {child.member.external_id: child.brought for child in root.children} == {
        "cid": 1, "dan": 0, "eve": 0, "fay": 0,
    }  # fmt: skip
    # A branch does not hear of whom she brought elsewhere.
    (mine,), _number = roots_of(Scope(cast.mei))
    assert (mine.brought, len(mine.children)) == (3, 3)
    assert roots_of(Scope(cast.out)) == ([], 0)


def test_a_circle_of_invitations_ends(cast, story):
    Member.objects.filter(external_id="ann").update(invited_by=Member.objects.get(external_id="ben"))
    (node,) = tree_of(Scope(cast.ana), [Member.objects.get(external_id="ann").pk])
    cid = next(child for child in node.children if child.member.external_id == "cid")
    assert [child.member.external_id for child in cid.children] == ["ben"]
    assert cid.children[0].children == []


def _multiply(member, times):
    """So many more members like this one, each in its group, made inside the database."""
    same = "name, stage, created_at, tier, identity, contact, fields, no_marketing"
    members = f"""INSERT INTO members_member (external_id, {same})
        WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {times})
        SELECT 'x' || n, {same} FROM numbers CROSS JOIN members_member WHERE id = %s ORDER BY n"""
    places = """INSERT INTO members_membership (member_id, group_id, joined_at, last_seen_at, title)
        SELECT made.id, place.group_id, place.joined_at, place.last_seen_at, place.title
        FROM members_member made CROSS JOIN members_membership place WHERE made.id > %s AND place.member_id = %s"""
    with connection.cursor() as cursor:
        cursor.execute(members, [member.pk])
        cursor.execute(places, [member.pk, member.pk])


@pytest.mark.once
def test_twenty_thousand_members_take_as_many_queries_as_a_few(cast, django_assert_max_num_queries):
    template = make_member(groups=[make_group(branch=cast.hangzhou)])
    _multiply(template, 19_999)
    # Everybody was brought by the member with a tenth of their place.
    tenth = ExpressionWrapper((F("pk") - template.pk) / 10 + template.pk, BigIntegerField())
    Member.objects.filter(pk__gte=template.pk + 20).update(invited_by=tenth)
    assert Membership.objects.count() == 20_000
    for person in (cast.ana, cast.mei):
        with django_assert_max_num_queries(11):
            roots, number = roots_of(Scope(person))
        assert (number, len(roots), roots[0].brought, len(roots[0].children)) == (18, 10, 10, BRANCHES)
        assert sum(len(child.children) for root in roots for child in root.children) == 10 * BRANCHES * BRANCHES
    with django_assert_max_num_queries(14):
        carriers_of(Span(Scope(cast.ana), TEN), figure="invited", text="x1")
        concentration_of(Span(Scope(cast.ana), TEN))


def test_groups_are_ranked_by_their_change_and_summed_from_their_days(cast, story):
    stats_catch_up(now=NOW)
    rows = {row.external_id: row for row in Ranking(Group.objects.all(), TEN)[:]}
    assert (rows["h"].now["messages"], rows["h"].before["messages"], rows["h"].change("messages")) == (7, 0, 7)
    assert (rows["h"].now["joined"], rows["c"].now["joined"]) == (3, 1)
    later = Days(TODAY - 24 * DAY, TODAY - 15 * DAY)
    [row] = Ranking(Group.objects.filter(external_id="h"), later)[:]
    assert (row.change("messages"), row.now["joined"]) == (-9, 0)


@time_machine.travel(NOW, tick=False)
def test_the_pages_show_it_and_give_files(client, cast, story):
    stats_catch_up(now=NOW)
    client.force_login(cast.ana)
    asked = {"from": TEN.first, "to": TEN.last}
    page = client.get(reverse("analytics:carriers"), {**asked, "figure": "invited"}).content.decode()
    assert "The most active 10% make" in " ".join(strip_tags(page).split())
    file = client.get(reverse("analytics:carriers"), {**asked, "export": "csv"})
    assert b"ann" in b"".join(file.streaming_content)
    group = Group.objects.get(external_id="c")
    assert client.get(reverse("analytics:carriers"), {"group": group.pk}).status_code == 200
    tree = client.get(reverse("analytics:referrals"))
    assert "<details" in tree.content.decode()
    ann = Member.objects.get(external_id="ann")
    hers = client.get(reverse("analytics:referrals"), {"member": ann.pk})
    assert hers.context["nodes"][0].brought == 4
    client.cookies["language"] = "zh-hans"
    chinese = client.get(reverse("analytics:referrals")).content.decode()
    assert re.search(r"已下单 \d 人，收入 ", chinese)
    client.cookies["language"] = "en"
    for shown, limits in ((tree, "none: everything that you may see"), (hers, f"Member{ann.name}")):
        boxes = boxes_of(shown.content.decode())
        assert boxes.keys() == {"brought", "present", "ordered", "revenue"}
        assert "how many are in a group now" in boxes["present"]
        assert "all the time until now" in boxes["brought"]
        assert limits in boxes["revenue"]
    for wrong in ({"member": "x"}, {"page": "0x"}, {"member": "999999"}):
        assert client.get(reverse("analytics:referrals"), wrong).status_code == 404
    ranking = client.get(reverse("analytics:ranking"), {**asked, "sort": "-messages_change"})
    assert [row.external_id for row in ranking.context["listing"].rows] == ["h", "c"]
    client.force_login(cast.mei)
    refused = client.get(reverse("analytics:carriers"), {"group": group.pk}).content.decode()
    assert "not one of the available choices" in refused
    assert group.name not in refused
    eve = Member.objects.get(external_id="eve")
    assert client.get(reverse("analytics:referrals"), {"member": eve.pk}).status_code == 404


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize("number", [2, 20])
def test_the_ranking_takes_as_many_queries_for_many_groups(client, cast, number, django_assert_max_num_queries):
    for _group in range(number):
        make_group(branch=cast.hangzhou)
    client.force_login(cast.ana)
    client.get(reverse("analytics:ranking"))
    with django_assert_max_num_queries(10):
        assert client.get(reverse("analytics:ranking")).context["listing"].total == number


@time_machine.travel(NOW, tick=False)
def test_a_leaderboard_is_narrowed_kept_and_pinned_with_all_that_it_was_asked(client, cast, story):
    client.force_login(cast.mei)
    group = Group.objects.get(external_id="h")
    asked = {"preset": "30d", "figure": "messages", "group": group.pk, "q": "an"}
    html = client.get(reverse("analytics:carriers"), asked).content.decode()
    assert "There is no board of likes received" in html
    assert html.count('class="row-link"') == 1
    save = re.search(r'href="(/reports/saved/new/[^"]+)"', html)[1].replace("&amp;", "&")
    client.post(save, {"name": "Who writes", "sharing": "branch", "pin": "on"})
    report = SavedReport.objects.get()
    assert report.question == f"group={group.pk}&figure=messages&q=an&preset=30d"
    card = " ".join(
        strip_tags(client.get(reverse("analytics:dashboard_card", args=[report.pk])).content.decode()).split()
    )
    assert "77.8%" in card
    for said in ("Who did most: Messages", "Member: an", "Groups: 杭州群", "Last 30 days"):
        assert said in card
    # Nobody sees a group elsewhere through what others share.
    report_change(by=cast.mei, now=NOW, report=report, name="Who writes", sharing="all", version=report.version)
    client.force_login(cast.out)
    elsewhere = client.get(reverse("analytics:dashboard_card", args=[report.pk])).content.decode()
    assert "not yours to see" in elsewhere
    assert "ann" not in elsewhere


@time_machine.travel(NOW, tick=False)
def test_a_ranking_is_kept_with_its_order_and_filters(client, cast, story):
    stats_catch_up(now=NOW)
    Group.objects.filter(external_id="c").update(motivation="service")
    client.force_login(cast.ana)
    asked = {"from": TEN.first, "to": TEN.last, "sort": "-messages_change", "motivation": "growth"}
    page = client.get(reverse("analytics:ranking"), asked)
    html = page.content.decode()
    assert [row.external_id for row in page.context["listing"].rows] == ["h"]
    # The next search, and what a "?" says, keep to it.
    assert '<input type="hidden" name="sort" value="-messages_change" form="report-bar">' in html
    assert "<dt>Motivation</dt>" in html
    save = re.search(r'href="(/reports/saved/new/[^"]+)"', html)[1].replace("&amp;", "&")
    client.post(save, {"name": "Growth", "sharing": "owner", "pin": "on"})
    report = SavedReport.objects.get()
    card = client.get(reverse("analytics:dashboard_card", args=[report.pk])).content.decode()
    text = " ".join(strip_tags(card).split())
    assert "1 of 1" in text
    assert "Sorted by: Messages, descending" in text
    assert "杭州群" in text
    opened = client.get(reverse("analytics:saved_report", args=[report.pk]), follow=True)
    assert [row.external_id for row in opened.context["listing"].rows] == ["h"]
