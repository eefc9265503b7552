"""Places of activities: never more than there are, and the waiting list in its order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activity.models import Event
from activity.services import event_key
from campaigns.activities.models import Activity, ActivityNotice, SignUp, SignUpState
from campaigns.activities.services import (
    ActivityContent,
    activities_tick,
    activity_cancel,
    activity_open,
    activity_repeat,
    activity_save,
    attended_mark,
    signup_cancel,
    signup_make,
)
from delivery.models import Delivery
from members.ingestion import IncomingEvent, ingest
from members.merging.services import members_merge
from members.privacy.services import member_erase
from tests.builders import NOW, make_group, make_member
from tests.campaigns.activity_things import DAY, HOUR, MINUTE, START, crowd, make_activity, sign_up, states

pytestmark = pytest.mark.django_db


@pytest.fixture
def group(cast):
    return make_group("晨读", branch=cast.hangzhou)


def saved(by, activity: Activity, group, **changes) -> Activity:
    names = ActivityContent.__dataclass_fields__
    values = {name: getattr(activity, name) for name in names} | {"questions": tuple(activity.questions)} | changes
    return activity_save(by=by, now=NOW, activity=activity, content=ActivityContent(**values), groups=[group])


def test_the_first_have_the_places_and_the_others_wait_in_the_order_they_came(cast, group):
    activity = make_activity(cast.mei, [group], capacity=2)
    crowd(activity, group, 4)
    assert states(activity) == ["going", "going", "waiting", "waiting"]


def test_who_signs_up_twice_has_one_place_and_is_counted_once(cast, group):
    activity = make_activity(cast.mei, [group])
    member = make_member(groups=[group])
    assert sign_up(activity, member).pk == sign_up(activity, member, NOW + HOUR).pk
    assert Event.objects.filter(kind__slug="activity_signup", member_id=member.pk).count() == 1


def test_a_place_given_back_goes_to_who_waits_longest_and_their_page_tells_them(cast, group):
    activity = make_activity(cast.mei, [group], capacity=1)
    first, second, third = crowd(activity, group, 3)
    assert signup_cancel(now=NOW + HOUR, signup=first)
    assert states(activity) == ["cancelled", "going", "waiting"]
    assert list(ActivityNotice.objects.values_list("signup", "kind")) == [(second.pk, "moved_up")]
    assert not signup_cancel(now=NOW + HOUR, signup=first), "given back twice, it frees one place"
    assert states(activity) == ["cancelled", "going", "waiting"]
    sign_up(activity, first.member, NOW + 2 * HOUR)
    assert states(activity) == ["going", "waiting", "waiting"], "who comes back waits behind the others"
    assert third.pk == SignUp.objects.filter(activity=activity).waiting().first().pk


def test_more_places_let_as_many_move_up_and_fewer_than_are_taken_are_refused(cast, group):
    activity = make_activity(cast.mei, [group], capacity=1)
    crowd(activity, group, 4)
    activity = saved(cast.mei, activity, group, capacity=3)
    assert states(activity) == ["going", "going", "going", "waiting"]
    with pytest.raises(ValidationError) as refused:
        saved(cast.mei, activity, group, capacity=2)
    assert "capacity" in refused.value.error_dict
    saved(cast.mei, activity, group, capacity=None)
    assert states(activity) == ["going"] * 4


def test_who_left_the_group_does_not_move_up(cast, group):
    activity = make_activity(cast.mei, [group], capacity=1)
    first, gone, _third = crowd(activity, group, 3)
    left = IncomingEvent(event_key("tests", "left-1"), gone.member.external_id, group.external_id, "left", NOW + HOUR)
    ingest(events=[left], source="tests", by=None, create_missing=False, now=NOW + HOUR)
    signup_cancel(now=NOW + 2 * HOUR, signup=first)
    assert states(activity) == ["cancelled", "waiting", "going"]


@pytest.mark.parametrize(
    ("why", "code"),
    [
        ("before it opens", "closed"),
        ("from the closing on", "closed"),
        ("once it has begun", "closed"),
        ("a draft", "closed"),
        ("cancelled", "closed"),
        ("of another group", "not_invited"),
        ("full without a waiting list", "full"),
        ("too long an answer", "answers"),
    ],
)
def test_sign_up_is_refused_on_time_and_to_strangers(cast, group, why, code):
    fields: dict[str, Any] = {"opens_at": NOW - HOUR, "closes_at": START - DAY, "questions": ("几位?",)}
    if why == "full without a waiting list":
        fields |= {"capacity": 1, "has_waiting_list": False}
    activity = make_activity(cast.mei, [group], opened=why != "a draft", **fields)
    member = make_member(groups=[group])
    times = {"before it opens": NOW - 2 * HOUR, "from the closing on": START - DAY, "once it has begun": START}
    if why == "cancelled":
        activity_cancel(by=cast.mei, now=NOW, activity=activity)
    if why == "full without a waiting list":
        sign_up(activity, make_member(groups=[group]))
    through = make_group() if why == "of another group" else group
    answers = ["x" * 201] if why == "too long an answer" else ["两位"]
    with pytest.raises(ValidationError) as refused:
        signup_make(now=times.get(why, NOW), activity=activity, member=member, group=through, answers=answers)
    assert refused.value.code == code
    assert not SignUp.objects.filter(member=member).exists()


def test_until_the_last_second_one_signs_up_and_gives_back_only_before_it_begins(cast, group):
    activity = make_activity(cast.mei, [group])
    member = make_member(groups=[group])
    second = timedelta(seconds=1)
    signup = sign_up(activity, member, START - second)
    assert signup.state == SignUpState.GOING
    with pytest.raises(ValidationError) as refused:
        signup_cancel(now=START, signup=signup)
    assert refused.value.code == "begun"
    assert signup_cancel(now=START - second, signup=signup)


def test_a_draft_opens_with_times_to_come_and_tells_its_groups_once(cast, group):
    draft = make_activity(cast.mei, [group], opened=False, starts_at=None, ends_at=None)
    with pytest.raises(ValidationError) as refused:
        activity_open(by=cast.mei, now=NOW, activity=draft)
    assert refused.value.code == "no_times"
    draft = saved(cast.mei, draft, group, starts_at=START, ends_at=START + HOUR)
    with pytest.raises(ValidationError) as refused:
        activity_open(by=cast.mei, now=START, activity=draft)
    assert refused.value.code == "passed"
    assert activity_open(by=cast.mei, now=NOW, activity=draft, announce=True) == 1
    with pytest.raises(ValidationError):
        activity_open(by=cast.mei, now=NOW, activity=draft, announce=True)
    message = Delivery.objects.get().message
    assert message.title == "亲子阅读分享"
    assert f"/m/g/{group.page_token}/activities/{draft.pk}/" in message.link


def test_cancelled_it_tells_everybody_who_signed_up_and_its_groups(cast, group):
    activity = make_activity(cast.mei, [group], capacity=1)
    gone, *_others = crowd(activity, group, 3)
    signup_cancel(now=NOW + HOUR, signup=gone)
    told = NOW + 2 * HOUR
    assert activity_cancel(by=cast.mei, now=told, activity=activity, reason="老师生病了")
    assert not activity_cancel(by=cast.mei, now=told, activity=activity)
    assert ActivityNotice.objects.filter(kind="cancelled").count() == 2
    assert "老师生病了" in Delivery.objects.get().message.text
    assert not activity.reminders.filter(done_at=None).exists()


def test_again_next_week_is_one_copy_at_the_same_local_time_across_a_clock_change(cast, group):
    # In Berlin clocks go forward on 29 March 2026.
    start = NOW.replace(month=3, day=26, hour=17)  # 18:00 there
    activity = make_activity(
        cast.mei, [group], timezone="Europe/Berlin", starts_at=start, ends_at=start + HOUR, capacity=5, questions=("?",)
    )
    copy, is_new = activity_repeat(by=cast.mei, now=NOW, activity=activity)
    assert (copy.starts_at, is_new) == (start + 7 * DAY - HOUR, True)
    assert (copy.decided, copy.capacity, copy.questions, list(copy.groups.all())) == ("open", 5, ["?"], [group])
    again, is_new = activity_repeat(by=cast.mei, now=NOW, activity=activity)
    assert (again.pk, is_new) == (copy.pk, False)
    much_later, _new = activity_repeat(by=cast.mei, now=start + 30 * DAY, activity=copy)
    assert much_later.starts_at > start + 30 * DAY, "what is long past is repeated in a week that is still to come"


def test_places_of_who_is_erased_or_merged_go_to_the_next_and_their_words_are_gone(cast, group):
    activity = make_activity(cast.mei, [group], capacity=2, questions=("几位?",))
    first, double, *_waiting = crowd(activity, group, 4)
    SignUp.objects.filter(pk=first.pk).update(answers=["两位"])
    member_erase(by=cast.lin, now=NOW + HOUR, member=first.member)
    activities_tick(now=NOW + HOUR)
    assert states(activity) == ["cancelled", "going", "going", "waiting"]
    first.refresh_from_db()
    assert first.answers == []
    members_merge(by=cast.lin, now=NOW + HOUR, winner=activity.signups.get(state="waiting").member, loser=double.member)
    activities_tick(now=NOW + 2 * HOUR)
    assert activity.signups.with_place().count() == 2
    assert activity.signups.filter(state="waiting").count() == 0


ACTS = st.lists(
    st.tuples(st.sampled_from(["sign", "give back", "places", "attend"]), st.integers(0, 4)), min_size=1, max_size=10
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS, capacity=st.integers(1, 3), walk_ins=st.booleans())
def test_whatever_people_do_places_are_never_overrun_and_nobody_waits_beside_a_free_one(
    cast, group, acts, capacity, walk_ins
):
    SignUp.objects.all().delete()
    if not hasattr(group, "people"):
        group.people = [make_member(groups=[group]) for _number in range(5)]
    activity = make_activity(cast.mei, [group], capacity=capacity, walk_ins=walk_ins)
    now = NOW
    begun = False
    for act, number in acts:
        now += MINUTE
        member = group.people[number]
        begun = begun or act == "attend"
        at = START + (now - NOW) if begun else now
        signup = activity.signups.filter(member=member).first()
        try:
            if act == "sign":
                sign_up(activity, member, at)
            elif act == "give back" and signup:
                signup_cancel(now=at, signup=signup)
            elif act == "attend":
                attended_mark(now=at, activity=activity, member=member)
            elif act == "places":
                activity = saved(cast.mei, activity, group, capacity=number + 1)
        except ValidationError:
            pass
        activity.refresh_from_db()
        taken = activity.signups.with_place().count()
        assert taken <= activity.capacity
        waiting = list(activity.signups.waiting())
        assert not waiting or begun or taken == activity.capacity
