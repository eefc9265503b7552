"""How long each kind of report takes on 211,000 events, with the reading from SQL and the computing apart.

    python benchmarks/reports.py [--events 211000] [--members 30000]

Makes a database of its own in a temporary folder, or uses the empty one that DATABASE_URL names. The events are spread
over two years, five kinds, 200 groups and 20 channels; some members do a hundred times as much as others. Every report
is asked over both years. Prints best and median of 7 rounds after one that is not counted (it compiles).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
ROUNDS = 7
DAYS = 730
START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=DAYS)
RANGE = {"from": "2024-01-01", "to": "2025-12-30"}
STEPS = [{"kind": kind} for kind in ("joined", "message", "check_in", "ordered")]
REPORTS: dict[str, dict[str, Any]] = {
    "total by day": {"metric": "total", "range": RANGE},
    "unique by day": {"metric": "unique", "range": RANGE},
    "rolling 30 days": {"metric": "rolling_unique", "window_days": 30, "range": RANGE},
    "lifecycle by week": {"metric": "lifecycle", "interval": "week", "range": RANGE},
    "stickiness by week": {"metric": "stickiness", "interval": "week", "range": RANGE},
    "retention by week": {"period": "week", "total_intervals": 104, "range": {"from": "2024-01-01"}},
    "first-time retention": {"period": "month", "total_intervals": 24, "mode": "first_time", "range": RANGE},
    "funnel, ordered": {"steps": STEPS, "range": RANGE},
    "funnel, strict": {"steps": STEPS, "order": "strict", "range": RANGE},
    "funnel, any order": {"steps": STEPS, "order": "unordered", "range": RANGE},
    "funnel by channel": {"steps": STEPS, "range": RANGE, "breakdown": {"by": "channel"}},
    "funnel with exclusion": {"steps": STEPS, "range": RANGE, "exclusions": [{"kind": "left"}]},
    "funnel by entry week": {"steps": STEPS, "range": RANGE, "series": {"interval": "week"}},
}


def fill(events: int, members: int) -> None:
    import numpy as np

    from activity.models import Channel, Event
    from activity.services import event_key, kinds_ensure
    from groups.models import Group
    from members.models import Member

    rng = np.random.default_rng(7)
    kinds = list(kinds_ensure(["joined", "message", "check_in", "ordered", "left"]).values())
    Member.objects.bulk_create([Member(external_id=f"m{n}", name=f"成员 {n}") for n in range(members)], batch_size=2000)
    Group.objects.bulk_create([Group(external_id=f"g{n}", name=f"群 {n}") for n in range(200)])
    Channel.objects.bulk_create([Channel(code=f"poster{n}") for n in range(20)])
    member_ids = list(Member.objects.order_by("pk").values_list("pk", flat=True))
    group_ids = list(Group.objects.values_list("pk", flat=True))
    channel_ids = list(Channel.objects.values_list("pk", flat=True))
    who = (members * rng.random(events) ** 3).astype(int)
    seconds = rng.integers(0, DAYS * 86_400, events)
    what = rng.choice(5, events, p=[0.12, 0.7, 0.12, 0.04, 0.02])
    Event.objects.bulk_create(
        (
            Event(
                member_id=member_ids[who[n]],
                group_id=group_ids[n % 200] if n % 9 else None,
                kind_id=kinds[what[n]],
                at=START + timedelta(seconds=int(seconds[n])),
                channel_id=channel_ids[n % 20] if n % 3 else None,
                key=event_key("benchmark", str(n)),
            )
            for n in range(events)
        ),
        batch_size=5_000,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=211_000)
    parser.add_argument("--members", type=int, default=30_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DATA_DIR", folder)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "community_ops.settings")
        import django

        django.setup()
        run(asked.events, asked.members)


def run(events: int, members: int) -> None:
    from django.core.management import call_command
    from django.db import connection

    from accounts.models import User
    from analytics.queries.activity import ActivityQuery
    from analytics.queries.funnel import FunnelQuery
    from analytics.queries.retention import RetentionQuery
    from analytics.sources import Selection, SqlNames, SqlSource

    call_command("migrate", verbosity=0)
    fill(events, members)
    user = User(username="benchmark")  # of headquarters: no branch
    source = Timed(SqlSource(Selection(user)))
    print(f"{events:,} events of {members:,} members, {connection.vendor}; milliseconds, best / median")
    print(f"{'':24}{'read from SQL':>18}{'compute':>18}{'events read':>14}")
    for name, question in REPORTS.items():
        kind = ActivityQuery if "metric" in question else RetentionQuery if "period" in question else FunnelQuery
        query = kind.read(question, zone=ZoneInfo("UTC"), now=NOW)
        read, computed = [], []
        for _round in range(ROUNDS + 1):
            source.took = 0.0
            begun = time.perf_counter()
            query.compute(source, SqlNames(), now=NOW)
            computed.append(1000 * (time.perf_counter() - begun - source.took))
            read.append(1000 * source.took)
        columns = [f"{min(row[1:]):.1f} / {statistics.median(row[1:]):.1f}" for row in (read, computed)]
        print(f"{name:24}{columns[0]:>18}{columns[1]:>18}{source.events:>14,}")


class Timed:
    """A source that notes how long reading took."""

    def __init__(self, source: Any) -> None:
        self.source, self.took, self.events = source, 0.0, 0

    def shards(self, **asked: Any) -> Any:
        begun = time.perf_counter()
        shards = self.source.shards(**asked)
        self.took += time.perf_counter() - begun
        self.events = sum(len(shard.at) for shard in shards)
        return shards


if __name__ == "__main__":
    main()
