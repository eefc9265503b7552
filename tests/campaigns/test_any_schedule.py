"""Whatever people do to a post, and wherever the machine breaks off: nothing comes twice and nothing is forgotten."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from unittest import mock

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.models import Occurrence, Post
from campaigns.posts.services import (
    Schedule,
    filling,
    occurrences_resolve,
    plan_ahead,
    planning,
    post_create,
    post_pause,
    post_resume,
    post_split,
    post_stop,
    post_update,
    posts_sweep,
    schedule_of,
)
from delivery.models import Delivery, FeedItem, State
from delivery.services import deliver, deliveries_plan, dispatch
from groups.models import Group
from tests.builders import NOW, make_group

RULES = [
    "FREQ=DAILY", "FREQ=DAILY;INTERVAL=2", "FREQ=DAILY;COUNT=3", "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=HOURLY;INTERVAL=9",
]  # fmt: skip
SLOTS: list[tuple[str, ...]] = [(), ("09:00", "21:00"), ("02:30", "03:00", "14:00")]
DEEDS = [
    "run", "run", "run", "run_twice", "break_off", "lose_the_queue", "reword", "reschedule", "pause", "resume",
    "split", "stop", "move", "call_off", "group_leaves", "group_comes", "narrow", "widen",
]  # fmt: skip


class Broken(Exception):
    pass


class World:
    """A post, three groups and a clock; every deed may fail as it may in life, and the world goes on."""

    def __init__(self, chance: random.Random, clock, groups: list[Group]) -> None:
        self.chance = chance
        self.clock = clock
        self.groups = groups
        self.stopped_at: dict[int, datetime] = {}
        self.post = post_create(
            by=None,
            now=self.now,
            title="x",
            body="x",
            missed=chance.choice(["late", "skip"]),
            schedule=self.schedule(),
            **({"audience": {"motivations": ["growth"]}} if chance.random() < 0.6 else {"groups": groups[:2]}),
        )

    @property
    def now(self):
        return timezone.now()

    def schedule(self) -> Schedule:
        zone = self.chance.choice(["Asia/Shanghai", "America/New_York"])
        day = self.chance.randrange(2, 8)
        if self.chance.random() < 0.15:
            return Schedule(timezone=zone, at=self.now + timedelta(hours=self.chance.randrange(1, 60)))
        rule = self.chance.choice(RULES)
        slots = () if "HOURLY" in rule else self.chance.choice(SLOTS)
        return Schedule(timezone=zone, rrule=rule, start=f"2026-03-0{day}T02:30", slots=slots)

    def wait(self) -> None:
        self.clock.shift(timedelta(minutes=self.chance.choice([1, 20, 70, 400, 900])))

    def coming(self) -> Occurrence | None:
        found = list(Occurrence.objects.filter(post=self.post, due_at__gt=self.now, cancelled_at=None)[:9])
        return self.chance.choice(found) if found else None

    def fields(self) -> dict:
        self.post.refresh_from_db()
        return {
            "title": self.post.title, "body": self.post.body, "schedule": schedule_of(self.post),
            "missed": self.post.missed, "late_minutes": 30,
        }  # fmt: skip

    # Deeds

    def run(self) -> None:
        plan_ahead(now=self.now)
        occurrences_resolve(now=self.now)
        for pk in dispatch(now=self.now, clock=self.now).queued:
            deliver(delivery_id=pk)
        posts_sweep(now=self.now)

    def run_twice(self) -> None:
        self.run()
        plan_ahead(now=self.now)
        occurrences_resolve(now=self.now)
        queued = dispatch(now=self.now, clock=self.now).queued
        for pk in [*queued, *queued]:
            deliver(delivery_id=pk)

    def break_off(self) -> None:
        """The process dies in the middle of planning, or between two steps."""
        step = self.chance.randrange(4)
        planned = Broken if step == 0 else deliveries_plan
        with mock.patch.object(filling, "deliveries_plan", side_effect=planned):
            plan_ahead(now=self.now)
            if step == 1:
                return
            occurrences_resolve(now=self.now)
        queued = dispatch(now=self.now, clock=self.now).queued
        for pk in queued[: len(queued) // 2]:
            deliver(delivery_id=pk)
        if step == 3:  # a worker died after the message was there, before it wrote so
            sent = Delivery.objects.filter(state=State.SENT).order_by("-pk").first()
            if sent:
                Delivery.objects.filter(pk=sent.pk).update(state=State.SENDING, settled_at=None)

    def lose_the_queue(self) -> None:
        dispatch(now=self.now, clock=self.now)

    def reword(self) -> None:
        post_update(by=None, now=self.now, post=self.post, **{**self.fields(), "body": f"{self.now}"})

    def reschedule(self) -> None:
        post_update(by=None, now=self.now, post=self.post, **{**self.fields(), "schedule": self.schedule()})

    def narrow(self) -> None:
        post_update(by=None, now=self.now, post=self.post, groups=self.groups[:1], **self.fields())

    def widen(self) -> None:
        post_update(by=None, now=self.now, post=self.post, audience={}, **self.fields())

    def pause(self) -> None:
        post_pause(by=None, now=self.now, post=self.post)

    def resume(self) -> None:
        post_resume(by=None, now=self.now, post=self.post)

    def split(self) -> None:
        if occurrence := self.coming():
            fields = {**self.fields(), "schedule": self.schedule()}
            self.post = post_split(by=None, now=self.now, occurrence=occurrence, **fields)

    def stop(self) -> None:
        if self.chance.random() < 0.5 and post_stop(by=None, now=self.now, post=self.post):
            self.stopped_at[self.post.pk] = self.now

    def move(self) -> None:
        if occurrence := self.coming():
            at = self.now + timedelta(minutes=self.chance.randrange(1, 3000))
            Occurrence.objects.filter(pk=occurrence.pk).update(due_at=at, by_hand=True)
            planned = Delivery.objects.planned().filter(occurrence_id=occurrence.pk)
            planned.update(due_at=at, late_until=at + timedelta(minutes=30))

    def call_off(self) -> None:
        if occurrence := self.coming():
            Occurrence.objects.filter(pk=occurrence.pk).update(cancelled_at=self.now, by_hand=True)
            planned = Delivery.objects.planned().filter(occurrence_id=occurrence.pk)
            planned.update(state=State.CANCELLED, error_code="called_off", settled_at=self.now)

    def group_leaves(self) -> None:
        Group.objects.filter(pk=self.chance.choice(self.groups).pk).update(motivation="sales")

    def group_comes(self) -> None:
        Group.objects.filter(pk=self.chance.choice(self.groups).pk).update(motivation="growth")

    def do(self, deed: str) -> None:
        self.wait()
        try:
            with transaction.atomic():
                getattr(self, deed)()
        except (Broken, ValidationError):
            pass

    def end(self) -> None:
        """The machine runs again, and goes on until nothing is due any more."""
        for _again in range(4):
            self.clock.shift(timedelta(seconds=40))
            self.run()


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), deeds=st.lists(st.sampled_from(DEEDS), min_size=3, max_size=12))
def test_every_occurrence_reaches_every_group_once_or_says_why_not(db, clock, seed, deeds):
    clock.move_to(NOW)
    with transaction.atomic(), mock.patch.object(planning, "HORIZON", timedelta(days=2)):
        groups = [make_group(now=NOW), make_group(now=NOW), make_group(now=NOW, motivation="sales")]
        world = World(random.Random(seed), clock, groups)
        for deed in deeds:
            world.do(deed)
        world.end()

        rows = list(Delivery.objects.all())
        pairs = Counter((row.occurrence_id, row.group_id) for row in rows)
        assert set(pairs.values()) <= {1}
        unsettled = [row for row in rows if row.due_at <= world.now and row.state in ("planned", "queued", "sending")]
        assert unsettled == []
        sent = {row.pk for row in rows if row.state == State.SENT}
        assert {item.delivery_id for item in FeedItem.objects.all()} == sent
        for row in rows:
            stopped = world.stopped_at.get(row.post_id)
            assert stopped is None or row.state != State.SENT or (row.claimed_at and row.claimed_at <= stopped)
            if row.state == State.SENT:
                assert row.due_at <= row.settled_at
        waiting = Occurrence.objects.to_resolve(world.now)
        assert not waiting.exists()
        running = Post.objects.filter(state="active", plan_again_at=None)
        for post in running:
            # A time that was called off may be taken back until it has passed.
            to_come = post.occurrences.filter(Q(resolved_at=None, cancelled_at=None) | Q(due_at__gt=world.now))
            assert to_come.exists() or Delivery.objects.open().filter(post_id=post.pk).exists()
        transaction.set_rollback(True)
