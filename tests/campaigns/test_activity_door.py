"""Attendance: the code at the door, ticks by hand, and what follows from having come."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from activity.models import Event
from campaigns.activities.codes import ACCEPTED, HELD_FOR, WINDOW, activity_of_code, code_for, ticket_for
from campaigns.activities.models import SignUp
from campaigns.activities.services import (
    EARLY,
    activities_tick,
    attendance_close,
    attendance_take_back,
    attended_mark,
)
from members.models import StaffTask
from members.points.services import account_of, issuer, points_of, points_transfer
from tests.builders import make_group, make_member
from tests.campaigns.activity_things import DAY, HOUR, START, crowd, make_activity, sign_up, states
from tests.members.visitors import phone_of

WINDOW_LONG = timedelta(seconds=WINDOW)


@pytest.mark.once
def test_a_code_is_good_in_its_minute_and_the_next_and_for_its_activity_alone():
    start = START.replace(second=0)
    code = code_for(7, start)
    good = [seconds for seconds in range(-60, 240, 15) if activity_of_code(code, start + timedelta(seconds=seconds))]
    assert good == list(range(0, ACCEPTED * WINDOW, 15))
    assert activity_of_code(code, start) == 7
    assert code_for(7, start) == code_for(7, start + timedelta(seconds=59)) != code_for(7, start + WINDOW_LONG)
    window, signature = code.split("-", 2)[1:]
    for forged in (
        f"8-{window}-{signature}", f"7-{window}-", f"7-{window}", "", "-", "7", "zzzzzzzzzzzzzzzzzzzz-1-x",
        code[:-1] + "é",
    ):  # fmt: skip
        assert activity_of_code(forged, start) is None


@pytest.mark.once
def test_codes_outlive_a_change_of_the_secret_key(settings):
    code = code_for(7, START)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another-key-that-is-long-enough-for-us"
    assert activity_of_code(code, START) == 7
    settings.SECRET_KEY_FALLBACKS = []
    assert activity_of_code(code, START) is None


@pytest.fixture
def group(cast):
    return make_group("晨读", branch=cast.hangzhou)


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(START, tick=False)
    return time_machine


def address(activity, now=START):
    return f"/m/attend/{code_for(activity.pk, now)}/"


def ticket_in(answer):
    return answer.context["ticket"]


@pytest.mark.django_db
def test_a_member_scans_presses_the_button_and_is_marked_once(cast, group, clock):
    activity = make_activity(cast.mei, [group], points=5)
    member = crowd(activity, group, 1)[0].member
    phone = phone_of(member)
    page = phone.get(address(activity))
    assert states(activity) == ["going"], "looking at the page marks nobody"
    # The code is old by the time the button is pressed: what the member holds is not.
    clock.move_to(START + timedelta(seconds=HELD_FOR - 1), tick=False)
    for _press in range(2):
        answer = phone.post(address(activity), {"ticket": ticket_in(page)})
        assert "You are marked as here" in answer.content.decode()
    assert states(activity) == ["attended"]
    assert Event.objects.filter(kind__slug="activity_attended", member_id=member.pk).count() == 1
    assert points_of(member) == 5


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("what", "status"),
    [("old", 404), ("guessed", 404), ("passed on", 404), ("cancelled", 404), ("not invited", 403), ("no place", 409)],
)
def test_whoever_holds_the_wrong_thing_reads_why_and_nothing_is_marked(cast, group, clock, what, status):
    activity = make_activity(cast.mei, [group])
    mine = crowd(activity, group, 1)[0]
    member = mine.member
    ticket = ticket_for(activity.pk, member.pk, START)
    at = address(activity)
    if what == "old":
        at, ticket = address(activity, START - ACCEPTED * WINDOW_LONG), ""
    if what == "guessed":
        at, ticket = at[:-3] + ("aa/" if at[-3:] != "aa/" else "bb/"), "1-1-x"
    if what == "passed on":
        # Somebody else's ticket, long after the code.
        member = crowd(activity, group, 1)[0].member
        clock.move_to(START + 3 * WINDOW_LONG, tick=False)
    if what == "cancelled":
        type(activity).objects.filter(pk=activity.pk).update(decided="cancelled")
    if what == "not invited":
        member = make_member(groups=[make_group(branch=cast.chengdu)])
    if what == "no place":
        member = make_member(groups=[group])
    answer = phone_of(member).post(at, {"ticket": ticket})
    assert answer.status_code == status
    assert "You are marked as here" not in answer.content.decode()
    assert not SignUp.objects.filter(state="attended").exists()
    assert Client().post(at, {"ticket": ticket}).status_code == 403, "nobody is marked without being signed in"


@pytest.mark.django_db
def test_walk_ins_come_in_where_they_may_and_while_a_place_is_free(cast, group):
    closed = make_activity(cast.mei, [group])
    member = make_member(groups=[group])
    with pytest.raises(ValidationError) as refused:
        attended_mark(now=START, activity=closed, member=member)
    assert refused.value.code == "not_signed_up"
    activity = make_activity(cast.mei, [group], walk_ins=True, capacity=1)
    assert attended_mark(now=START, activity=activity, member=member).is_walk_in
    with pytest.raises(ValidationError) as refused:
        attended_mark(now=START, activity=activity, member=make_member(groups=[group]))
    assert refused.value.code == "full"
    with pytest.raises(ValidationError) as refused:
        attended_mark(now=START, activity=closed, member=make_member())
    assert refused.value.code == "not_signed_up"


@pytest.mark.django_db
def test_nobody_is_marked_more_than_two_hours_before_it_begins(cast, group):
    activity = make_activity(cast.mei, [group])
    member = crowd(activity, group, 1)[0].member
    with pytest.raises(ValidationError) as refused:
        attended_mark(now=START - EARLY - timedelta(seconds=1), activity=activity, member=member)
    assert refused.value.code == "not_yet"
    assert attended_mark(now=START - EARLY, activity=activity, member=member).state == "attended"


@pytest.mark.django_db
def test_a_tick_by_mistake_is_taken_back_with_its_event_and_points_and_can_be_given_again(cast, group):
    activity = make_activity(cast.mei, [group], points=5)
    signup = crowd(activity, group, 1)[0]
    for _round in range(2):
        attended_mark(now=START, activity=activity, member=signup.member, by=cast.mei)
        assert (points_of(signup.member), states(activity)) == (5, ["attended"])
        assert attendance_take_back(by=cast.mei, now=START, signup=signup)
        assert not attendance_take_back(by=cast.mei, now=START, signup=signup)
        assert (points_of(signup.member), states(activity)) == (0, ["going"])
        assert not Event.objects.filter(kind__slug="activity_attended").exists()
    attended_mark(now=START, activity=activity, member=signup.member, by=cast.mei)
    points_transfer(
        key="spent", debit=account_of(signup.member), credit=issuer(), amount=3, reason="a book", by=None, now=START
    )
    with pytest.raises(ValidationError) as refused:
        attendance_take_back(by=cast.mei, now=START, signup=signup)
    assert refused.value.code == "points_spent"
    assert states(activity) == ["attended"]


@pytest.mark.django_db
def test_a_day_after_the_end_the_others_missed_it_if_attendance_was_taken_at_all(cast, group):
    taken, untaken = make_activity(cast.mei, [group]), make_activity(cast.mei, [group])
    came, _missed = crowd(taken, group, 2)
    sign_up(untaken, came.member)
    attended_mark(now=START, activity=taken, member=came.member, by=cast.mei)
    assert attendance_close(by=cast.mei, now=START, activity=taken) == 0, "not before it is over"
    for _twice in range(2):
        activities_tick(now=START + 2 * HOUR + DAY)
    assert (states(taken), states(untaken)) == (["attended", "missed"], ["going"])
    late = taken.signups.get(state="missed")
    attended_mark(now=START + 2 * DAY, activity=taken, member=late.member, by=cast.mei)
    assert states(taken) == ["attended", "attended"], "whoever was there after all can still be ticked"


@pytest.mark.django_db
def test_its_organiser_is_asked_once_for_attendance_and_once_for_a_review(cast, group):
    activity = make_activity(cast.mei, [group], organiser=cast.mei)
    moments = (START - 2 * DAY, START - DAY, START, START + 2 * HOUR, START + 3 * HOUR)
    asked = []
    for moment in moments:
        activities_tick(now=moment)
        activities_tick(now=moment)
        asked.append(sorted(StaffTask.objects.values_list("kind", flat=True)))
    attendance, review = "activity_attendance", "activity_review"
    assert asked == [[], [attendance], [attendance], [attendance, review], [attendance, review]]
    assert {(task.assignee, task.group, task.branch) for task in StaffTask.objects.all()} == {
        (cast.mei, group, cast.hangzhou)
    }
    activity.refresh_from_db()
    assert activity.closed_at == START + 2 * HOUR


@pytest.mark.django_db
def test_staff_tick_by_hand_with_undo_and_see_the_code_of_this_minute(cast, group, clock, client):
    activity = make_activity(cast.mei, [group])
    signup = crowd(activity, group, 1)[0]
    page = f"/rituals/activities/{activity.pk}/"
    client.force_login(cast.mei)
    client.post(f"{page}tick/", {"signup": signup.pk})
    assert states(activity) == ["attended"]
    assert "Undo" in client.get(f"{page}?tab=attendance").content.decode()
    client.post(f"{page}untick/?signup={signup.pk}")
    assert states(activity) == ["going"]
    first = client.get(f"{page}door/code/")
    assert "no-store" in first["Cache-Control"]
    clock.move_to(START + WINDOW_LONG, tick=False)
    assert client.get(f"{page}door/code/").context["code"] != first.context["code"]
    client.force_login(cast.out)
    assert client.post(f"{page}tick/", {"signup": signup.pk}).status_code == 404
    assert states(activity) == ["going"]
