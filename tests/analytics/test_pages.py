"""The reports as people use them: every number is there, and opens the members behind it."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from django.test import Client

from activity.services import event_key
from groups.models import Group
from members.ingestion.batch import IncomingEvent, ingest
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


def did(member, kind, days_ago=0.0, group=None, channel=""):
    event = IncomingEvent(
        key=event_key("test", f"{member.pk}-{kind}-{days_ago}"),
        member=member.external_id,
        group=group.external_id if group else "",
        kind=kind,
        at=NOW - timedelta(days=days_ago),
        channel=channel,
    )
    assert ingest(events=[event], source="test", by=None, create_missing=False, now=NOW).accepted == 1


@pytest.fixture
def community(cast):
    """Three members of Mei's branch who get as far as joining, writing and ordering, and one elsewhere."""
    mine, theirs = make_group("Reading", branch=cast.hangzhou), make_group("Maths", branch=cast.chengdu)
    ann, bob, cy, dee = (make_member(name) for name in ("Ann", "Bob", "Cy", "Dee"))
    for member, kinds in ((ann, "joined message ordered"), (bob, "joined message"), (cy, "joined")):
        for i, kind in enumerate(kinds.split()):
            did(member, kind, 3 - i, mine, channel="poster" if member == ann else "")
    did(dee, "joined", 2, theirs)
    return cast


def page(user, address, status=200):
    client = Client()
    client.force_login(user)
    response = client.get(address)
    assert response.status_code == status, address
    return b"".join(response).decode() if response.streaming else response.content.decode()


def links_of(html):
    return [unescape(link) for link in re.findall(r'href="(/reports/people/[^"]+)"', html)]


def names_on(html):
    return sorted(re.findall(r'translate="no">(Ann|Bob|Cy|Dee)<', html))


def people_of(user, link):
    return names_on(page(user, link))


ACTIVITY, RETENTION, FUNNEL = "/reports/activity/", "/reports/retention/", "/reports/funnel/"


@pytest.mark.parametrize("who", ["lin", "mei", "ana", "out"])
@pytest.mark.parametrize("address", [ACTIVITY, RETENTION, FUNNEL])
def test_everybody_on_the_staff_reads_reports_and_a_stranger_signs_in(community, who, address):
    assert 'data-plot="' in page(getattr(community, who), address)
    assert Client().get(address).status_code == 302
    client = Client()
    client.force_login(community.lin)
    assert client.post(address).status_code == 405


@pytest.mark.parametrize(
    "address",
    [
        ACTIVITY,
        f"{ACTIVITY}?metric=total&preset=7d",
        f"{ACTIVITY}?metric=total&by=channel",
        f"{ACTIVITY}?metric=unique&by=group&interval=week",
        f"{ACTIVITY}?metric=rolling_unique&window=30",
        f"{ACTIVITY}?preset=7d&interval=hour&kind=joined",
        RETENTION,
        f"{RETENTION}?period=day&mode=recurring&measure=on_or_after",
        FUNNEL,
        f"{FUNNEL}?order=unordered&by=channel",
        f"{FUNNEL}?by=branch&touch=last_touch&entry=day",
    ],
)
def test_every_number_opens_as_many_members_as_it_says_or_fewer_for_events(community, address):
    html = page(community.lin, address)
    found = [
        (unescape(link), int(text)) for link, text in re.findall(r'href="(/reports/people/[^"]+)">(\d+)</a>', html)
    ]
    assert found
    for link, count in found:
        people = people_of(community.lin, link)
        if "metric=total" in link:
            assert 0 < len(people) <= count
        elif "Events" in html and count > 4:
            assert len(people) == 4  # the figure of events opens who did them
        else:
            assert len(people) == count, link


def test_the_cells_of_retention_open_those_who_came_back(community):
    html = page(community.lin, f"{RETENTION}?period=day&intervals=5&start=joined")
    shares = re.findall(r'title="(\d) of \d[^"]*"><a href="([^"]+)">', html)
    assert shares
    for count, link in shares:
        assert len(people_of(community.lin, unescape(link))) == int(count)


def test_those_lost_at_a_step_are_listed(community):
    html = page(community.mei, FUNNEL)
    lost = [link for link in links_of(html) if "lost=1" in link]
    assert [people_of(community.mei, link) for link in lost] == [["Cy"], ["Bob"]]


def test_a_branch_counts_and_lists_its_own_members_only(community):
    link = next(link for link in links_of(page(community.lin, ACTIVITY)) if "figure=active" in link)
    assert people_of(community.lin, link) == ["Ann", "Bob", "Cy", "Dee"]
    assert people_of(community.mei, link) == ["Ann", "Bob", "Cy"]
    assert people_of(community.out, link) == ["Dee"]


def test_a_group_of_another_branch_cannot_be_asked_for(community):
    theirs = Group.objects.get(name="Maths")
    html = page(community.mei, f"{ACTIVITY}?group={theirs.pk}")
    assert "not one of the available choices" in html
    assert "Maths" not in html
    assert "Maths" not in page(community.mei, "/reports/groups/?find=Maths")
    assert "Maths" in page(community.lin, "/reports/groups/?find=Maths")


