"""How long the first pages of the large lists take, beside a bare SELECT of the same rows.

    python benchmarks/lists.py [--groups 10000] [--members 200000] [--rounds 9]

Makes a database of its own in a temporary folder, or uses the empty one that DATABASE_URL names. Prints the server's
time (best and median of the rounds, through the whole stack, templates included) and the number of queries, for an
administrator, an operator of one of ten branches, and a manager.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
BRANCHES = 10
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
    ("/segments/", "members.Segment"),
    ("/segments/{segment}/", "members.Member"),
    ("/members/duplicates/", "members.Member"),
    ("{members:tasks}", "members.StaffTask"),
    ("{members:violations}", "members.Violation"),
    ("{members:seeds}", "members.SeedUser"),
    ("{members:misfits}", "members.Member"),
    ("{members:applications}", "members.Application"),
    ("{members:cleanup}", "members.CleanupRun"),
    ("{analytics:health}", "groups.Group"),
    ("{accounts:audit}", "accounts.AuditEntry"),
)


def timed(action: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Best and median in milliseconds, after one round that fills the caches."""
    action()
    took = []
    for _round in range(rounds):
        begun = time.perf_counter()
        action()
        took.append((time.perf_counter() - begun) * 1000)
    return min(took), statistics.median(took)


def fill(groups: int, members: int) -> None:
    """Rows as a large brand has them: each member in one group, one in five in a second one."""
    from django.utils import timezone

    from accounts.models import Branch
    from groups.models import Group
    from members.models import Member, Membership

    now = timezone.now()
    branches = Branch.objects.bulk_create([Branch(code=f"branch-{n}", name=f"校区 {n}") for n in range(BRANCHES)])
    made = Group.objects.bulk_create(
        [
            Group(
                external_id=f"group-{n}",
                name=f"第 {n} 阅读打卡群",
                branch=branches[n % BRANCHES],
                state="active",
                motivation="growth",
                purpose="每天一起读 20 分钟",
                opened_at=now - timedelta(days=n % 300),
                member_count=members // groups,
                active_7d=n % 50,
                messages_7d=n % 400,
                last_event_at=now - timedelta(minutes=n),
            )
            for n in range(groups)
        ],
        batch_size=500,
    )
    people = Member.objects.bulk_create(
        [
            Member(
                external_id=f"member-{n}",
                name=f"成员 {n * 7919 % members}",
                stage=n % 5,
                first_seen_at=now - timedelta(days=100),
                last_seen_at=now - timedelta(minutes=n),
            )
            for n in range(members)
        ],
        batch_size=2000,
    )
    places = {(person.pk, made[n % groups].pk) for n, person in enumerate(people)}
    places |= {(person.pk, made[(n * 31 + 7) % groups].pk) for n, person in enumerate(people) if n % 5 == 0}
    Membership.objects.bulk_create(
        [Membership(member_id=person, group_id=group, joined_at=now, last_seen_at=now) for person, group in places],
        batch_size=5000,
    )


def describe() -> dict[str, int]:
    """A tag on a tenth of the members, and a segment of the silent ones in growth groups; their numbers."""
    from django.utils import timezone

    from members.models import Member, MemberTag, Segment, Tag

    now = timezone.now()
    tag = Tag.objects.create(name="重点", created_at=now)
    chosen = Member.objects.filter(stage=4).order_by("pk").values_list("pk", flat=True)
    MemberTag.objects.bulk_create(
        [MemberTag(member_id=number, tag=tag, since=now) for number in list(chosen)[::2]], batch_size=5000
    )
    silent = {"field": "last_seen", "op": "before", "value": 60}
    growth = {"field": "motivation", "op": "in", "value": ["growth"]}
    segment = Segment.objects.create(name="沉默", definition={"all": [silent, growth]}, created_at=now)
    return {"tag": tag.pk, "segment": segment.pk}


def address_of(page: str, numbers: dict[str, int]) -> str:
    """The address of a line of PAGES; empty where this installation has no such page."""
    from django.urls import NoReverseMatch, reverse

    if page.startswith("{"):
        try:
            return reverse(page.strip("{}"))
        except NoReverseMatch:
            return ""
    return page.format(**numbers)


def measure(rounds: int) -> None:
    from django.apps import apps
    from django.db import connection
    from django.test import Client

    from accounts.models import Branch, User

    staff = {
        "administrator": User.objects.create(username="bench-admin", role="admin"),
        "operator": User.objects.create(username="bench-operator", role="operator", branch=Branch.objects.first()),
        "manager": User.objects.create(username="bench-manager", role="manager"),
    }
    numbers = describe()
    print(f"{'page':<32}{'who':<15}{'queries':>8}{'best ms':>9}{'median ms':>11}{'SELECT ms':>11}")
    for page, table in PAGES:
        address = address_of(page, numbers)
        model = apps.get_model(table)
        for who, user in staff.items():
            client = Client()
            client.force_login(user)
            if not address or client.get(address).status_code != 200:
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
            print(f"{address:<32}{who:<15}{len(queries):>8}{best:>9.1f}{median:>11.1f}{bare:>11.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--groups", type=int, default=10_000)
    parser.add_argument("--members", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        os.environ["DATA_DIR"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "community_ops.settings"
        os.environ["ALLOWED_HOSTS"] = "testserver"
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command

        Path(settings.STATIC_ROOT).mkdir()
        # Without a collected manifest of static files; their names do not matter here.
        settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
        call_command("migrate", verbosity=0)
        fill(options.groups, options.members)
        measure(options.rounds)


if __name__ == "__main__":
    main()
