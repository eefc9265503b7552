"""How long a run over many groups takes: previewed, started, worked off and taken back, for 200 groups and for all.

    python benchmarks/bulk.py [--groups 10000] [--members 200000] [--data FOLDER]

Makes a database of its own (see community.py). The work is what the workers do, one chunk after the other.
"""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.community import community


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    result = action()
    return time.perf_counter() - begun, result


def measure() -> None:
    from django.utils import timezone

    from accounts.models import User
    from groups.models import Group, RuleSet

    by = User.objects.get(username="bench-admin")
    rules = RuleSet.objects.create(name=f"新群规 {uuid.uuid4()}", created_at=timezone.now())
    steps = [("group.tag", {"tags": f"新标签 {uuid.uuid4().hex[:8]}"}), ("group.rules", {"rule_set": str(rules.pk)})]
    print(f"{'action':<14}{'groups':>8}{'preview s':>11}{'start s':>9}{'work s':>8}{'undo s':>8}")
    for slug, params in steps:
        for count in (200, Group.objects.count()):
            run_once(by, slug, params, count)


def run_once(by: Any, slug: str, params: dict[str, str], count: int) -> None:
    from django.utils import timezone

    from groups.bulk.actions import action_named
    from groups.bulk.services import bulk_preview, bulk_start, bulk_undo, bulk_work
    from groups.models import Group

    action, now, key = action_named(slug), timezone.now(), uuid.uuid4().hex
    chosen = Group.objects.filter(pk__in=Group.objects.order_by("pk").values("pk")[:count])
    previewed, _preview = timed(lambda: bulk_preview(by=by, action=action, params=params, chosen=chosen))
    started, run = timed(lambda: bulk_start(by=by, now=now, key=key, action=action, params=params, chosen=chosen))
    worked, _nothing = timed(lambda: bulk_work(run_id=run.pk))
    run.refresh_from_db()
    assert run.changed == count, (run.state, run.changed, run.failed)
    assert bulk_undo(by=by, now=now, run=run)
    undone, _nothing = timed(lambda: bulk_work(run_id=run.pk))
    print(f"{slug:<14}{count:>8}{previewed:>11.2f}{started:>9.2f}{worked:>8.1f}{undone:>8.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--groups", type=int, default=10_000)
    parser.add_argument("--members", type=int, default=200_000)
    parser.add_argument("--data", default="", help="a folder in which the database is kept and found again")
    options = parser.parse_args()
    with community(options.groups, options.members, options.data):
        measure()


if __name__ == "__main__":
    main()
