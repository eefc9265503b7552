"""Staff take somebody off the list of an activity: after a look, with who moves up for it."""

from __future__ import annotations

import pytest

from accounts.models import AuditEntry
from campaigns.activities.models import ActivityNotice
from campaigns.activities.selectors import notices_of
from campaigns.activities.services import attendance_take_back, attended_mark, signup_cancel, signup_take_off
from members.privacy.services import member_erase
from tests.builders import NOW, make_group
from tests.campaigns.activity_things import HOUR, START, crowd, make_activity, sign_up, states
from tests.members.visitors import phone_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(NOW + HOUR, tick=False)
    return time_machine


@pytest.fixture
def group(cast):
    return make_group("晨读", branch=cast.hangzhou)


def told(signup, now):
    return [notice.kind for notice in notices_of(member=signup.member, now=now)]


def test_the_first_who_waits_moves_up_and_both_are_told(client, cast, group):
    activity = make_activity(cast.mei, [group], capacity=1)
    first, second, third = crowd(activity, group, 3)
    address = f"/rituals/activities/{activity.pk}/people/{first.pk}/off/"
    client.force_login(cast.mei)
    assert address in client.get(f"/rituals/activities/{activity.pk}/").content.decode()
    page = client.get(address)
    assert (page.context["row"], page.context["next"]) == (first, second)
    for name in (first.member.name, second.member.name):
        assert name in page.content.decode()
    back = f"/rituals/activities/{activity.pk}/?state=going"
    answer = client.post(address, {"reason": "报了两次", "next": back}, follow=True)
    assert answer.redirect_chain == [(back, 302)]
    [message] = answer.context["messages"]
    assert first.member.name in message.message
    assert second.member.name in message.message
    assert states(activity) == ["cancelled", "going", "waiting"]
    assert list(ActivityNotice.objects.order_by("pk").values_list("signup", "kind")) == [
        (second.pk, "moved_up"),
        (first.pk, "taken_off"),
    ]
    entry = AuditEntry.objects.get(action="activity.signup_taken_off")
    assert (entry.actor, entry.after["member"], entry.after["reason"]) == (cast.mei, first.member.name, "报了两次")
    assert (
        "The team took you off the list"
        in phone_of(first.member).get(f"/m/g/{group.page_token}/activities/{activity.pk}/").content.decode()
    )
    # A second press, and somebody who only waits.
    assert client.post(address).status_code == 302
    assert "not on the list any more" in client.get(address).content.decode()
    assert signup_take_off(by=cast.mei, now=NOW + HOUR, signup=third) == []
    assert states(activity) == ["cancelled", "going", "cancelled"]
    member_erase(by=cast.lin, now=NOW + HOUR, member=first.member)
    entry.refresh_from_db()
    assert entry.after == {}, "nobody is named who is erased"


def test_who_comes_back_is_told_nothing_of_it_any_more(cast, group):
    activity = make_activity(cast.mei, [group])
    [signup] = crowd(activity, group, 1)
    signup_take_off(by=cast.mei, now=NOW + HOUR, signup=signup)
    assert told(signup, NOW + HOUR) == ["taken_off"]
    sign_up(activity, signup.member, NOW + 2 * HOUR)
    assert told(signup, NOW + 2 * HOUR) == []
    signup_cancel(now=NOW + 3 * HOUR, signup=signup)
    assert told(signup, NOW + 3 * HOUR) == [], "this time they went by themselves"


def test_who_was_ticked_is_named_in_no_entry_once_they_are_erased(cast, group):
    activity = make_activity(cast.mei, [group])
    [signup] = crowd(activity, group, 1)
    attended_mark(now=START, activity=activity, member=signup.member, by=cast.mei)
    attendance_take_back(by=cast.mei, now=START, signup=signup)
    entries = AuditEntry.objects.filter(action__startswith="activity.attended")
    assert [(entry.before | entry.after)["member"] for entry in entries] == [signup.member.name] * 2
    member_erase(by=cast.lin, now=START, member=signup.member)
    assert [(entry.before, entry.after) for entry in entries.all()] == [({}, {})] * 2


def test_once_it_has_begun_nobody_is_taken_off(client, cast, group, clock):
    activity = make_activity(cast.mei, [group])
    [signup] = crowd(activity, group, 1)
    address = f"/rituals/activities/{activity.pk}/people/{signup.pk}/off/"
    clock.move_to(START, tick=False)
    client.force_login(cast.mei)
    assert address not in client.get(f"/rituals/activities/{activity.pk}/").content.decode()
    assert "attendance" in client.get(address).content.decode()
    client.post(address)
    assert states(activity) == ["going"]


def test_only_who_may_change_the_activity_takes_people_off(client, cast, group):
    activity = make_activity(cast.mei, [group])
    [signup] = crowd(activity, group, 1)
    other = crowd(make_activity(cast.mei, [group]), group, 1)[0]
    for person, number, status in (
        (cast.ana, signup.pk, 403),
        (cast.out, signup.pk, 404),
        (cast.mei, other.pk, 404),
        (cast.mei, 10**18, 404),
    ):
        client.force_login(person)
        address = f"/rituals/activities/{activity.pk}/people/{number}/off/"
        assert (client.get(address).status_code, client.post(address).status_code) == (status, status)
