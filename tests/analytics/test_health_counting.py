"""The figures of groups by day: always what counting them again gives."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest

from activity.models import Event
from activity.services import event_key
from analytics.health.counting import FIGURES, stats_recount
from analytics.health.days import Days, local_day
from analytics.health.services import stats_catch_up
from analytics.models import DailyGroupStat, HealthWalk
from delivery.models import Delivery, Message, State
from members.ingestion import IncomingEvent, ingest
from members.models import Member, MemberRole, Membership
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db

KINDS = ("joined", "left", "message", "message", "question", "answer", "like", "check_in", "ordered", "post_seen")


def tell(rows, *, source="tests", now=NOW):
    """Events as (member, group, kind, at)."""
    events = [
        IncomingEvent(event_key(source, f"{source} {number} {at}"), member, group, kind, at)
        for number, (member, group, kind, at) in enumerate(rows)
    ]
    return ingest(events=events, source=source, by=None, create_missing=True, now=now)


def by_hand():
    """(group, day) -> figures, counted row by row from what the tables hold."""
    found: dict = defaultdict(lambda: defaultdict(int))
    seen = defaultdict(set)
    held = list(MemberRole.objects.values_list("membership__group", "membership__member", "since", "ended_at"))
    names = {"message": "messages", "question": "questions", "answer": "answers", "like": "likes"}
    names |= {"check_in": "check_ins", "ordered": "orders"}
    for group, member, kind, at in Event.objects.values_list("group_id", "member_id", "kind__slug", "at"):
        cell = (group, local_day(at))
        if kind in names:
            found[cell][names[kind]] += 1
        if kind != "left":
            seen[*cell, "active"].add(member)
        if kind in ("message", "question", "answer"):
            seen[*cell, "speakers"].add(member)
        if kind in ("message", "question", "answer", "like"):
            found[cell]["staff"] += any(
                (group, member) == (g, m) and since <= at and (until is None or at < until)
                for g, m, since, until in held
            )
    for (group, day, name), who in seen.items():
        found[group, day][name] = len(who)
    for delivery in Delivery.objects.filter(state=State.SENT):
        found[delivery.group_id, local_day(delivery.settled_at)]["posts"] += 1
    for membership in Membership.objects.all():
        found[membership.group_id, local_day(membership.joined_at)]["joined"] += 1
        if not membership.is_present:
            found[membership.group_id, local_day(membership.left_at)]["left"] += 1
    rows = {cell: figures for cell, figures in found.items() if any(figures.values())}
    for (group, day), figures in rows.items():
        figures["members"] = sum(
            1
            for membership in Membership.objects.filter(group=group)
            if local_day(membership.joined_at) <= day and (membership.is_present or local_day(membership.left_at) > day)
        )
    return {cell: {name: figures[name] for name in FIGURES} for cell, figures in rows.items()}


def kept():
    return {
        (row.group_id, row.day): {name: getattr(row, name) for name in FIGURES} for row in DailyGroupStat.objects.all()
    }


@pytest.mark.parametrize("seed", range(6))
def test_the_figures_are_what_counting_by_hand_gives_however_the_events_arrive(seed):
    dice = random.Random(seed)
    for batch in range(4):
        rows = []
        for _event in range(60):
            at = NOW - timedelta(days=dice.randrange(100), minutes=dice.randrange(1440))
            rows.append((f"m{dice.randrange(8)}", f"g{dice.randrange(4)}", dice.choice(KINDS), at))
        tell(rows, source=f"batch {batch}")
        stats_catch_up(now=NOW)
        assert kept() == by_hand()


@pytest.mark.parametrize("seed", range(3))
def test_counted_anew_the_figures_know_who_was_staff_at_the_time(seed):
    dice = random.Random(seed)
    rows = [
        (
            f"m{dice.randrange(5)}",
            f"g{dice.randrange(3)}",
            dice.choice(KINDS),
            NOW - timedelta(hours=dice.randrange(2400)),
        )
        for _event in range(200)
    ]
    tell(rows)
    for membership in dice.sample(list(Membership.objects.all()), 6):
        since = NOW - timedelta(days=dice.randrange(100))
        ended = since + timedelta(days=9) if dice.random() < 0.5 else None
        MemberRole.objects.create(membership=membership, role="owner", since=since, ended_at=ended)
    stats_recount(groups=set(Membership.objects.values_list("group", flat=True)), days=_always())
    assert kept() == by_hand()
    assert DailyGroupStat.objects.filter(staff__gt=0).exists()


def _always():
    return Days(local_day(NOW - timedelta(days=101)), local_day(NOW))


def test_an_event_that_comes_late_changes_the_day_on_which_it_happened():
    tell([("m1", "g1", "message", NOW)])
    stats_catch_up(now=NOW)
    tell(
        [("m2", "g1", "message", NOW - timedelta(days=300)), ("m1", "g1", "left", NOW - timedelta(days=2))], source="b"
    )
    stats_catch_up(now=NOW)
    assert kept() == by_hand()
    assert len(kept()) == 3


def test_who_comes_back_was_never_away():
    day = timedelta(days=1)
    tell([("m1", "g1", "joined", NOW - 9 * day), ("m1", "g1", "left", NOW - 6 * day)])
    stats_catch_up(now=NOW)
    assert DailyGroupStat.objects.get(left=1).members == 0
    tell([("m1", "g1", "message", NOW - 2 * day)], source="b")
    stats_catch_up(now=NOW)
    assert not DailyGroupStat.objects.filter(left=1).exists()
    assert kept() == by_hand()


def test_nothing_new_costs_nothing_and_an_event_that_was_under_way_is_not_missed():
    tell([("m1", "g1", "message", NOW)])
    assert stats_catch_up(now=NOW) == 1
    # Within a quarter of an hour an event with a lower number may still come in, so the same is looked at again.
    assert stats_catch_up(now=NOW + timedelta(minutes=5)) == 1
    assert stats_catch_up(now=NOW + timedelta(minutes=16)) == 1
    assert stats_catch_up(now=NOW + timedelta(minutes=40)) == 0
    walk = HealthWalk.objects.get()
    assert walk.settled_event == Event.objects.latest("pk").pk


def test_a_day_is_a_local_day_and_a_post_counts_on_the_day_it_was_sent():
    group = make_group(external_id="g1")
    late = datetime(2026, 2, 20, 16, 30, tzinfo=UTC)  # half past midnight of the 21st in Shanghai
    tell([("m1", "g1", "message", late - timedelta(hours=1)), ("m1", "g1", "message", late)])
    message = Message.objects.create(title="早安", text="今日书单")
    for number, state in enumerate((State.SENT, State.SENT, State.FAILED)):
        Delivery.objects.create(
            dedupe_key=str(number),
            kind="inapp",
            group_id=group.pk,
            group_ref="g1",
            message=message,
            state=state,
            due_at=late - timedelta(hours=3),
            late_until=late,
            settled_at=late,
        )
    stats_recount(groups=[group.pk], days=Days(date(2026, 2, 1), date(2026, 2, 28)))
    figures = {row.day: (row.messages, row.posts, row.interactions) for row in DailyGroupStat.objects.all()}
    assert figures == {date(2026, 2, 20): (1, 0, 0), date(2026, 2, 21): (1, 2, 2)}


def test_what_staff_do_counts_while_they_hold_the_role():
    group = make_group(external_id="g1")
    owner = make_member("群主", groups=[group], now=NOW - timedelta(days=20))
    MemberRole.objects.create(
        membership=owner.memberships.get(),
        role="owner",
        since=NOW - timedelta(days=10),
        ended_at=NOW - timedelta(days=5),
    )
    for days in (12, 7, 3):
        tell([(owner.external_id, "g1", "answer", NOW - timedelta(days=days))], source=f"s{days}")
    stats_catch_up(now=NOW)
    staff = dict(DailyGroupStat.objects.filter(answers=1).values_list("day", "staff"))
    assert staff == {local_day(NOW - timedelta(days=days)): int(days == 7) for days in (12, 7, 3)}
    assert Member.objects.count() == 1
