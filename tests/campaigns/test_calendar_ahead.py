"""What the calendar knows ahead: expected times, conflicts, festivals, a group's coming days, all that follow."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
import time_machine

from campaigns.calendar.days import By, View, Window
from campaigns.calendar.expecting import entries_expected
from campaigns.models import GroupSending, Occurrence, Post, SpecialDay
from campaigns.posts.following import schedule_moved
from campaigns.posts.occurrences import occurrence_cancel
from campaigns.posts.services import Schedule, post_create
from delivery.models import Delivery, Message
from groups.models import Group
from tests.base import Cast
from tests.builders import NOW, make_group
from tests.campaigns.test_calendar import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _monday():
    with time_machine.travel(NOW, tick=False):
        yield


def make_post(*groups: Group, rule="FREQ=DAILY", start="2026-03-02T18:00", title="Read", **schedule) -> Post:
    when = Schedule(timezone="Asia/Shanghai", rrule=rule, start=start, **schedule)
    return post_create(by=None, now=NOW, title=title, body="Ten minutes.", groups=groups, schedule=when)


# --- Expected, conflicts, festivals ---


def test_after_the_days_that_are_planned_comes_what_the_rule_expects(cast: Cast):
    post = make_post(make_group(branch=cast.hangzhou), holidays="skip")
    SpecialDay.objects.create(day=date(2026, 3, 25), name="Off")
    window = Window(View.MONTH, By.HOURS, date(2026, 3, 2), date(2026, 3, 2), date(2026, 4, 5))

    expected = entries_expected(user=cast.mei, window=window, now=NOW)

    planned = post.occurrences.latest("due_at").due_at
    days = [entry.at.date() for entry in expected]
    assert days[0] == planned.date() + timedelta(days=1)
    assert days[-1] == date(2026, 4, 5)
    assert date(2026, 3, 25) not in days
    assert {(entry.groups, entry.pk, entry.may_move) for entry in expected} == {(1, None, False)}
    page = signed_in(cast.mei).get("/calendar/?day=2026-03-02&state=expected").content.decode()
    assert f'href="/posts/{post.pk}/"' in page
    assert entries_expected(user=cast.out, window=window, now=NOW) == []


def test_conflicts_are_marked_told_in_the_panel_and_before_a_move(cast: Cast):
    group = make_group("甲群", branch=cast.hangzhou)
    GroupSending.objects.create(group=group, quiet_from=time(22, 30), quiet_until=time(7))
    first = make_post(group, title="First")
    make_post(group, title="Second", start="2026-03-02T18:05")
    make_post(group, title="Alone", start="2026-03-02T10:00")
    client = signed_in(cast.mei)
    page = client.get("/calendar/?day=2026-03-02&view=day&conflicts=only").content.decode()
    assert "Second" in page
    assert "Alone" not in page
    occurrence = first.occurrences.earliest("due_at")
    assert "5 minutes apart" in client.get(f"/calendar/{occurrence.pk}/").content.decode()
    preview = client.get(f"/calendar/{occurrence.pk}/move/?to=2026-03-03T23:30").content.decode()
    assert "quiet hours" in preview
    assert "5 minutes apart" not in preview


def test_festivals_stand_in_the_head_of_their_day(cast: Cast):
    page = signed_in(cast.mei).get("/calendar/?day=2026-09-25&view=day").content.decode()
    assert "Mid-Autumn" in page


# --- The coming days of a group ---


def test_the_coming_days_say_what_a_group_will_read_and_what_it_will_not_get(cast: Cast, django_assert_max_num_queries):
    group = make_group("甲群", branch=cast.hangzhou)
    GroupSending.objects.create(group=group, daily_quota=2, quiet_from=time(22, 30), quiet_until=time(7))
    for number in range(3):
        post = make_post(group, title=f"Post {number}", start=f"2026-03-03T1{number}:00")
        Message.objects.filter(pk=post.message_id).update(text="Dear {group}", has_variables=True)
    late = make_post(group, title="Late", start="2026-03-04T23:00")
    occurrence_cancel(by=cast.mei, now=NOW, occurrence=Occurrence.objects.get(post=late, local="2026-03-05T23:00:00"))
    client = signed_in(cast.mei)

    with django_assert_max_num_queries(20):
        page = client.get(f"/groups/{group.pk}/coming/?from=2026-03-03").content.decode()

    assert "Dear 甲群" in page
    day = page.split("coming-day")[1]
    assert day.count("It will not be sent") == 1
    assert "Post 2" in day[: day.index("had its posts for the day")].rsplit("coming-card")[-1]
    assert "quiet hours" in page.split("coming-day")[2]
    assert "called off" in page.split("coming-day")[3]
    empty = client.get(f"/groups/{group.pk}/coming/?from=2027-03-03").content.decode()
    assert "Nothing is planned for these days" in empty


# --- This one and all that follow ---


@pytest.mark.parametrize(
    ("rule", "slots", "to", "becomes"),
    [
        ("FREQ=DAILY", (), "2026-03-04T10:30", ("FREQ=DAILY", (), "2026-03-04T10:30:00")),
        ("FREQ=DAILY", (), "2026-03-05T09:00", None),
        ("FREQ=DAILY", ("09:00", "21:00"), "2026-03-04T10:00", ("FREQ=DAILY", ("10:00", "21:00"), None)),
        ("FREQ=WEEKLY;BYDAY=MO,WE", (), "2026-03-05T09:00", ("FREQ=WEEKLY;BYDAY=MO,TH", (), "2026-03-05T09:00:00")),
        ("FREQ=WEEKLY;BYDAY=WE,TH", (), "2026-03-05T09:00", None),
        ("FREQ=MONTHLY;BYMONTHDAY=4", (), "2026-03-07T08:00", ("FREQ=MONTHLY;BYMONTHDAY=7", (), "2026-03-07T08:00:00")),
        ("FREQ=DAILY;COUNT=20", (), "2026-03-04T10:00", None),
    ],
)
def test_a_rule_is_moved_with_one_of_its_times_where_it_has_words_for_that(cast: Cast, rule, slots, to, becomes):
    post = make_post(make_group(), rule=rule, slots=slots, start="2026-03-02T09:00")
    occurrence = Occurrence.objects.get(post=post, local="2026-03-04T09:00:00")
    schedule = schedule_moved(occurrence, datetime.fromisoformat(f"{to}+08:00"))
    if becomes is None:
        assert schedule is None
    else:
        assert (schedule.rrule, schedule.slots) == becomes[:2]
        assert schedule.start == (becomes[2] or "2026-03-04T10:00:00")


def test_this_one_and_all_that_follow_move_and_those_before_stay(cast: Cast):
    post = make_post(make_group(branch=cast.hangzhou))
    third = Occurrence.objects.get(post=post, local="2026-03-04T18:00:00")
    client = signed_in(cast.mei)
    assert "all that follow" in client.get(f"/calendar/{third.pk}/move/?to=2026-03-04T20:00").content.decode()

    data = {"to": "2026-03-04T20:00", "scope": "following", "next": f"/calendar/{third.pk}/"}
    assert client.post(f"/calendar/{third.pk}/move/", data)["Location"] == "/calendar/?day=2026-03-04"

    made = Post.objects.get(follows=post)
    hours = Delivery.objects.filter(post_id=made.pk).values_list("due_at__hour", flat=True)
    assert set(hours) == {20}
    last = Occurrence.objects.filter(post=post).latest("due_at")
    assert last.local == "2026-03-03T18:00:00"


def test_other_words_for_all_that_follow_make_another_post(cast: Cast):
    post = make_post(make_group(branch=cast.hangzhou))
    third = Occurrence.objects.get(post=post, local="2026-03-04T18:00:00")
    data = {"title": "New", "text": "Words", "seen": post.message_id, "scope": "following"}
    assert signed_in(cast.mei).post(f"/calendar/{third.pk}/edit/", data).status_code == 302
    made = Post.objects.get(follows=post)
    assert (made.title, made.body) == ("New", "Words")
    titles = dict(Occurrence.objects.order_by("due_at").values_list("local", "post__title"))
    assert (titles["2026-03-03T18:00:00"], titles["2026-03-04T18:00:00"]) == ("Read", "New")
