"""How long the nightly walk takes: counting a night's events by day and judging every group.

    python benchmarks/health.py [--groups 10000] [--members 50000] [--events 1000000]

Makes a database of its own in a temporary folder, or uses the empty one that DATABASE_URL names. Prints the first walk,
which counts the whole history and judges ninety days, and the one of the night after; beside them the time that the
database takes to read the same night's events once.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DAYS = 100
BATCH = 50_000


def timed(label: str, action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    result = action()
    took = time.perf_counter() - begun
    print(f"{label}: {took:.1f} s ({result})", flush=True)
    return took


def fill(groups: int, members: int) -> None:
    from django.db.models import Max

    from groups.models import Group
    from members.models import Member, Membership

    Group.objects.bulk_create(
        [
            Group(
                external_id=f"g{n}",
                name=f"第 {n} 群",
                state="active",
                motivation="growth",
                purpose="阅读",
                opened_at=NOW,
            )
            for n in range(groups)
        ],
        batch_size=500,
    )
    Member.objects.bulk_create([Member(external_id=f"m{n}", name=f"成员 {n}") for n in range(members)], batch_size=2000)
    assert Member.objects.aggregate(last=Max("pk"))["last"] == members
    joined = NOW - timedelta(days=DAYS)
    Membership.objects.bulk_create(
        [
            Membership(member_id=n + 1, group_id=n % groups + 1, joined_at=joined, last_seen_at=NOW)
            for n in range(members)
        ],
        batch_size=2000,
    )


def tell(groups: int, members: int, events: int, first: datetime, span: timedelta, seed: int) -> int:
    """Events spread over the groups, a few of them much livelier than the others."""
    import numpy as np
    from django.db import transaction

    from activity.services import EventRow, event_key, kinds_ensure, record_batch

    dice = np.random.default_rng(seed)
    kinds = list(kinds_ensure({"message", "like", "answer"}).values())
    group = (dice.pareto(1.2, events) * groups / 40).astype(np.int64) % groups
    member = group + groups * dice.integers(0, members // groups, events)
    at = np.sort(dice.integers(0, int(span.total_seconds()), events))
    kind = dice.integers(0, len(kinds), events)
    for start in range(0, events, BATCH):
        rows = [
            EventRow(
                event_key("bench", f"{seed}-{n}"),
                int(member[n]) + 1,
                int(group[n]) + 1,
                kinds[kind[n]],
                first + timedelta(seconds=int(at[n])),
                None,
                None,
                None,
            )
            for n in range(start, min(events, start + BATCH))
        ]
        with transaction.atomic():
            record_batch(rows)
    return events


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--groups", type=int, default=10_000)
    arguments.add_argument("--members", type=int, default=50_000)
    arguments.add_argument("--events", type=int, default=1_000_000)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DATA_DIR", folder)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "community_ops.settings")
        os.environ.setdefault("LOG_LEVEL", "ERROR")
        import django

        django.setup()
        measure(chosen.groups, chosen.members, chosen.events)


def measure(groups: int, members: int, events: int) -> None:
    from django.core.management import call_command

    from activity.models import Event
    from analytics.health.services import health_walk
    from analytics.models import DailyGroupStat, GroupHealth

    call_command("migrate", verbosity=0)
    timed("groups and members", lambda: fill(groups, members))
    history = timedelta(days=DAYS)
    timed("events", lambda: tell(groups, members, events, NOW - history, history, 1))
    timed("first walk, groups", lambda: health_walk(now=NOW))
    print(f"{DailyGroupStat.objects.count():,} days with something, {GroupHealth.objects.count():,} days judged")
    night = events // DAYS
    timed("events of one more day", lambda: tell(groups, members, night, NOW, timedelta(days=1), 2))
    tomorrow = NOW + timedelta(days=1)
    walk = timed("next night, groups", lambda: health_walk(now=tomorrow))
    recent = Event.objects.filter(at__gte=tomorrow - timedelta(days=3)).values_list("group_id", "member_id", "at")
    read = timed("reading the events of three days once, rows", lambda: sum(1 for _row in recent.iterator()))
    print(f"the night takes {walk / read:.1f} times as long as the bare reading")


if __name__ == "__main__":
    main()