def test_the_members_behind_a_number_can_be_searched_sorted_and_exported(community):
    link = next(link for link in links_of(page(community.lin, ACTIVITY)) if "figure=active" in link)
    assert people_of(community.lin, f"{link}&q=ann") == ["Ann"]
    rows = page(community.lin, f"{link}&export=csv").splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["Ann", "Bob", "Cy", "Dee"]


def test_a_table_can_be_taken_away_as_a_file(community):
    rows = page(community.lin, f"{FUNNEL}?export=csv").lstrip("\ufeff").splitlines()
    assert rows[1].startswith("1,Joined the group,4,100.0,")
    assert rows[3].startswith("3,Ordered,1,25.0,50.0,1,86400,86400")
    assert "poster" in page(community.lin, f"{FUNNEL}?by=channel&export=csv&table=breakdown")
    assert page(community.lin, f"{ACTIVITY}?export=csv").count("\n") == 31
    client = Client()
    client.force_login(community.lin)
    assert client.get(f"{RETENTION}?export=xlsx").status_code == 200


def test_the_preset_is_kept_and_dates_that_are_typed_win(community):
    html = page(community.lin, f"{ACTIVITY}?preset=7d")
    assert re.search(r'preset=7d[^>]*aria-current="true"', html)
    assert 'value="2026-02-24"' in html
    html = page(community.lin, f"{ACTIVITY}?preset=7d&from=2026-01-01&to=2026-01-31")
    assert 'aria-current="true"' not in html
    assert 'value="2026-01-01"' in html


@pytest.mark.parametrize(
    "address",
    [
        f"{ACTIVITY}?from=2026-02-30",
        f"{ACTIVITY}?from=2026-03-01&to=2026-02-01",
        f"{ACTIVITY}?metric=nonsense&interval=minute&by=age&window=8&group=x&branch=nowhere",
        f"{ACTIVITY}?interval=hour&from=2020-01-01&to=2026-01-01",
        f"{ACTIVITY}?from=0001-01-01&to=9999-12-31",
        f"{RETENTION}?intervals=900&period=year&least=0",
        f"{RETENTION}?since=9999-12-31",
        f"{FUNNEL}?step=nothing&window=0",
        f"{FUNNEL}?{'&'.join(['step=joined'] * 21)}",
    ],
)
def test_an_address_that_makes_no_sense_is_answered_with_what_is_wrong(community, address):
    assert 'class="notice notice-bad"' in page(community.lin, address)


@pytest.mark.parametrize(
    "query",
    ["report=nothing", "period=99", "period=x", "report=funnel&reached=9", "report=retention&cohort=-1", "figure=no"],
)
def test_a_number_that_is_not_there_is_not_found(community, query):
    page(community.lin, f"/reports/people/?{query}", status=404)


def test_steps_are_added_removed_and_moved_without_a_script(community):
    def after(act, *steps):
        client = Client()
        client.force_login(community.lin)
        query = "&".join(f"step={step}" for step in steps)
        return re.findall(r"step=([a-z%0-9A-Z*]+)", client.get(f"{FUNNEL}?{query}&act={act}")["Location"])

    assert after("add", "joined") == ["joined", "*"] or after("add", "joined") == ["joined", "%2A"]
    assert after("remove:0", "joined", "message") == ["message"]
    assert after("remove:0", "joined") == ["joined"]
    assert after("up:1", "joined", "message", "ordered") == ["message", "joined", "ordered"]
    assert after("down:1", "joined", "message", "ordered") == ["joined", "ordered", "message"]
    assert after("down:9", "joined", "message") == ["joined", "message"]


def test_an_empty_report_says_why_and_what_to_do(cast, community):
    assert "Nothing happened in this range" in page(community.lin, f"{ACTIVITY}?from=2020-01-01&to=2020-01-31")


def test_without_any_event_the_way_in_is_shown(cast):
    html = page(cast.lin, FUNNEL)
    assert "No events yet" in html
    assert "Import messages" in html
    assert "Import messages</a>" not in page(cast.ana, FUNNEL)


def test_small_numbers_say_that_they_are_small(community):
    assert "4 members were active" in page(community.lin, ACTIVITY)
    assert "4 members entered" in page(community.lin, FUNNEL)
    assert "fewer than 30 members" in page(community.lin, f"{RETENTION}?period=day")


def test_a_name_that_looks_like_markup_stays_text(community):
    make_member("<script>alert(1)</script>")
    group = make_group("</script><b>bold", branch=community.hangzhou)
    member = make_member("<i>x")
    did(member, "joined", 1, group)
    html = page(community.lin, f"{ACTIVITY}?by=group")
    assert "<b>bold" not in html
    assert "<i>x" not in page(community.lin, "/reports/people/?figure=active")


def test_the_number_of_queries_does_not_grow_with_groups_and_members(community, django_assert_max_num_queries):
    def ask():
        client = Client()
        client.force_login(community.lin)
        for address in (ACTIVITY, f"{ACTIVITY}?by=group", RETENTION, f"{FUNNEL}?by=branch", "/reports/people/"):
            with django_assert_max_num_queries(15):
                client.get(address)

    ask()
    for number in range(20):
        did(make_member(), "joined", 1, make_group(f"Group {number}"))
    ask()
