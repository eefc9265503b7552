"""The figures of groups by day equal what counting them again gives, whatever happened meanwhile."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection

from analytics.health import services
from analytics.health.counting import stats_recount
from analytics.health.days import Days, local_day
from analytics.health.services import health_walk, stats_catch_up
from analytics.models import DailyGroupStat, HealthWalk
from delivery.models import Delivery, Message, State
from groups.models import Group
from members.ingestion.by_hand import Deed, events_by_hand, events_take_back
from members.merging.services import MergeRefused, members_merge, merge_undo
from members.models import Member, MemberRole, Membership, MergeRun
from members.roles.services import member_role_end, member_role_grant
from tests.analytics.test_health_counting import KINDS, by_hand, kept, tell
from tests.base import Cast
from tests.builders import NOW
from tests.races import at_once

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


class Killed(Exception):
    """The process ended here."""


class Community:
    """Everything that can happen to a community, in an order that dice decide."""

    def __init__(self, seed: int, cast: Cast) -> None:
        self.dice, self.cast = random.Random(seed), cast
        self.now, self.number = NOW, 0
        self.refs: list[str] = []

    def step(self) -> None:
        self.number += 1
        self.now += self.dice.choice([1, 7, 20, 600]) * MINUTE
        acts = (
            *(self.happen, self.happen, self.unite, self.part, self.note),
            *(self.take_back, self.send, self.grant, self.end),
        )
        self.dice.choice(acts)()

    def happen(self) -> None:
        """Some events of now, and of any earlier day."""
        rows = []
        for _event in range(self.dice.randrange(1, 12)):
            at = self.now - timedelta(days=self.dice.choice([0, 0, 1, self.dice.randrange(80)]), minutes=1)
            rows.append((f"m{self.dice.randrange(7)}", f"g{self.dice.randrange(4)}", self.dice.choice(KINDS), at))
        tell(rows, source=f"step {self.number}", now=self.now)

    def unite(self) -> None:
        people = list(Member.objects.current().order_by("pk"))
        if len(people) > 2:
            winner, loser = self.dice.sample(people, 2)
            members_merge(by=self.cast.lin, now=self.now, winner=winner, loser=loser)

    def part(self) -> None:
        run = MergeRun.objects.filter(undone_at=None).order_by("-pk").first()
        if run:
            with suppress(MergeRefused):
                merge_undo(by=self.cast.lin, now=self.now, run=run)

    def note(self) -> None:
        member, group = Member.objects.current().order_by("?").first(), Group.objects.order_by("?").first()
        if member and group:
            ref, at = f"deed {self.number}", self.now - timedelta(days=self.dice.randrange(90))
            events_by_hand(deeds=[Deed(ref, member, group, self.dice.choice(KINDS), at)], now=self.now)
            self.refs.append(ref)

    def take_back(self) -> None:
        if self.refs:
            events_take_back(refs=[self.refs.pop(self.dice.randrange(len(self.refs)))], now=self.now)

    def send(self) -> None:
        group = Group.objects.order_by("pk").first()
        if group:
            Delivery.objects.create(
                dedupe_key=f"post {self.number}",
                kind="inapp",
                group_id=group.pk,
                group_ref=group.external_id,
                message=Message.objects.create(title="早安", text="今日书单"),
                state=State.SENT,
                due_at=self.now - timedelta(hours=self.dice.randrange(72)),
                late_until=self.now,
                settled_at=self.now,
            )

    def grant(self) -> None:
        place = Membership.objects.present().exclude(roles__role="owner").order_by("pk").first()
        if place:
            member_role_grant(by=self.cast.lin, now=self.now, membership=place, role="owner")

    def end(self) -> None:
        role = MemberRole.objects.filter(role="owner", ended_at=None).order_by("pk").first()
        if role:
            member_role_end(by=self.cast.lin, now=self.now, role=role)


def counted_again():
    """What is kept after everything was thrown away and counted anew."""
    DailyGroupStat.objects.all().delete()
    groups = set(Group.objects.values_list("pk", flat=True))
    stats_recount(groups=groups, days=Days(local_day(NOW - timedelta(days=120)), local_day(NOW + timedelta(days=60))))
    return kept()


@pytest.mark.parametrize("seed", range(3))
def test_the_figures_follow_whatever_happens(cast, seed, monkeypatch, settings):
    community = Community(seed, cast)
    community.happen()
    for number in range(8):
        for _act in range(community.dice.randrange(1, 4)):
            community.step()
        if number == 5:
            settings.TIME_ZONE = "America/New_York"
        if community.dice.random() < 0.3:
            with monkeypatch.context() as patch:
                patch.setattr(services, "stats_recount", killed_after(community.dice.randrange(2)))
                patch.setattr(services, "CHUNK", 1)
                as_far_as_it_gets(stats_catch_up, now=community.now)
        stats_catch_up(now=community.now)
        assert kept() == by_hand()
    assert kept() == counted_again()


def killed_after(calls: int):
    """stats_recount in a process that ends at one of its calls."""
    left = [calls]

    def recount(**asked):
        if not left[0]:
            raise Killed
        left[0] -= 1
        stats_recount(**asked)

    return recount


def as_far_as_it_gets(act, *, now) -> None:
    with suppress(Killed):
        act(now=now)


def test_another_zone_counts_every_group_anew_and_a_killed_recount_goes_on(cast, settings, monkeypatch):
    community = Community(7, cast)
    for _time in range(6):
        community.happen()
    stats_catch_up(now=community.now)
    settings.TIME_ZONE = "Pacific/Honolulu"
    with monkeypatch.context() as patch:
        patch.setattr(services, "CHUNK", 1)
        patch.setattr(services, "stats_recount", killed_after(2))
        with pytest.raises(Killed):
            stats_catch_up(now=community.now)
    walk = HealthWalk.objects.get()
    assert (walk.zone, walk.recounted) == ("Pacific/Honolulu", Group.objects.order_by("pk")[1].pk)
    assert kept() != by_hand()
    stats_catch_up(now=community.now)
    assert kept() == by_hand()
    assert HealthWalk.objects.get().recounted is None


def test_a_walk_that_is_killed_anywhere_and_begun_again_leaves_the_same_figures(cast, monkeypatch):
    monkeypatch.setattr(services, "CHUNK", 1)
    for calls in range(4):
        community = Community(calls, cast)
        community.happen()
        community.happen()
        with monkeypatch.context() as patch:
            patch.setattr(services, "stats_recount", killed_after(calls))
            as_far_as_it_gets(health_walk, now=community.now)
        community.happen()
        health_walk(now=community.now)
        assert kept() == by_hand()


@pytest.mark.django_db(transaction=True)
def test_two_who_count_at_once_while_events_come_in_leave_what_a_recount_gives(cast):
    if connection.vendor != "postgresql":
        pytest.skip("one writer at a time")
    community = Community(3, cast)
    for _time in range(4):
        community.happen()

    def work(position: int) -> None:
        if position < 2:
            health_walk(now=community.now)
        elif position == 2:
            tell([("m1", f"g{n}", "message", NOW - timedelta(days=n)) for n in range(4)], source="meanwhile")
        else:
            stats_catch_up(now=community.now)

    assert at_once(work, 4) == [None, None, None, None]
    stats_catch_up(now=community.now + 20 * MINUTE)
    assert kept() == by_hand()


def _owner_speaks(community):
    place = Membership.objects.present().earliest("pk")
    role = member_role_grant(by=community.cast.lin, now=community.now, membership=place, role="owner")
    row = (place.member.external_id, place.group.external_id, "message", community.now + MINUTE)
    tell([row], source="owner", now=community.now + MINUTE)
    return role


def _taken_back(community):
    group, member = Group.objects.earliest("pk"), Member.objects.create(external_id="guest", name="guest")
    events_by_hand(deeds=[Deed("guest", member, group, "joined", NOW - timedelta(days=200))], now=NOW)
    stats_catch_up(now=community.now)
    assert DailyGroupStat.objects.filter(day=local_day(NOW - timedelta(days=200))).exists()
    events_take_back(refs=["guest"], now=NOW)


HAPPENINGS = {
    "a post was sent": Community.send,
    "two members are one": Community.unite,
    "an owner speaks": _owner_speaks,
    "the only event of a member was taken back": _taken_back,
}


@pytest.mark.parametrize("what", HAPPENINGS)
def test_the_figures_follow_when(cast, what):
    community = Community(5, cast)
    community.happen()
    community.happen()
    for hours in (0, 1, 2):
        community.now = NOW + timedelta(hours=hours)
        stats_catch_up(now=community.now)
    HAPPENINGS[what](community)
    community.now += 5 * MINUTE
    stats_catch_up(now=community.now)
    assert kept() == by_hand()
