"""A large brand's database for benchmarks, made once and kept where a folder is named."""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
BRANCHES = 10
DAYS = 28


@contextmanager
def community(groups: int, members: int, data: str) -> Iterator[None]:
    """Django on such a database: in the folder `data`, filled unless it is already, or in a temporary one. An empty
    database that DATABASE_URL names is used instead of SQLite."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        os.environ["DATA_DIR"] = data or folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "community_ops.settings"
        os.environ["ALLOWED_HOSTS"] = "testserver"
        os.environ.setdefault("LOG_LEVEL", "ERROR")
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command

        Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
        # Without a collected manifest of static files; their names do not matter here.
        settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
        call_command("migrate", verbosity=0)
        from groups.models import Group

        if not Group.objects.exists():
            fill(groups, members)
        yield


def fill(groups: int, members: int) -> None:
    """Rows as a large brand has them: each member in one group, one in five in a second one; and what years of work
    with them leave behind."""
    from django.db import connection

    from accounts.models import Branch, User

    branches = Branch.objects.bulk_create([Branch(code=f"branch-{n}", name=f"校区 {n}") for n in range(BRANCHES)])
    User.objects.create(username="bench-admin", role="admin")
    User.objects.create(username="bench-operator", role="operator", branch=branches[0])
    User.objects.create(username="bench-manager", role="manager")
    rule_sets = _rules()
    made = _groups(groups, members, branches, rule_sets)
    places = _members(members, made)
    _described(members)
    _health(made)
    _conduct(places)
    _work(places)
    _programmes(members, places, branches)
    _orders(places)
    _history(made)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _now() -> Any:
    from django.utils import timezone

    return timezone.now()


def _rules() -> list[Any]:
    """200 rule sets with ten rules each."""
    from groups.models import Rule, RuleSet, RuleSetVersion

    now = _now()
    sets = RuleSet.objects.bulk_create([RuleSet(name=f"群规 {n}", created_at=now) for n in range(200)])
    versions = RuleSetVersion.objects.bulk_create(
        [RuleSetVersion(rule_set=item, number=1, state="published", created_at=now, published_at=now) for item in sets]
    )
    Rule.objects.bulk_create(
        [
            Rule(version=version, code=f"rule-{n}", position=n, category="advertising", text=f"第 {n} 条：不发广告")
            for version in versions
            for n in range(10)
        ]
    )
    return sets


def _groups(count: int, members: int, branches: list[Any], rule_sets: list[Any]) -> list[Any]:
    from groups.models import Group, GroupTag, HealthStage, Motivation

    now = _now()
    motivations = Motivation.values
    made = Group.objects.bulk_create(
        [
            Group(
                external_id=f"group-{n}",
                name=f"第 {n} 阅读打卡群",
                branch=branches[n % BRANCHES],
                rule_set=rule_sets[n % len(rule_sets)],
                state="active",
                motivation=motivations[n % len(motivations)],
                purpose="每天一起读 20 分钟",
                audience_tier="senior" if n % 10 == 3 else "",
                opened_at=now - timedelta(days=n % 300),
                member_count=members // count,
                active_7d=n % 50,
                messages_7d=n % 400,
                last_event_at=now - timedelta(minutes=n),
                stage=HealthStage.values[n % 5],
                stage_since=(now - timedelta(days=n % 40)).date(),
                noise=n % 90 / 10,
            )
            for n in range(count)
        ],
        batch_size=500,
    )
    tags = GroupTag.objects.bulk_create([GroupTag(name=f"标签 {n}") for n in range(20)])
    through = Group.tags.through
    through.objects.bulk_create(
        [through(group_id=group.pk, grouptag_id=tags[n % 20].pk) for n, group in enumerate(made)], batch_size=2000
    )
    return made


def _members(count: int, groups: list[Any]) -> list[Any]:
    """The members and their memberships, which are returned: one in fifty has left, a third is silent for months."""
    from groups.models import Tier
    from members.models import Member, Membership

    now = _now()
    people = Member.objects.bulk_create(
        [
            Member(
                external_id=f"member-{n}",
                name=f"成员 {n * 7919 % count}",
                stage=n % 5,
                tier=Tier.values[n % 4] if n % 5 == 4 else "non_paying",
                contact=f"wx-{n // 2 if n % 200 == 1 else n}" if n % 2 else "",
                first_seen_at=now - timedelta(days=100),
                last_seen_at=now - timedelta(minutes=n),
            )
            for n in range(count)
        ],
        batch_size=2000,
    )
    places = {(n, n % len(groups)) for n in range(count)}
    places |= {(n, (n * 31 + 7) % len(groups)) for n in range(0, count, 5)}
    return Membership.objects.bulk_create(
        [
            Membership(
                member_id=people[member].pk,
                group_id=groups[group].pk,
                joined_at=now - timedelta(days=100 + member % 200),
                last_seen_at=now - timedelta(days=member * 7 % 90),
                left_at=now if member % 50 == 9 else None,
            )
            for member, group in sorted(places)
        ],
        batch_size=5000,
    )


def _described(members: int) -> None:
    """300 tags, one of them on a tenth of the members; 50 segments, with four weeks of counts."""
    from members.models import Member, MemberTag, Segment, SegmentCount, Tag

    now = _now()
    tags = Tag.objects.bulk_create([Tag(name=f"标签 {n}", created_at=now) for n in range(300)])
    numbers = list(Member.objects.order_by("pk").values_list("pk", flat=True))
    rows = [MemberTag(member_id=number, tag=tags[0], since=now) for number in numbers[4::10]]
    rows += [MemberTag(member_id=number, tag=tags[1 + number % 299], since=now) for number in numbers[::3]]
    MemberTag.objects.bulk_create(rows, batch_size=5000)
    silent = {"field": "last_seen", "op": "before", "value": 60}
    growth = {"field": "motivation", "op": "in", "value": ["growth"]}
    segments = Segment.objects.bulk_create(
        [Segment(name=f"沉默 {n}", definition={"all": [silent, growth]}, created_at=now) for n in range(50)]
    )
    SegmentCount.objects.bulk_create(
        [
            SegmentCount(segment=segment, day=(now - timedelta(days=day)).date(), members=members // 9 + day)
            for segment in segments
            for day in range(DAYS)
        ]
    )


def _health(groups: list[Any]) -> None:
    """Four weeks of figures and judgements for each group."""
    from django.utils import timezone

    from analytics.models import DailyGroupStat, GroupHealth, HealthWalk
    from groups.models import HealthStage

    last = timezone.localdate() - timedelta(days=1)
    HealthWalk.objects.update_or_create(pk=1, defaults={"day": last})
    for back in range(DAYS):
        day = last - timedelta(days=back)
        stats, judged = [], []
        for n, group in enumerate(groups):
            zeros = dict.fromkeys(("joined", "left", "questions", "answers", "check_ins", "orders"), 0)
            active = (n + back) % 20
            stats.append(
                DailyGroupStat(
                    group=group,
                    day=day,
                    members=20,
                    active=active,
                    speakers=active // 2,
                    messages=active * 3,
                    likes=active,
                    posts=1,
                    staff=2,
                    **zeros,
                )
            )
            stage = HealthStage.values[n % 5]
            judged.append(
                GroupHealth(
                    group=group,
                    day=day,
                    verdict=stage,
                    stage=stage,
                    since=day,
                    warning=n % 3,
                    noise=n % 90 / 10,
                    reasons=[],
                )
            )
        DailyGroupStat.objects.bulk_create(stats, batch_size=2000)
        GroupHealth.objects.bulk_create(judged, batch_size=2000)


def _conduct(places: list[Any]) -> None:
    """A violation for every fifth place in a group; one in ten is not decided yet."""
    from groups.models import Rule
    from members.models import Violation

    now = _now()
    rules = list(Rule.objects.values_list("pk", flat=True))
    Violation.objects.bulk_create(
        [
            Violation(
                member_id=place.member_id,
                group_id=place.group_id,
                rule_id=rules[n % len(rules)],
                source="detector",
                message_key=uuid.UUID(int=n),
                text="加我微信领优惠券",
                at=now - timedelta(minutes=n),
                noted_at=now,
                state="confirmed" if n % 10 else "open",
                strikes=1,
                strike_until=now + timedelta(days=n % 90 - 30),
                action="remind",
                decided_at=now if n % 10 else None,
            )
            for n, place in enumerate(places[::5])
        ],
        batch_size=2000,
    )


def _work(places: list[Any]) -> None:
    """20,000 open tasks in 240,000 places, and as many settled ones; clean-ups that came and went."""
    from groups.models import Group
    from members.models import CleanupItem, CleanupRun, StaffTask

    now = _now()
    branch_of = dict(Group.objects.values_list("pk", "branch_id"))
    StaffTask.objects.bulk_create(
        [
            StaffTask(
                kind=("note", "move_member")[n % 2],
                key=f"bench:{n}",
                branch_id=branch_of[place.group_id],
                group_id=place.group_id,
                member_id=place.member_id,
                data={"text": "看一看", "to": "另一个群", "already": False},
                created_at=now - timedelta(days=n % 60),
                due_at=now + timedelta(hours=n % 400 - 200),
                state="done" if n % 4 < 2 else "open",
                settled_at=now - timedelta(days=n % 40) if n % 4 < 2 else None,
            )
            for n, place in enumerate(places[::6])
        ],
        batch_size=2000,
    )
    runs = CleanupRun.objects.bulk_create(
        [
            CleanupRun(reason=f"第 {n} 次清理", state="open", started_at=now - timedelta(days=n), expected=100)
            for n in range(100)
        ]
    )
    CleanupItem.objects.bulk_create(
        [
            CleanupItem(run=runs[n % 100], membership=place, why=[["silent", 70]], state="kept" if n % 4 else "open")
            for n, place in enumerate(places[::24])
        ],
        batch_size=2000,
    )


def _programmes(members: int, places: list[Any], branches: list[Any]) -> None:
    """What is known of every member as a seed user, 5,000 on their way, and 30,000 applications."""
    from members.models import Application, SeedProfile, SeedStage, SeedUser

    now = _now()
    first = places[0].member_id
    SeedProfile.objects.bulk_create(
        [
            SeedProfile(
                member_id=first + n,
                active_days=n % 30,
                messages=n % 120,
                score=n * 37 % 1000 / 10,
                certainty=n % 100,
                measured_at=now,
            )
            for n in range(members)
        ],
        batch_size=2000,
    )
    ended = ("graduated", "dropped")
    SeedUser.objects.bulk_create(
        [
            SeedUser(
                member_id=place.member_id,
                branch=branches[n % BRANCHES],
                stage=(stage := SeedStage.values[n % 6]),
                stage_since=now - timedelta(days=n % 50),
                group_id=place.group_id,
                created_at=now - timedelta(days=60),
                ended_at=now if stage in ended else None,
            )
            for n, place in enumerate(places[::48])
        ],
        batch_size=1000,
    )
    Application.objects.bulk_create(
        [
            Application(
                group_id=place.group_id,
                name=f"申请人 {n}",
                contact=f"apply-{n}",
                created_at=now - timedelta(hours=n % 900),
                state="pending" if n % 6 == 0 else "approved",
                decided_at=None if n % 6 == 0 else now,
            )
            for n, place in enumerate(places[::8])
        ],
        batch_size=2000,
    )


def _orders(places: list[Any]) -> None:
    """60,000 orders in three months."""
    from campaigns.models import Order

    now = _now()
    Order.objects.bulk_create(
        [
            Order(member_id=place.member_id, ordered_at=now - timedelta(days=n % 90), amount=99, key=uuid.UUID(int=n))
            for n, place in enumerate(places[::4])
        ],
        batch_size=2000,
    )


def _history(groups: list[Any]) -> None:
    """500 runs over many rows, one of them over every group; 200,000 entries of the audit."""
    from accounts.models import AuditEntry, User
    from groups.models import BulkRow, BulkRun

    now = _now()
    admin = User.objects.get(username="bench-admin")
    runs = BulkRun.objects.bulk_create(
        [
            BulkRun(
                key=f"bench-{n}",
                subject="group",
                action="bench",
                title=f"给 {n} 个群加标签",
                started_by=admin,
                state="done",
                total=100,
                changed=100,
                created_at=now - timedelta(hours=n),
                finished_at=now,
            )
            for n in range(500)
        ]
    )
    BulkRow.objects.bulk_create(
        [BulkRow(run=runs[0], subject_id=group.pk, name=group.name, state="changed") for group in groups],
        batch_size=2000,
    )
    AuditEntry.objects.bulk_create(
        [
            AuditEntry(
                at=now - timedelta(minutes=n),
                actor=admin,
                actor_name=admin.username,
                action="group.updated",
                subject_type="group",
                subject_id=groups[n % len(groups)].pk,
                subject_name=groups[n % len(groups)].name,
                before={"name": "旧"},
                after={"name": "新"},
                via="page",
                branch_id=groups[n % len(groups)].branch_id,
            )
            for n in range(200_000)
        ],
        batch_size=2000,
    )
