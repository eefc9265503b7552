"""Activities for tests: one that is open, people with places, and one of each thing for the pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from accounts.models import User
from campaigns.activities.models import Activity, SignUp
from campaigns.activities.services import ActivityContent, activity_open, activity_save, signup_make
from groups.models import Group
from members.models import Member
from tests.builders import NOW, make_member

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
# The activities of tests begin on Thursday evening and last two hours.
START = NOW + 3 * DAY + 7 * HOUR


def make_activity(
    by: User, groups: Sequence[Group], *, now: datetime = NOW, opened: bool = True, **fields: Any
) -> Activity:
    values = {"title": "亲子阅读分享", "kind": "sharing", "starts_at": START, "ends_at": START + 2 * HOUR, **fields}
    activity = activity_save(by=by, now=now, activity=None, content=ActivityContent(**values), groups=groups)
    if opened:
        activity_open(by=by, now=now, activity=activity)
    return activity


def sign_up(activity: Activity, member: Member, now: datetime = NOW) -> SignUp:
    return signup_make(now=now, activity=activity, member=member, group=member.memberships.earliest("pk").group)


def crowd(activity: Activity, group: Group, count: int, now: datetime = NOW) -> list[SignUp]:
    """New members of the group who sign up one after the other."""
    members = [make_member(groups=[group]) for _number in range(count)]
    return [sign_up(activity, member, now + number * MINUTE) for number, member in enumerate(members)]


def states(activity: Activity) -> list[str]:
    """The states of all sign-ups, in the order in which they came."""
    return list(activity.signups.order_by("signed_at", "pk").values_list("state", flat=True))


def activity_things(*, by: User, group: Group, member: Member, now: datetime) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "starts_at": now + DAY,
        "ends_at": now + DAY + HOUR,
        "questions": ("几位家长来?",),
        "capacity": 2,
    }
    activity = make_activity(by, [group], now=now, **fields)
    signup = signup_make(now=now, activity=activity, member=member, group=group, answers=["两位"])
    return {"activity": activity.pk, "activity_signup": signup.pk}
