"""Places of an activity, when many reach for them at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from activity.models import Event
from campaigns.activities.models import ActivityNotice, SignUp
from campaigns.activities.services import (
    activities_tick,
    activity_repeat,
    attended_mark,
    signup_cancel,
    signup_take_off,
)
from delivery.models import Delivery
from members.points.services import points_of
from tests.base import make_cast
from tests.builders import NOW, make_group, make_member
from tests.campaigns.activity_things import DAY, HOUR, START, crowd, make_activity, sign_up
from tests.campaigns.test_occurrence_races import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]


@pytest.fixture
def mei():
    return make_cast().mei


def test_of_twenty_who_arrive_at_once_as_many_have_a_place_as_there_are(mei):
    group = make_group(branch=mei.branch)
    activity = make_activity(mei, [group], capacity=7)
    members = [make_member(groups=[group]) for _number in range(20)]
    # Each presses twice.
    answers = at_once(*(lambda member=member: sign_up(activity, member) for member in members * 2))
    assert all(isinstance(answer, SignUp) for answer in answers), answers
    assert activity.signups.filter(state="going").count() == 7
    assert activity.signups.filter(state="waiting").count() == 13
    assert Event.objects.filter(kind__slug="activity_signup").count() == 20


def test_a_place_given_back_lets_exactly_one_move_up_while_others_arrive(mei):
    group = make_group(branch=mei.branch)
    activity = make_activity(mei, [group], capacity=3)
    rows = crowd(activity, group, 6)
    newcomers = [make_member(groups=[group]) for _number in range(4)]
    # Two give their place back, one of them twice; four arrive, and the sweep looks for free places meanwhile.
    deeds: list[Any] = [
        lambda row=row: signup_cancel(now=NOW + HOUR, signup=row) for row in (rows[0], rows[0], rows[1])
    ]
    deeds += [lambda member=member: sign_up(activity, member, NOW + HOUR) for member in newcomers]
    deeds += [lambda: activities_tick(now=NOW + HOUR)]
    answers = at_once(*deeds)
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    assert sorted(answers[:3]) in ([False, True, True],)
    assert activity.signups.filter(state="going").count() == 3
    assert set(ActivityNotice.objects.values_list("signup", flat=True)) == {rows[3].pk, rows[4].pk}


def test_taken_off_while_others_sign_up_the_place_goes_to_who_waited_longest(mei):
    group = make_group(branch=mei.branch)
    activity = make_activity(mei, [group], capacity=3)
    rows = crowd(activity, group, 5)
    newcomers = [make_member(groups=[group]) for _number in range(5)]
    # Two of the staff take the same one off, and the member gives the place back meanwhile.
    deeds: list[Any] = [lambda: signup_take_off(by=mei, now=NOW + HOUR, signup=rows[0])] * 2
    deeds += [lambda: signup_cancel(now=NOW + HOUR, signup=rows[0])]
    deeds += [lambda member=member: sign_up(activity, member, NOW + HOUR) for member in newcomers]
    answers = at_once(*deeds)
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    assert sum(answer is not None for answer in answers[:2]) + answers[2] == 1
    assert activity.signups.filter(state="going").count() == 3
    assert set(activity.signups.filter(state="going")) == set(rows[1:4])
    assert ActivityNotice.objects.filter(kind="moved_up").count() == 1


def test_reminders_swept_by_several_at_once_reach_each_once(mei):
    group = make_group(branch=mei.branch)
    activity = make_activity(mei, [group])
    crowd(activity, group, 3)
    answers = at_once(*(lambda: activities_tick(now=START - DAY) for _number in range(4)))
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    assert ActivityNotice.objects.filter(kind="day").count() == 3
    assert Delivery.objects.count() == 1
    assert sum(answer.reminded for answer in answers) == 1


def test_scanned_and_ticked_at_once_somebody_came_once_with_one_event_and_points_once(mei):
    group = make_group(branch=mei.branch)
    activity = make_activity(mei, [group], points=5)
    member = crowd(activity, group, 1)[0].member
    answers = at_once(
        *(lambda by=by: attended_mark(now=START, activity=activity, member=member, by=by) for by in (None, mei) * 3)
    )
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    assert Event.objects.filter(kind__slug="activity_attended").count() == 1
    assert points_of(member) == 5


def test_of_walk_ins_at_once_only_as_many_come_in_as_places_are_free(mei):
    group = make_group(branch=mei.branch)
    activity = make_activity(mei, [group], capacity=2, walk_ins=True)
    members = [make_member(groups=[group]) for _number in range(6)]
    answers = at_once(
        *(lambda member=member: attended_mark(now=START, activity=activity, member=member) for member in members)
    )
    assert sum(isinstance(answer, SignUp) for answer in answers) == 2
    assert {error.code for error in answers if isinstance(error, ValidationError)} == {"full"}


def test_planned_again_by_several_at_once_it_is_one_copy(mei):
    activity = make_activity(mei, [make_group(branch=mei.branch)])
    answers = at_once(*(lambda: activity_repeat(by=mei, now=NOW, activity=activity) for _number in range(4)))
    assert len({copy.pk for copy, _new in answers}) == 1
    assert sum(is_new for _copy, is_new in answers) == 1
