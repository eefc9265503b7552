"""Reminders of activities: each once, to those who have a place, and in the groups."""

from __future__ import annotations

import pytest

from campaigns.activities.models import ActivityNotice
from campaigns.activities.services import activities_tick, activity_cancel
from delivery.models import Delivery
from tests.builders import NOW, make_group
from tests.campaigns.activity_things import DAY, HOUR, MINUTE, START, crowd, make_activity
from tests.campaigns.test_activity_places import saved
from tests.members.visitors import phone_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def group(cast):
    return make_group("晨读", branch=cast.hangzhou)


def told() -> list[tuple[str, int]]:
    kinds = ActivityNotice.objects.order_by("kind").values_list("kind", flat=True)
    return [(kind, list(kinds).count(kind)) for kind in dict.fromkeys(kinds)]


def tick(*moments) -> None:
    """Everything may run twice."""
    for moment in moments:
        activities_tick(now=moment)
        activities_tick(now=moment)


def test_the_day_before_and_an_hour_before_each_with_a_place_is_told_once_and_so_is_the_group(cast, group):
    activity = make_activity(cast.mei, [group], capacity=2, place="城西书房")
    crowd(activity, group, 3)
    tick(START - DAY - MINUTE)
    assert told() == []
    assert activities_tick(now=START - DAY).reminded == 1
    assert activities_tick(now=START - DAY).reminded == 0, "given, it is given"
    assert told() == [("day", 2)], "whoever waits is not reminded of what they have no place in"
    tick(START - HOUR, START - MINUTE, START, START + HOUR)
    assert told() == [("day", 2), ("hour", 2)]
    texts = list(Delivery.objects.order_by("pk").values_list("message__text", flat=True))
    assert len(texts) == 2
    assert "亲子阅读分享" in texts[0]
    assert "城西书房" in texts[0]
    assert "19:00" in texts[0], "on the clock of the activity"


def test_the_policy_of_the_activity_says_which_and_with_which_words(cast, group):
    activity = make_activity(
        cast.mei,
        [group],
        reminds_day_before=False,
        reminder="{group}的朋友，{title}{when}在{place}",
        link="https://a.cn",
    )
    silent = make_activity(cast.mei, [group], reminds_groups=False, reminds_hour_before=False)
    crowd(activity, group, 1)
    crowd(silent, group, 1)
    tick(START - DAY, START - HOUR)
    assert told() == [("day", 1), ("hour", 1)]
    text = Delivery.objects.get().message.text
    assert text.startswith("晨读的朋友，亲子阅读分享")


def test_opened_late_it_is_not_announced_as_tomorrows_and_after_an_outage_not_at_all(cast, group):
    crowd(make_activity(cast.mei, [group], now=START - 3 * HOUR), group, 1)
    crowd(make_activity(cast.mei, [group]), group, 1)
    tick(START - HOUR)
    assert told() == [("hour", 2)], "of tomorrow says nothing an hour before"
    ActivityNotice.objects.all().delete()
    crowd(make_activity(cast.mei, [group]), group, 1)
    tick(START)
    assert told() == [], "what has begun needs no reminder"


def test_moved_it_tells_those_who_signed_up_and_reminds_of_the_new_time(cast, group):
    activity = make_activity(cast.mei, [group])
    crowd(activity, group, 1)
    tick(START - DAY)
    activity = saved(cast.mei, activity, group, starts_at=START + 7 * DAY, ends_at=START + 7 * DAY + HOUR)
    assert told() == [("day", 1), ("moved", 1)]
    tick(START - HOUR)
    assert told() == [("day", 1), ("moved", 1)], "the old time is nobody's any more"
    tick(START + 6 * DAY)
    assert told() == [("day", 2), ("moved", 1)]
    assert Delivery.objects.count() == 2


def test_cancelled_it_reminds_nobody(cast, group):
    activity = make_activity(cast.mei, [group])
    crowd(activity, group, 1)
    activity_cancel(by=cast.mei, now=NOW, activity=activity)
    tick(START - DAY, START - HOUR)
    assert told() == [("cancelled", 1)]
    assert Delivery.objects.count() == 1


def test_a_member_reads_the_latest_on_the_pages_of_the_group_until_it_is_over(cast, group, time_machine):
    activity = make_activity(cast.mei, [group])
    member = crowd(activity, group, 1)[0].member
    tick(START - DAY, START - HOUR)
    phone, page = phone_of(member), f"/m/g/{group.page_token}/activities/"
    time_machine.move_to(START, tick=False)
    for where in (page, f"{page}{activity.pk}/"):
        shown = phone.get(where).content.decode()
        assert "It begins in an hour" in shown
        assert "It is tomorrow" not in shown
    time_machine.move_to(START + 2 * HOUR, tick=False)
    assert "It begins in an hour" not in phone.get(page).content.decode()
