"""Which groups the brand has reached often enough today."""

from __future__ import annotations

from datetime import timedelta

import pytest

from activity.services import event_key
from analytics.health.today import reached_today
from delivery.models import State
from members.ingestion import IncomingEvent, ingest
from members.roles.services import member_role_grant
from tests.builders import NOW, make_group, make_member
from tests.shell.test_today import make_delivery

pytestmark = pytest.mark.django_db


def say(member, group, *ats):
    events = [
        IncomingEvent(event_key("t", f"{member.pk} {at}"), member.external_id, group.external_id, "message", at)
        for at in ats
    ]
    assert ingest(events=events, source="t", by=None, create_missing=False, now=NOW).accepted == len(ats)


def test_posts_and_the_words_of_the_team_count_and_those_of_members_do_not(cast):
    reached, below, quiet = (make_group(name, branch=cast.hangzhou) for name in ("甲", "乙", "丙"))
    make_group("成都", branch=cast.chengdu)
    earlier = NOW - timedelta(days=9)
    owner, member = make_member(groups=[reached], now=earlier), make_member(groups=[below], now=earlier)
    member_role_grant(by=cast.lin, now=earlier, membership=owner.memberships.get(), role="owner")
    say(owner, reached, NOW - timedelta(hours=2), NOW - timedelta(hours=1))
    say(member, below, *(NOW - timedelta(minutes=minute) for minute in range(1, 5)))
    make_delivery(reached, State.SENT, due=timedelta(hours=-1))
    make_delivery(below, State.SENT, due=timedelta(hours=-1))
    for _number in range(3):
        make_delivery(quiet, State.SENT, due=timedelta(hours=-24))

    found = reached_today(user=cast.mei, now=NOW)

    assert (found.floor, found.groups, found.reached, found.reached_before) == (3, 3, 1, 1)
    assert [(row.group.name, row.interactions, row.missing) for row in found.below] == [("丙", 0, 3), ("乙", 1, 2)]
