"""How long every list takes, beside a bare SELECT of the same rows.

    python benchmarks/lists.py [--groups 10000] [--members 200000] [--rounds 5] [--data FOLDER] [--only TEXT]

Makes a database of its own (see community.py). Prints the server's time (best and median of the rounds, through the
whole stack, templates included) and the number of queries, for an administrator, an operator of one of ten branches,
and a manager.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.community import community

# Pages with the tables whose rows stand beside them as a bare SELECT.
PAGES = (
    ("/groups/", "groups.Group"),
    ("/groups/?sort=-members", "groups.Group"),
    ("/groups/?q=99", "groups.Group"),
    ("/members/", "members.Member"),
    ("/members/?q=999", "members.Member"),
    ("/members/?stage=4", "members.Member"),
    ("/members/?page=100", "members.Member"),
    ("/members/?tag={tag}", "members.Member"),
    ("/members/?segment={segment}", "members.Member"),
    ("/members/tags/", "members.Tag"),
    ("/members/duplicates/", "members.Member"),
    ("/members/misfits/", "members.Membership"),
    ("/segments/", "members.Segment"),
    ("/segments/{segment}/", "members.Member"),
    ("/tasks/", "members.StaffTask"),
    ("/tasks/?state=done", "members.StaffTask"),
    ("/violations/", "members.Violation"),
    ("/violations/?state=confirmed", "members.Violation"),
    ("/rules/", "groups.RuleSet"),
    ("/seeds/", "members.SeedUser"),
    ("/seeds/list/", "members.SeedUser"),
    ("/seeds/proposals/", "members.SeedProfile"),
    ("/seeds/results/", "members.SeedUser"),
    ("/applications/", "members.Application"),
    ("/clean-up/", "members.Membership"),
    ("/clean-up/?asked=1&silent_days=30&shy_days=30&strikes=1", "members.Membership"),
    ("/clean-up/record/", "members.CleanupItem"),
    ("/reports/health/", "analytics.GroupHealth"),
    ("/reports/branches/", "analytics.GroupHealth"),
    ("/duties/", "groups.Duty"),
    ("/bulk/", "groups.BulkRun"),
    ("/bulk/runs/{run}/", "groups.BulkRow"),
    ("/settings/audit/", "accounts.AuditEntry"),
    ("/settings/classes/", "groups.Grade"),
    ("/settings/presets/", "groups.Group"),
)
STAFF = {"administrator": "bench-admin", "operator": "bench-operator", "manager": "bench-manager"}


def timed(action: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Best and median in milliseconds, after one round that fills the caches."""
    action()
    took = []
    for _round in range(rounds):
        begun = time.perf_counter()
        action()
        took.append((time.perf_counter() - begun) * 1000)
    return min(took), statistics.median(took)


def measure(rounds: int, only: str) -> None:
    from django.apps import apps
    from django.db import connection
    from django.test import Client

    from accounts.models import User
    from groups.models import BulkRun
    from members.models import Segment, Tag

    numbers = {
        "tag": Tag.objects.order_by("pk")[0].pk,
        "segment": Segment.objects.order_by("pk")[0].pk,
        "run": BulkRun.objects.order_by("pk")[0].pk,
    }
    print(f"{'page':<58}{'who':<15}{'queries':>8}{'best ms':>9}{'median ms':>11}{'SELECT ms':>11}")
    for page, table in PAGES:
        if only not in page:
            continue
        address = page.format(**numbers)
        model = apps.get_model(table)
        for who, username in STAFF.items():
            client = Client()
            client.force_login(User.objects.get(username=username))
            if (answer := client.get(address).status_code) != 200:
                print(f"{address:<58}{who:<15}{answer:>8}")
                continue

            def ask(client: Client = client, address: str = address) -> None:
                assert client.get(address).status_code == 200

            def select(model: Any = model) -> None:
                list(model._default_manager.order_by("pk").values_list()[:50])

            queries: list[str] = []

            def count(execute: Any, sql: str, *rest: Any, queries: list[str] = queries) -> Any:
                queries.append(sql)
                return execute(sql, *rest)

            with connection.execute_wrapper(count):
                ask()
            best, median = timed(ask, rounds)
            bare, _median = timed(select, rounds)
            print(f"{address:<58}{who:<15}{len(queries):>8}{best:>9.1f}{median:>11.1f}{bare:>11.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--groups", type=int, default=10_000)
    parser.add_argument("--members", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", default="", help="a folder in which the database is kept and found again")
    parser.add_argument("--only", default="", help="only addresses with this in them")
    options = parser.parse_args()
    with community(options.groups, options.members, options.data):
        measure(options.rounds, options.only)


if __name__ == "__main__":
    main()
