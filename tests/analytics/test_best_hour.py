"""When to post: what was read, ordered and done by hour and weekday, and what chance explains."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from activity.services import event_key
from analytics.health.models import DailyGroupStat
from analytics.hour_form import BestHourForm
from analytics.index.source import source_of
from analytics.pages.best_hour import best_hour_page, share_text, step_words, steps_of
from analytics.sources import SqlNames
from campaigns.posts.services import Schedule, post_create
from delivery.models import Delivery, State
from groups.models import Group
from members.ingestion.batch import IncomingEvent, ingest
from members.models import Membership
from tests.analytics.test_pages import page, people_of
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db

ADDRESS = "/reports/best-hour/"
ZONE = ZoneInfo("Asia/Shanghai")
MORNING, EVENING = 9, 21
DAYS = range(2, 22)


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


def clock(days_ago, hour, minute=0):
    local = NOW.astimezone(ZONE) - timedelta(days=days_ago)
    return local.replace(hour=hour, minute=minute).astimezone(UTC)


def did(rows):
    """Events of (member, group, kind, instant)."""
    events = [
        IncomingEvent(
            event_key("hours", f"{member.pk} {kind} {at.isoformat()}"),
            member.external_id,
            group.external_id if group else "",
            kind,
            at,
        )
        for member, group, kind, at in rows
    ]
    assert ingest(events=events, source="hours", by=None, create_missing=False, now=NOW).accepted == len(events)


def posted(cast, group, moments):
    """A post that went to the group at each of these moments."""
    first = min(moments)
    schedule = Schedule(timezone="Asia/Shanghai", at=first)
    post_create(by=cast.lin, now=first - timedelta(hours=2), title="早安", body="x", groups=[group], schedule=schedule)
    planned = Delivery.objects.filter(group_id=group.pk).latest("pk")
    planned.delete()
    Delivery.objects.bulk_create(
        Delivery(
            dedupe_key=f"{planned.dedupe_key} {at}",
            kind=planned.kind,
            group_id=group.pk,
            group_ref=planned.group_ref,
            post_id=planned.post_id,
            message=planned.message,
            state=State.SENT,
            due_at=at,
            settled_at=at,
            late_until=at,
        )
        for at in moments
    )


def seen(group, members, days, hour, readers):
    return [(member, group, "post_seen", clock(day, hour, 20)) for day in days for member in members[:readers]]


@pytest.fixture
def reading(cast):
    """A group of 12 that gets a post at 9 and at 21 on each of 20 days: in the evening 9 read it, in the morning 3."""
    group = make_group("Reading", branch=cast.hangzhou, now=NOW - timedelta(days=90))
    members = [make_member(f"M{number}", [group], now=NOW - timedelta(days=80)) for number in range(12)]
    posted(cast, group, [clock(day, hour) for day in DAYS for hour in (MORNING, EVENING)])
    rows = seen(group, members, DAYS, MORNING, 3) + seen(group, members, DAYS, EVENING, 9)
    # Seeing it again is no second reader.
    rows += [(members[0], group, "link_click", clock(day, EVENING, 40)) for day in DAYS]
    # One orders an hour after a click; another ordered without one.
    rows += [(members[0], None, "ordered", clock(9, EVENING + 1, 30)), (members[1], None, "ordered", clock(9, 8))]
    did(rows)
    return group


def asked(user, **query):
    data = QueryDict(mutable=True)
    data.update({"measure": "reading", **query})
    form = BestHourForm(data, user=user, now=NOW, zone=ZONE)
    assert form.is_valid(), form.errors
    return best_hour_page(form, source_of(form.selection()), SqlNames(), zone=ZONE, now=NOW)


def cell_of(found, name):
    return next(row for row in found.table.rows if row[0].text == name)


def test_each_hour_says_who_read_of_those_reached(cast, reading):
    found = asked(cast.lin)
    assert found.overall == "50.0%"
    # By weekday there are two or three posts in each hour: not enough to say anything.
    assert found.known == 0
    row = cell_of(found, "Friday 21:00")
    assert [cell.value for cell in row[1:4]] == [3, 36, 27]
    assert row[7].text == "not enough data"
    assert "There is not enough data yet" in page(cast.lin, ADDRESS)


def test_hours_that_stand_out_beyond_chance_are_named_once_there_is_enough(cast, reading):
    members = [place.member for place in reading.memberships.order_by("pk")]
    weeks = range(27, 70, 7)  # Tuesdays before the others
    posted(cast, reading, [clock(day, hour) for day in weeks for hour in (MORNING, EVENING)])
    did(seen(reading, members, weeks, MORNING, 3) + seen(reading, members, weeks, EVENING, 9))
    found = asked(cast.lin)
    assert [hour.name for hour in found.better] == ["Tuesday 21:00"]
    assert [hour.name for hour in found.worse] == ["Tuesday 09:00"]
    html = page(cast.lin, ADDRESS)
    assert "Better than the average" in html
    assert "▲ 75.0%" in html


def test_every_share_opens_those_who_read(cast, reading):
    html = page(cast.mei, ADDRESS)
    links = re.findall(r'href="(/reports/people/[^"]+)">(\d+)</a>', html)
    assert links
    found = asked(cast.mei)
    link = cell_of(found, "Friday 09:00")[3].url
    assert "cell=105" in link
    listed = page(cast.mei, f"{unescape(link)}&export=csv").splitlines()[1:]
    assert len(listed) == 3


def test_orders_count_for_the_hour_of_the_post_that_was_clicked_before(cast, reading):
    found = asked(cast.lin, measure="conversion")
    counted = {row[0].text: row[3].value for row in found.table.rows if row[3].value}
    # Clicked in the evenings of the three days before it, one of them 50 minutes before.
    assert counted == {clock(day, EVENING).astimezone(ZONE).strftime("%A 21:00"): 1 for day in (9, 10, 11)}


def test_activity_counts_hours_in_which_nobody_did_anything(cast, reading):
    found = asked(cast.lin, measure="activity", **{"from": "2026-02-09", "to": "2026-03-01"})
    row = cell_of(found, "Wednesday 21:00")
    assert [cell.value for cell in row[1:4]] == [3, 27, 27]  # of 9 who did anything in these weeks, each time all
    quiet = cell_of(found, "Wednesday 03:00")
    assert (quiet[1].value, quiet[3].value, quiet[3].url) == (3, 0, "")
    assert len(page(cast.lin, f"{unescape(row[3].url)}&export=csv").splitlines()) == 10


def test_another_branch_sees_nothing_of_it(cast, reading):
    assert asked(cast.out).is_empty
    assert "No events yet" in page(cast.out, ADDRESS)
    link = cell_of(asked(cast.mei), "Friday 09:00")[3].url
    assert people_of(cast.out, unescape(link)) == []
    page(cast.lin, "/reports/people/?report=best_hour&cell=168", status=404)


def test_the_number_of_queries_does_not_grow_with_groups(cast, reading):
    client = Client()
    client.force_login(cast.lin)
    client.get(ADDRESS)

    def asks():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(ADDRESS).status_code == 200
        return len(captured)

    before = asks()
    for number in range(10):
        posted(cast, make_group(f"Group {number}", now=NOW - timedelta(days=9)), [clock(3, MORNING)])
    assert asks() == before <= 17


@pytest.mark.once
def test_a_share_below_a_tenth_of_a_percent_is_neither_none_nor_a_tenth():
    assert [share_text(value) for value in (0, 0.03, 0.0999, 0.1, 12.34)] == ["0.0%", "<0.1%", "<0.1%", "0.1%", "12.3%"]


@pytest.mark.once
def test_as_many_hours_have_each_shade_however_high_one_of_them_stands():
    shares = [0.04, 0.06, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 60.0, 0, 0]
    steps = steps_of(shares)
    assert steps == [0.04, 1.1, 1.3, 1.5, 1.7]
    assert [step_words(step) for step in steps[:2]] == ["≥ 0.04%", "≥ 1.1%"]
    assert steps_of([2.0, 2.0, 0]) == [2.0]
    assert steps_of([0, 0]) == []


def test_what_few_did_is_exact_in_the_file(cast, reading):
    """Of 6,000 members three read the posts of a Friday morning."""
    Membership.objects.filter(group=reading).update(joined_at=NOW - timedelta(days=80))
    DailyGroupStat.objects.filter(group=reading).delete()
    Group.objects.filter(pk=reading.pk).update(member_count=6000)
    row = cell_of(asked(cast.lin), "Friday 09:00")
    assert row[4].text == "<0.1%"
    assert row[4].value == pytest.approx(100 * 9 / 18_000, abs=1e-6)
    file = page(cast.lin, f"{ADDRESS}?export=csv")
    assert re.search(r"Friday 09:00,3,18000,9,0\.05,", file)
