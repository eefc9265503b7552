"""What will go wrong is shown before it happens."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.policies import policy_save
from campaigns.models import GroupSending, SpecialDay
from campaigns.posts.conflicts import ConflictKind, Draft, conflicts
from campaigns.posts.limits import SendingPolicy, quota_left
from campaigns.posts.services import Schedule, post_create, post_pause
from delivery.models import Destination, GroupDay
from tests.base import Cast
from tests.builders import NOW, make_group

pytestmark = pytest.mark.django_db
WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
def _limits(cast: Cast):
    """A Monday, with the limits that an administrator has set."""
    policy_save(by=cast.lin, now=NOW, values=SendingPolicy(daily_quota=8, quiet_from="22:30", quiet_until="07:00"))
    with time_machine.travel(NOW, tick=False):
        yield


def daily(clock: str, *groups, title="Read aloud", slots=(), **fields):
    schedule = Schedule(
        timezone="Asia/Shanghai", rrule="FREQ=DAILY", start=f"2026-03-03T{clock}", slots=tuple(slots),
    )  # fmt: skip
    return post_create(by=None, now=NOW, title=title, body="x", groups=groups, schedule=schedule, **fields)


def found(user, **fields) -> list[tuple[str, str]]:
    asked = conflicts(user=user, start=NOW, end=NOW + timedelta(days=1), **fields)
    return [(each.kind.value, each.text) for each in asked]


def test_two_posts_to_one_group_within_minutes_are_close(cast: Cast):
    shared, other = make_group("Reading"), make_group("Maths")
    first, second = daily("09:00", shared, title="A"), daily("09:10", shared, other, title="B")
    daily("09:10", other, title="C")

    asked = conflicts(user=cast.lin, start=NOW, end=NOW + timedelta(days=1))

    assert next((each.kind, each.posts, each.groups) for each in asked) == (
        ConflictKind.CLOSE, (first.pk, second.pk), (shared.pk,),
    )  # fmt: skip
    assert asked[0].text == "“B” goes out 10 minutes apart: Reading"
    assert asked[1].text == "“C” goes out at the same time: Maths"
    assert len(asked) == 2
    post_pause(by=None, now=NOW, post=first)
    assert [text for _kind, text in found(cast.lin)] == ["“C” goes out at the same time: Maths"]


def test_a_day_over_its_limit_names_the_groups(cast: Cast):
    group, roomy = make_group("Reading"), make_group("Maths")
    GroupSending.objects.create(group=roomy, daily_quota=20)
    daily("08:00", group, roomy, slots=[f"{hour:02}:00" for hour in range(8, 17)])

    asked = conflicts(user=cast.lin, start=NOW, end=NOW + timedelta(hours=36))
    assert [(each.kind, each.text) for each in asked] == [
        ("quota", "9 posts on this day, more than the daily limit: Reading")
    ]


def test_quiet_hours_holidays_and_silent_channels_are_seen(cast: Cast):
    off = Destination.objects.create(kind="webhook", url="https://example.com/", disabled_at=NOW, disabled_code="gone")
    group = make_group("Reading")
    group.destination = off
    group.save()
    SpecialDay.objects.create(day=datetime(2026, 3, 3).date(), name="Lantern")
    daily("06:30", group)

    assert found(cast.lin) == [
        ("channel_off", "The channel is switched off: Reading"),
        ("holiday", "On a day off"),
        ("quiet", "Within quiet hours: Reading"),
    ]
    policy_save(by=cast.lin, now=NOW, values=SendingPolicy(quiet_from="00:00", quiet_until="00:00"))
    assert "quiet" not in dict(found(cast.lin))


def test_a_draft_is_compared_with_what_is_planned(cast: Cast):
    group, elsewhere = make_group("Reading"), make_group("Maths")
    post = daily("09:00", group, title="A")
    daily("12:00", elsewhere, title="Night")
    at = datetime.fromisoformat("2026-03-03T09:05:00+08:00")

    assert found(cast.lin, draft=Draft([at], [group.pk])) == [("close", "“A” goes out 5 minutes apart: Reading")]
    assert found(cast.lin, draft=Draft([at], [elsewhere.pk])) == []
    assert found(cast.lin, draft=Draft([at], [group.pk], post_id=post.pk)) == []


def test_a_branch_sees_conflicts_of_its_own_groups(cast: Cast):
    ours, theirs = make_group("Ours", branch=cast.hangzhou), make_group("Theirs", branch=cast.chengdu)
    daily("09:00", ours, theirs, title="A")
    daily("09:05", ours, theirs, title="B")

    assert found(cast.mei) == [("close", "“B” goes out 5 minutes apart: Ours")]
    assert found(cast.lin, groups=[theirs.pk]) == [("close", "“B” goes out 5 minutes apart: Theirs")]


def test_many_posts_cost_no_more_queries_than_few(cast: Cast):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            conflicts(user=cast.lin, start=NOW, end=NOW + WEEK)
        return len(captured)

    groups = [make_group() for _number in range(2)]
    daily("09:00", *groups)
    few = queries()
    for minute in range(6):
        daily(f"09:0{minute}", *groups, *[make_group() for _number in range(3)])

    assert queries() == few


def test_what_is_left_today_is_what_was_not_used_up(cast: Cast):
    group, free = make_group(), make_group()
    GroupDay.objects.create(group_id=group.pk, day=datetime(2026, 3, 2).date(), used=3)
    GroupSending.objects.create(group=free, daily_quota=0)

    assert quota_left([group.pk, free.pk], NOW) == {group.pk: 5, free.pk: None}


def test_nothing_is_limited_until_an_administrator_says_so():
    of_all = SendingPolicy()

    assert of_all.daily_quota == 0
    assert of_all.quiet_from == of_all.quiet_until
