"""Whatever people do to a post, and wherever the machine breaks off: nothing comes twice and nothing is forgotten."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import datetime, time, timedelta
from unittest import mock

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.content.models import PieceState
from campaigns.models import GroupSending, Occurrence, Piece, Post, Series, SeriesPiece
from campaigns.posts.limits import limits_of
from campaigns.posts.services import (
    Schedule,
    Source,
    filling,
    occurrences_complete,
    occurrences_fill,
    occurrences_resolve,
    piece_changed,
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
from delivery.models import Delivery, FeedItem, GroupDay, State
from delivery.services import deliver, deliveries_plan, dispatch
from groups.models import Group
from tests.builders import NOW, make_group
from tests.campaigns.test_series_posts import make_piece

# Half a minute of the same statements on SQLite.
pytestmark = pytest.mark.production

RULES = [
    "FREQ=DAILY", "FREQ=DAILY;INTERVAL=2", "FREQ=DAILY;COUNT=3", "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=HOURLY;INTERVAL=9",
]  # fmt: skip
SLOTS: list[tuple[str, ...]] = [(), ("09:00", "21:00"), ("02:30", "03:00", "14:00")]
DEEDS = [
    "run", "run", "run", "run_twice", "break_off", "lose_the_queue", "reword", "reschedule", "pause", "resume",
    "split", "stop", "move", "call_off", "group_leaves", "group_comes", "narrow", "widen", "retire", "make_ready",
    "fill",
]  # fmt: skip


QUOTA = 1
QUIET = time(22, 0), time(7, 0)


class Broken(Exception):
    pass


class World:
    """A post, three groups and a clock; every deed may fail as it may in life, and the world goes on.

    The first group takes so many posts a day, the second keeps quiet hours; some posts draw from a series.
    """

    def __init__(self, chance: random.Random, clock, groups: list[Group]) -> None:
        self.chance = chance
        self.clock = clock
        self.groups = groups
        self.stopped_at: dict[int, datetime] = {}
        GroupSending.objects.create(group=groups[0], daily_quota=QUOTA)
        GroupSending.objects.create(group=groups[1], quiet_from=QUIET[0], quiet_until=QUIET[1])
        self.pieces = [make_piece("A"), make_piece("B")]
        source = Source()
        if chance.random() < 0.4:
            series = Series.objects.create(name="Words", created_at=NOW, no_repeat_days=chance.choice([0, 1]))
            for position, piece in enumerate(self.pieces):
                SeriesPiece.objects.create(series=series, piece=piece, position=position)
            source = Source(series=series)
        self.post = post_create(
            by=None,
            now=self.now,
            title="x",
            body="x",
            source=source,
            missed=chance.choice(["late", "skip"]),
            keeps_limits=chance.random() < 0.8,
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
        """For a while, or until something is due: else hardly anything would be sent in time."""
        due = Delivery.objects.planned().filter(due_at__gt=self.now).order_by("due_at")
        soonest = due.values_list("due_at", flat=True).first()
        if soonest is not None and self.chance.random() < 0.6:
            self.clock.move_to(soonest + timedelta(seconds=self.chance.choice([0, 2, 50, 900])))
        else:
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

    def prepare(self) -> None:
        plan_ahead(now=self.now)
        occurrences_complete(now=self.now)
        occurrences_resolve(now=self.now)

    def run(self) -> None:
        self.prepare()
        for pk in dispatch(now=self.now, clock=self.now).queued:
            deliver(delivery_id=pk)
        posts_sweep(now=self.now)

    def run_twice(self) -> None:
        self.run()
        self.prepare()
        queued = dispatch(now=self.now, clock=self.now).queued
        for pk in [*queued, *queued]:
            deliver(delivery_id=pk)

    def break_off(self) -> None:
        """The process dies in the middle of planning, or between two steps."""
        step = self.chance.randrange(4)
        planned = Broken if step == 0 else deliveries_plan
        with mock.patch.object(filling, "deliveries_plan", side_effect=planned):
            plan_ahead(now=self.now)
            occurrences_complete(now=self.now)
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

    def fill(self) -> None:
        left = iter([True] * self.chance.randrange(3) + [False])
        occurrences_fill(goes_on=lambda: next(left))

    def retire(self) -> None:
        piece = self.chance.choice(self.pieces)
        Piece.objects.filter(pk=piece.pk).update(state=PieceState.RETIRED)
        piece_changed(piece_id=piece.pk, now=self.now)

    def make_ready(self) -> None:
        Piece.objects.filter(pk__in=[piece.pk for piece in self.pieces]).update(state=PieceState.READY)

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


def check_limits(rows: list[Delivery], groups: list[Group]) -> None:
    """No group got more on a day than it takes, unless its post heeds no limits; and the count is right."""
    heeding = set(Post.objects.filter(keeps_limits=True).values_list("pk", flat=True))
    counted = Counter((row.group_id, row.counted_on) for row in rows if row.counted_on)
    assert counted == Counter({(row.group_id, row.day): row.used for row in GroupDay.objects.filter(used__gt=0)})
    for row in rows:
        if row.state != State.SENT:
            continue
        assert row.group_id != groups[0].pk or row.counted_on
        quiet = row.group_id == groups[1].pk and limits_of([row.group_id])[row.group_id].is_quiet(row.claimed_at)
        # What may have arrived already is brought to its end at any hour.
        assert not quiet or row.attempts > 1 or row.post_id not in heeding
    if {row.post_id for row in rows} <= heeding:
        assert all(number <= QUOTA for (group, _day), number in counted.items() if group == groups[0].pk)


def check_pieces(rows: list[Delivery]) -> None:
    """What a series sent is the piece that its occurrence shows, the same to every group."""
    drawing = set(Post.objects.filter(series__isnull=False).values_list("pk", flat=True))
    said: dict[int | None, set[int | None]] = defaultdict(set)
    for row in rows:
        if row.state == State.SENT and row.post_id in drawing:
            said[row.occurrence_id].add(row.message.piece_id)
    shown = dict(Occurrence.objects.filter(pk__in=said).values_list("pk", "piece_id"))
    assert said == {pk: {shown[pk]} for pk in said}
    assert None not in shown.values()


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), deeds=st.lists(st.sampled_from(DEEDS), min_size=3, max_size=12))
def test_every_occurrence_reaches_every_group_once_or_says_why_not(db, clock, seed, deeds):
    clock.move_to(NOW)
    # Four deliveries at once: most of what is planned is planned bit by bit.
    few = mock.patch.object(filling, "MOST_AT_ONCE", 4)
    with transaction.atomic(), few, mock.patch.object(planning, "HORIZON", timedelta(days=2)):
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
        check_limits(rows, groups)
        check_pieces(rows)
        for row in rows:
            stopped = world.stopped_at.get(row.post_id)
            assert stopped is None or row.state != State.SENT or (row.claimed_at and row.claimed_at <= stopped)
            if row.state == State.SENT:
                assert row.due_at <= row.settled_at
        waiting = Occurrence.objects.to_resolve(world.now)
        assert not waiting.exists()
        assert not Occurrence.objects.to_fill().filter(due_at__lte=world.now).exists()
        running = Post.objects.filter(state="active", plan_again_at=None)
        for post in running:
            # A time that was called off may be taken back until it has passed.
            to_come = post.occurrences.filter(Q(resolved_at=None, cancelled_at=None) | Q(due_at__gt=world.now))
            assert to_come.exists() or Delivery.objects.open().filter(post_id=post.pk).exists()
        transaction.set_rollback(True)
