"""Activities beside posts in the calendar, and in the search."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.activities.models import Activity
from campaigns.activities.services import activity_cancel
from campaigns.posts.services import Schedule, post_create
from tests.builders import NOW, make_group
from tests.campaigns.activity_things import DAY, HOUR, make_activity

pytestmark = pytest.mark.django_db
EVENING = NOW + 3 * DAY + 7 * HOUR  # Thursday, 19:00 in Shanghai


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)


def shown(client, query=""):
    """The activities on the page: when, where it leads, and the title."""
    page = client.get(f"/calendar/?day=2026-03-05{query}").content.decode()
    chip = r'"cal-entry cal-activity" href="([^"]+)" data-at="([^"]+)"( draggable)?.*?class="cal-name"[^>]*>([^<]*)'
    # On a phone the month and the week stand there once more, as a list.
    return sorted(set(re.findall(chip, page)))


def test_activities_stand_in_every_view_as_their_own_kind_and_lead_to_their_page(client, cast):
    group = make_group("晨读", branch=cast.hangzhou)
    activity = make_activity(cast.mei, [group])
    make_activity(cast.mei, [group], title="草稿", opened=False)
    off = make_activity(cast.mei, [group], title="取消了")
    activity_cancel(by=cast.mei, now=NOW, activity=off)
    client.force_login(cast.mei)
    expected = [(f"/rituals/activities/{activity.pk}/", "2026-03-05T19:00", "", "亲子阅读分享")]
    for view in ("", "&view=week", "&view=week&by=group", "&view=week&by=branch", "&view=day", "&state=activity"):
        assert shown(client, view) == expected, view
    for other in ("&state=planned", "&motivation=sales", "&q=nobody", "&conflicts=only", "&view=day&day=2026-03-06"):
        assert shown(client, other) == [], other
    client.force_login(cast.out)
    assert shown(client) == []
    client.force_login(cast.lin)
    assert shown(client, f"&branch={cast.chengdu.pk}") == []


def test_on_a_full_day_posts_make_room_for_an_activity(client, cast):
    group = make_group(branch=cast.hangzhou)
    schedule = Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY", start="2026-03-02T08:00")
    for number in range(6):
        post_create(by=None, now=NOW, title=f"Post {number}", body="…", groups=[group], schedule=schedule)
    make_activity(cast.mei, [group], title="晚上的分享")
    client.force_login(cast.mei)
    [cell] = [
        cell
        for week in client.get("/calendar/?day=2026-03-05").context["weeks"]
        for day, cell in week
        if f"{day.day}" == "2026-03-05"
    ]
    assert [entry.title for entry in cell.entries] == ["Post 0", "Post 1", "晚上的分享"]
    assert [entry.title for entry in cell.hidden] == ["Post 2", "Post 3", "Post 4", "Post 5"]


def test_each_row_counts_the_groups_that_are_invited_there(client, cast):
    here, too = make_group("甲", branch=cast.hangzhou), make_group("乙", branch=cast.hangzhou)
    headquarters, there = make_group("丙"), make_group("丁", branch=cast.chengdu)
    make_activity(cast.lin, [here, too, headquarters, there])
    client.force_login(cast.lin)
    rows = client.get("/calendar/?day=2026-03-05&view=week&by=branch").context["rows"]
    counted = {str(row.label): [one.groups for cell in row.cells for one in cell.entries] for row in rows}
    assert counted == {"Headquarters": [1], "成都": [1], "杭州": [2]}
    rows = client.get("/calendar/?day=2026-03-05&view=week&by=group").context["rows"]
    assert [[one.groups for cell in row.cells for one in cell.entries] for row in rows] == [[1]] * 4
    client.force_login(cast.mei)
    [entry] = client.get("/calendar/?day=2026-03-05").context["entries"]
    assert entry.groups == 2, "a branch counts its own"


@pytest.mark.parametrize("query", ["", "&view=week", "&view=week&by=group", "&view=week&by=branch", "&view=day"])
def test_the_calendar_asks_as_often_with_many_activities_as_with_few(client, cast, query):
    group = make_group(branch=cast.hangzhou)
    schedule = Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY", start="2026-03-02T18:00")
    post_create(by=None, now=NOW, title="早安", body="…", groups=[group], schedule=schedule)
    client.force_login(cast.mei)
    counts = []
    for size in (2, 20):
        fields = {"timezone": "Asia/Shanghai", "decided": "open", "created_at": NOW}
        rows = [
            Activity(title=f"{at}", starts_at=EVENING, ends_at=EVENING + timedelta(hours=1), **fields)
            for at in range(Activity.objects.count(), size)
        ]
        for row in Activity.objects.bulk_create(rows):
            row.groups.add(group)
        with CaptureQueriesContext(connection) as asked:
            assert len(client.get(f"/calendar/?day=2026-03-05{query}").context["entries"]) > size
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_the_search_finds_activities_within_reach_the_latest_first(client, cast):
    group = make_group("晨读", branch=cast.hangzhou)
    make_activity(cast.mei, [group], title="Reading one")
    latest = make_activity(cast.mei, [group], title="Reading two", starts_at=EVENING + DAY, ends_at=EVENING + 2 * DAY)
    make_activity(cast.mei, [group], title="Other", place="Reading room")
    client.force_login(cast.mei)
    found = client.get("/search/?q=reading").context["found"]
    assert found.activities[0].title == latest.title
    assert {one.title for one in found.activities} == {"Reading one", "Reading two", "Other"}
    for part in ("", "&part=1"):
        page = client.get(f"/search/?q=reading%20two{part}").content.decode()
        assert f'href="/rituals/activities/{latest.pk}/"' in page
    for number in range(7):
        make_activity(cast.mei, [group], title=f"Reading {number}")
    assert "Show all results" in client.get("/search/?q=reading&part=1").content.decode()
    client.force_login(cast.out)
    assert client.get("/search/?q=reading").context["found"].nothing
