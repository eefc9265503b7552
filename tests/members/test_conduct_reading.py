"""Who has read the rules; rules are posted again on schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.core.exceptions import ValidationError

from delivery.models import Delivery
from groups.channel import group_renew_page
from groups.models import Group
from members.conduct.acknowledgements import (
    Share,
    rule_set_shares,
    rules_acknowledge,
    shares,
    unread,
    unread_tasks_ensure,
)
from members.conduct.reposting import (
    group_keep_messages,
    next_repost,
    repost_plan,
    reposts_due,
    rules_post_now,
)
from members.conduct.tasks import ask_for_reading, forget_messages, repost_rules
from members.links import membership_from, membership_link, membership_token
from members.models import KeptMessage, StaffTask
from tests.base import Cast, cast  # noqa: F401  the fixture
from tests.builders import NOW, make_group, make_member
from tests.members.conduct import make_ruled_group, publish, write

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def world() -> SimpleNamespace:
    group = make_ruled_group()
    people = [make_member(groups=[group]) for _number in range(3)]
    return SimpleNamespace(group=group, memberships=[one.memberships.get() for one in people])


class TestReading:
    def test_who_has_read_is_known_once(self, world):
        first = world.memberships[0]
        assert [rules_acknowledge(by=None, now=NOW, membership=first) for _time in range(2)] == [True, False]
        assert shares([world.group.pk]) == {world.group.pk: Share(1, 3)}
        assert [one.pk for one in unread(world.group)] == [one.pk for one in world.memberships[1:]]

    def test_a_version_that_asks_is_read_again_and_one_that_does_not_is_not(self, world):
        for one in world.memberships:
            rules_acknowledge(by=None, now=NOW, membership=one)
        publish(world.group.rule_set, published_at=NOW)
        assert shares([world.group.pk])[world.group.pk].read == 3
        publish(world.group.rule_set, published_at=NOW, reacknowledge=True)
        assert shares([world.group.pk])[world.group.pk].read == 0
        rules_acknowledge(by=None, now=NOW, membership=world.memberships[0])
        publish(world.group.rule_set, published_at=NOW)
        assert shares([world.group.pk])[world.group.pk].read == 1

    def test_other_rules_are_read_anew(self, world):
        rules_acknowledge(by=None, now=NOW, membership=world.memberships[0])
        other = make_ruled_group().rule_set
        Group.objects.filter(pk=world.group.pk).update(rule_set=other)
        assert shares([world.group.pk])[world.group.pk].read == 0

    def test_the_share_of_a_rule_set_counts_the_groups_within_reach(self, world, cast: Cast):  # noqa: F811
        elsewhere = make_group(branch=cast.chengdu)
        Group.objects.filter(pk=elsewhere.pk).update(rule_set=world.group.rule_set)
        make_member(groups=[elsewhere])
        number = world.group.rule_set_id
        assert rule_set_shares([number], cast.lin) == {number: Share(0, 4)}
        assert rule_set_shares([number], cast.out) == {number: Share(0, 1)}

    def test_a_task_reminds_of_those_who_have_not_read_for_a_week(self, world):
        assert unread_tasks_ensure(now=NOW + 6 * DAY) == 0
        rules_acknowledge(by=None, now=NOW, membership=world.memberships[0])
        with time_machine.travel(NOW + 7 * DAY, tick=False):
            for _time in range(2):
                ask_for_reading()
        task = StaffTask.objects.get()
        assert (task.kind, task.group, task.data) == ("conduct_unread", world.group, {"number": 2})


class TestLinks:
    def test_a_link_stands_for_one_member_in_one_group(self, world):
        tokens = [membership_token(one) for one in world.memberships]
        assert len(set(tokens)) == 3
        assert [membership_from(token) for token in tokens] == world.memberships
        assert membership_link(world.memberships[0]).endswith(f"/m/r/{tokens[0]}/")

    @pytest.mark.parametrize(
        "change", [lambda token: token[:-1] + "x", lambda token: "zzzzzz" + token, lambda _token: "nonsense"]
    )
    def test_a_link_that_was_changed_leads_nowhere(self, world, change):
        token = membership_token(world.memberships[0])
        assert membership_from(change(token) if change(token) != token else f"{token}y") is None

    def test_a_new_address_of_the_group_page_ends_them(self, world, cast: Cast):  # noqa: F811
        token = membership_token(world.memberships[0])
        group_renew_page(by=cast.lin, group=world.group)
        assert membership_from(token) is None


class TestReposting:
    def plan(self, world, cast, **changes):  # noqa: F811
        values = {"every": "week", "day": 0, "hour": 9, "reminds_in_channel": False, **changes}
        return repost_plan(by=cast.lin, now=NOW, group=world.group, **values)

    @pytest.mark.parametrize(
        ("every", "day", "expected"),
        [
            ("week", 0, datetime(2026, 3, 9, 1, tzinfo=UTC)),
            ("week", 1, datetime(2026, 3, 3, 1, tzinfo=UTC)),
            ("month", 2, datetime(2026, 4, 2, 1, tzinfo=UTC)),
            ("month", 31, datetime(2026, 3, 31, 1, tzinfo=UTC)),
            ("", 0, None),
        ],
    )
    def test_the_next_time_is_the_next_such_day_and_hour(self, every, day, expected):
        assert next_repost(every=every, day=day, hour=9, after=NOW) == expected

    def test_a_short_month_takes_its_last_day(self):
        after = datetime(2026, 4, 1, tzinfo=UTC)
        assert next_repost(every="month", day=31, hour=9, after=after) == datetime(2026, 4, 30, 1, tzinfo=UTC)

    def test_rules_are_posted_once_for_each_time(self, world, cast: Cast):  # noqa: F811
        due = self.plan(world, cast).next_repost_at
        assert reposts_due(now=due - timedelta(seconds=1)) == 0
        with time_machine.travel(due, tick=False):
            for _time in range(2):
                repost_rules()
        delivery = Delivery.objects.get()
        assert (delivery.due_at, delivery.message.text) == (due, "1. 不发广告")
        assert reposts_due(now=due + 30 * DAY) == 1
        assert Delivery.objects.count() == 2

    def test_a_closed_group_is_told_nothing(self, world, cast: Cast):  # noqa: F811
        due = self.plan(world, cast).next_repost_at
        Group.objects.filter(pk=world.group.pk).update(state="archived")
        assert reposts_due(now=due) == 0
        world.group.refresh_from_db()
        assert not rules_post_now(by=cast.lin, now=NOW, group=world.group)

    def test_a_day_that_does_not_exist_is_refused(self, world, cast: Cast):  # noqa: F811
        with pytest.raises(ValidationError):
            self.plan(world, cast, day=7)


def test_with_the_consent_goes_what_was_kept(world, cast: Cast):  # noqa: F811
    assert group_keep_messages(by=cast.lin, group=world.group, keeps=True)
    assert not group_keep_messages(by=cast.lin, group=world.group, keeps=True)
    write(world.group, world.memberships[0].member, "早安")
    assert KeptMessage.objects.count() == 1
    assert group_keep_messages(by=cast.lin, group=world.group, keeps=False)
    assert KeptMessage.objects.count() == 0


def test_texts_are_forgotten_by_a_task(world, cast: Cast):  # noqa: F811
    group_keep_messages(by=cast.lin, group=world.group, keeps=True)
    write(world.group, world.memberships[0].member, "早安")
    with time_machine.travel(NOW + 31 * DAY, tick=False):
        for _time in range(2):
            forget_messages()
    assert KeptMessage.objects.count() == 0
