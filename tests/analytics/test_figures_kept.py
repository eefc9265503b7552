"""Reports that add up the figures of all groups keep them, and learn from notes what to read anew."""

from __future__ import annotations

import random
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from analytics.health import counting, kept, services, sums
from analytics.health.days import Days, local_day
from analytics.health.kept import group_days
from analytics.health.services import health_walk, stats_catch_up
from analytics.health.sums import added_up, sums_of
from analytics.hours import _kept_members, _read_members
from analytics.models import FiguresChange
from analytics.ranking.selectors import FIGURES
from groups.models import Group
from tests.analytics.test_health_counting import tell
from tests.analytics.test_health_exactness import Community
from tests.builders import NOW
from tests.races import at_once

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    monkeypatch.setattr(kept._kept, "last", None)
    monkeypatch.setattr(sums, "_kept", {})
    monkeypatch.setattr(sums, "MANY", 0)


def days(*, now=NOW, back=55):
    return Days(local_day(now) - back * DAY, local_day(now))


def known(table):
    """(group, place of the day) -> marks and figures, of days with any."""
    return {
        (int(table.groups[row]), int(day)): (int(table.marks[row, day]), *table.figures[:, row, day].tolist())
        for row, day in zip(*np.nonzero(table.marks), strict=True)
    }


def read_anew(asked):
    """The same from the tables, past what is kept."""
    return known(kept._with(kept._empty(asked), None, asked))


def queries(asked, of=group_days):
    with CaptureQueriesContext(
        connection,
    ) as seen:
        of(asked)
    return len(seen)


def summed(asked, of=sums_of):
    """group -> sums, in an order that is not that of their numbers."""
    groups = np.array(list(Group.objects.order_by("-name").values_list("pk", flat=True)), np.int64)
    return dict(zip(groups.tolist(), of(groups, asked, FIGURES).tolist(), strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_is_what_the_tables_say_whatever_happens(cast, seed, monkeypatch):
    for of in (kept, sums):
        monkeypatch.setattr(of, "MOST_ANEW", 2.0 if seed else of.MOST_ANEW)
    monkeypatch.setattr(sums, "MOST_KEPT", 9)
    monkeypatch.setattr(services, "HISTORY", 20)
    monkeypatch.setattr(kept, "CELLS", 0 if seed == 1 else kept.CELLS)
    community = Community(seed, cast)
    community.happen()
    for number in range(8):
        for _act in range(community.dice.randrange(1, 4)):
            community.step()
        stats_catch_up(now=community.now)
        if number % 3 == 1:
            health_walk(now=community.now)
        if number == 5:
            Group.objects.order_by("pk").first().delete()
        asked = days(now=community.now, back=community.dice.choice([30, 55, 80]))
        there = set(Group.objects.values_list("pk", flat=True))
        found = {cell: figures for cell, figures in known(group_days(asked)).items() if cell[0] in there}
        assert found == read_anew(asked)
        assert found
        assert summed(asked) == summed(asked, added_up)
        assert len(sums._kept) <= 9
        for is_flow in (True, False):
            members = [
                known_of(Group.objects.exclude(external_id="g1"), asked, is_flow=is_flow).tolist()
                for known_of in (_kept_members, _read_members)
            ]
            assert members[0] == sorted(members[1])


def test_nothing_new_is_one_question_and_news_of_few_groups_read_little():
    dice = random.Random(3)
    tell([(f"m{n}", f"g{n % 9}", "answer", NOW - dice.randrange(50) * DAY) for n in range(90)])
    health_walk(now=NOW)
    for hour in (1, 2):  # until nothing of it is looked at again
        stats_catch_up(now=NOW + timedelta(hours=hour))
    first, first_sums = queries(days()), queries(days(), summed)
    assert queries(days()) == 1
    # One reads the names of the groups, each figure is another question.
    assert queries(days(), summed) == 1 + len(FIGURES)
    tell([("m1", "g1", "answer", NOW - timedelta(minutes=1))], source="more")
    stats_catch_up(now=NOW + timedelta(hours=3))
    assert 1 < queries(days()) < first
    assert queries(days()) == 1
    assert 1 + len(FIGURES) < queries(days(), summed) < first_sums
    assert queries(days(), summed) == 1 + len(FIGURES)
    assert summed(days()) == summed(days(), added_up)
    # The next day holds nothing yet, which needs no look; longer than what is kept does.
    assert queries(days(now=NOW + DAY)) == 1
    assert queries(days(back=90)) > 1
    assert known(group_days(days(back=90))) == read_anew(days(back=90))


def test_a_note_that_is_gone_or_of_another_database_makes_it_read_everything():
    def is_right():
        assert known(group_days(days())) == read_anew(days())
        assert summed(days()) == summed(days(), added_up)

    tell([("m1", "g1", "answer", NOW - DAY)])
    health_walk(now=NOW)
    group_days(days())
    summed(days())
    with transaction.atomic():
        tell([("m2", "g1", "answer", NOW - DAY)], source="rolled back")
        stats_catch_up(now=NOW)
        is_right()
        transaction.set_rollback(True)
    is_right()
    tell([("m3", "g1", "answer", NOW - 2 * DAY)], source="instead")
    stats_catch_up(now=NOW)
    is_right()
    with transaction.atomic():
        tell([("m4", "g1", "answer", NOW - DAY)], source="rolled back")
        stats_catch_up(now=NOW)
        is_right()
        transaction.set_rollback(True)
    # Its number is given again where numbers are not used up: only the key tells that it is another note.
    tell([(name, "g1", "answer", NOW - 2 * DAY) for name in ("m5", "m6")], source="instead of that")
    stats_catch_up(now=NOW)
    is_right()
    FiguresChange.objects.all().delete()
    is_right()


@pytest.mark.django_db(transaction=True)
def test_readers_meet_those_who_count_at_once_and_what_is_kept_is_right_afterwards(cast):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    community = Community(3, cast)
    for _time in range(4):
        community.happen()
    asked = days(now=community.now)

    def work(position: int) -> None:
        if position < 2:
            health_walk(now=community.now)
        elif position == 2:
            tell([("m1", f"g{n}", "message", NOW - n * DAY) for n in range(4)], source="meanwhile")
            stats_catch_up(now=community.now)
        else:
            for _time in range(40):
                group_days(asked)

    assert at_once(work, 5) == [None] * 5
    assert known(group_days(asked)) == read_anew(asked)


def test_notes_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(counting, "MOST_NOTES", 3)
    for number in range(5):
        tell([("m1", "g1", "answer", NOW - DAY)], source=f"batch {number}")
        stats_catch_up(now=NOW)
    assert FiguresChange.objects.count() == 3
