"""A community with millions of events for benchmarks/pages.py, made once in a folder and kept there.

The events are those of benchmarks/analytics.py, moved so that the last of them happened yesterday, in SQLite and in
the index. Everything else follows from them: memberships begin with the first event in a group, one in twelve ended,
figures of groups by day count the events, each `ordered` event has its order. Numbers of events are in the order of
time, as if they had come in one after the other.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.workload import CHANNELS, DAY, KINDS, LAST, made

BRANCHES = 10
STAT_DAYS, JUDGED_DAYS = 120, 60
HOUR = 3_600_000
ALL_KINDS = [*KINDS, "left", "refunded"]
MESSAGE, CHECK_IN, ORDERED, LEFT, REFUNDED = (
    ALL_KINDS.index(kind) + 1 for kind in ("message", "check_in", "ordered", "left", "refunded")
)
AT_ONCE = 500_000
MADE = "made.json"


def large_community(folder: Path, events: int, members: int, groups: int, days: int = 0) -> None:
    """Fills the database of DATA_DIR, which is `folder`, unless it holds such a community already. Django is set up.
    With `days` only so many last days of events, and their orders, are in SQLite; the index has them all."""
    from django.core.management import call_command

    asked = {"events": events, "members": members, "groups": groups, "days": days}
    if (folder / MADE).exists():
        if json.loads((folder / MADE).read_text()) != asked:
            raise SystemExit(f"{folder} holds another community: {(folder / MADE).read_text()}")
        call_command("migrate", verbosity=0)
        _ledger_once()
        return
    if (folder / "community.sqlite3").exists():
        raise SystemExit(f"{folder} holds a community that was not made to its end: delete it")
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    begun = time.perf_counter()

    def told(what: str) -> None:
        print(f"  {time.perf_counter() - begun:6.0f} s  {what}", flush=True)

    _Maker(members, groups, told).make(events, days)
    (folder / MADE).write_text(json.dumps(asked))


def _ledger_once() -> None:
    """For a community that was made before there was a ledger."""
    from analytics.index.files import building
    from analytics.ledger.building import ledger_build
    from analytics.ledger.files import ledger_manifest

    if ledger_manifest() is None:
        with building():
            ledger_build()


@dataclass
class _Places:
    """Memberships as columns: member, group, first and last event, and the instant of leaving or 0."""

    member: np.ndarray
    group: np.ndarray
    joined: np.ndarray
    last: np.ndarray
    left: np.ndarray

    @classmethod
    def of(cls, member: np.ndarray, at: np.ndarray, group: np.ndarray, end: int, width: int) -> _Places:
        """Of events that are sorted by member and time."""
        pair = member * width + group
        pairs, first = np.unique(pair, return_index=True)
        last = len(pair) - 1 - np.unique(pair[::-1], return_index=True)[1]
        leaves = (pairs * 40_503 % 1009 % 12 == 0) & (at[last] + HOUR < end)
        return cls(pairs // width, pairs % width, at[first], at[last], np.where(leaves, at[last] + HOUR, 0))


class _Maker:
    def __init__(self, members: int, groups: int, told: Any) -> None:
        from django.utils import timezone

        from analytics.health.days import ONE, Days, local_day, midnight

        self.members, self.groups, self.told = members, groups, told
        self.now = timezone.now()
        today = local_day(self.now)
        self.end = int(midnight(today).timestamp()) * 1000
        self.days = Days(today - STAT_DAYS * ONE, today - ONE)
        self.cells = groups * STAT_DAYS
        self.figures = {name: np.zeros(self.cells, np.int64) for name in _FIGURES}

    def make(self, events: int, days: int) -> None:
        from django.db import connection

        # Millions of rows whose keys are right by the way they are made.
        connection.cursor().execute("PRAGMA foreign_keys=OFF")
        places, columns = [], []
        for number, part in enumerate(self._parts(events)):
            place, whole = self._part(number, part)
            places.append(place)
            columns.append(whole)
        self.told("index written")
        joined = _Places(*(np.concatenate([getattr(p, name) for p in places]) for name in _Places.__annotations__))
        self._people(joined)
        self._figures(joined)
        kept = [np.concatenate(column) for column in zip(*columns, strict=True)]
        if days:
            recent = kept[1] >= self.end - days * DAY
            kept = [column[recent] for column in kept]
        newest, key = self._events(kept)
        self._manifest(newest, key, len(columns))
        self._rest()
        self.told("done")

    def _parts(self, events: int) -> Iterator[tuple[np.ndarray, ...]]:
        for member, at, kind, group, channel in made(events, self.members, self.groups):
            yield member, at + (self.end - LAST), kind, group, channel

    def _part(self, number: int, part: tuple[np.ndarray, ...]) -> tuple[_Places, tuple[np.ndarray, ...]]:
        """Adds who left and what was refunded, and writes the part of the index."""
        from analytics.columns import Columns
        from analytics.index.files import index_folder, part_write

        member, at, kind, group, _channel = part
        place = _Places.of(member, at, group, self.end, self.groups + 1)
        gone = place.left > 0
        back = (kind == ORDERED) & (at % 101 < 3) & (at + 2 * DAY < self.end)
        zeros = np.zeros(int(gone.sum()) + int(back.sum()), np.int64)
        more = (
            np.r_[place.member[gone], member[back]],
            np.r_[place.left[gone], at[back] + 2 * DAY],
            np.r_[np.full(gone.sum(), LEFT), np.full(back.sum(), REFUNDED)],
            np.r_[place.group[gone], group[back]],
            zeros,
        )
        columns = Columns.build(*(np.append(old, new) for old, new in zip(part, more, strict=True)))
        folder = index_folder() / "base-made"
        folder.mkdir(parents=True, exist_ok=True)
        part_write(folder / f"{number:03}", columns)
        member = columns.members[columns.rows()]
        self._count(member, columns, place)
        return place, (
            member.astype(np.int32),
            columns.at,
            columns.kind.astype(np.uint8),
            columns.group.astype(np.int32),
            columns.channel.astype(np.uint8),
        )

    def _cell(self, group: np.ndarray, at: np.ndarray) -> np.ndarray:
        """The group and day of each; -1 where it lies outside of the days that are counted."""
        day = self.days.place(at)
        inside = (day >= 0) & (day < STAT_DAYS)
        return np.where(inside, (group - 1) * STAT_DAYS + day, -1)

    def _count(self, member: np.ndarray, columns: Any, place: _Places) -> None:
        def add(name: str, cell: np.ndarray) -> None:
            self.figures[name] += np.bincount(cell[cell >= 0], minlength=self.cells)

        def distinct(name: str, cell: np.ndarray, who: np.ndarray) -> None:
            width = self.members + 1
            add(name, np.unique(cell[cell >= 0] * width + who[cell >= 0]) // width)

        cell, kind = self._cell(columns.group, columns.at), columns.kind
        distinct("active", np.where(kind == LEFT, -1, cell), member)
        distinct("speakers", np.where(kind == MESSAGE, cell, -1), member)
        for name, number in (("messages", MESSAGE), ("check_ins", CHECK_IN), ("orders", ORDERED)):
            add(name, cell[kind == number])
        add("joined", self._cell(place.group, place.joined))
        gone = place.left > 0
        add("left", self._cell(place.group[gone], place.left[gone]))

    # Rows

    def _people(self, places: _Places) -> None:
        from accounts.models import Branch, User
        from activity.models import Channel, EventKind
        from groups.models import CommunityType, Group, HealthStage, Motivation
        from members.models import Member, Membership

        branches = Branch.objects.bulk_create([Branch(code=f"branch-{n}", name=f"校区 {n}") for n in range(BRANCHES)])
        User.objects.create(username="bench-manager", role="manager")
        User.objects.create(username="bench-operator", role="operator", branch=branches[0])
        EventKind.objects.all().delete()
        EventKind.objects.bulk_create([EventKind(pk=n + 1, slug=slug) for n, slug in enumerate(ALL_KINDS)])
        Channel.objects.bulk_create([Channel(pk=n, code=f"c{n:02}") for n in range(1, CHANNELS + 1)])
        present = np.bincount(places.group[places.left == 0], minlength=self.groups + 1)
        first = self.now - timedelta(days=700)
        Group.objects.bulk_create(
            [
                Group(
                    pk=n,
                    external_id=f"g{n}",
                    name=f"第 {n} 阅读打卡群",
                    branch=branches[n % BRANCHES] if n % 50 else None,
                    state="archived" if n % 37 == 0 else "active",
                    motivation=Motivation.values[n % len(Motivation.values)],
                    community_type=CommunityType.values[n % len(CommunityType.values)],
                    purpose="每天一起读 20 分钟",
                    opened_at=first,
                    member_count=int(present[n]),
                    active_7d=int(present[n]) // 4,
                    messages_7d=n % 400,
                    last_event_at=self.now - timedelta(minutes=n),
                    stage=HealthStage.values[n % 5],
                    stage_since=self.days.last - timedelta(days=n % 40),
                    noise=n % 90 / 10,
                )
                for n in range(1, self.groups + 1)
            ],
            batch_size=500,
        )
        numbers = np.arange(1, self.members + 1)
        opened = np.full(self.members + 1, self.end)
        np.minimum.at(opened, places.member, places.joined)
        seen = np.zeros(self.members + 1, np.int64)
        np.maximum.at(seen, places.member, places.last)
        put(
            Member,
            self.members,
            id=numbers.tolist(),
            external_id=[f"m{n}" for n in numbers],
            name=[f"成员 {n * 7919 % self.members}" for n in numbers],
            stage=(numbers % 5).tolist(),
            tier=["senior" if n % 5 == 4 else "non_paying" for n in numbers],
            contact=[f"wx-{n}" if n % 2 else "" for n in numbers],
            first_seen_at=stamps(opened[1:]),
            last_seen_at=stamps(np.maximum(seen, opened)[1:]),
            # One in ten was brought by somebody, a few by the same.
            invited_by_id=[n // 10 if n % 10 == 3 and n >= 10 else None for n in numbers.tolist()],
        )
        order = np.argsort(places.joined, kind="stable")
        left = [text if n else None for text, n in zip(stamps(places.left[order]), places.left[order], strict=True)]
        put(
            Membership,
            len(order),
            member_id=places.member[order].tolist(),
            group_id=places.group[order].tolist(),
            joined_at=stamps(places.joined[order]),
            last_seen_at=stamps(places.last[order]),
            left_at=left,
        )
        self.told(f"{self.members:,} members, {len(order):,} memberships")

    def _figures(self, places: _Places) -> None:
        from analytics.models import DailyGroupStat, FiguresChange, GroupHealth, HealthWalk
        from groups.models import HealthStage

        before = places.joined < int(self.days.start.timestamp()) * 1000
        there = np.bincount(places.group[before], minlength=self.groups + 1)
        went = (places.left > 0) & (places.left < int(self.days.start.timestamp()) * 1000)
        there -= np.bincount(places.group[went], minlength=self.groups + 1)
        table = {name: figure.reshape(self.groups, STAT_DAYS) for name, figure in self.figures.items()}
        present = there[1:, None] + np.cumsum(table["joined"] - table["left"], axis=1)
        group, day = np.nonzero(np.sum(list(table.values()), axis=0))
        dates = [(self.days.first + timedelta(days=n)).isoformat() for n in range(STAT_DAYS)]
        order = np.argsort(day, kind="stable")
        group, day = group[order], day[order]
        put(
            DailyGroupStat,
            len(day),
            group_id=(group + 1).tolist(),
            day=[dates[n] for n in day],
            members=present[group, day].tolist(),
            posts=((group + day) % 3 == 0).astype(int).tolist(),
            staff=((group + day) % 4).tolist(),
            **dict.fromkeys(("questions", "answers", "likes"), [0] * len(day)),
            **{name: figure[group, day].tolist() for name, figure in table.items()},
        )
        groups = np.arange(1, self.groups + 1)
        for back in range(JUDGED_DAYS):
            stages = [HealthStage.values[n] for n in (groups + back // 9) % 5]
            put(
                GroupHealth,
                self.groups,
                group_id=groups.tolist(),
                day=[dates[STAT_DAYS - 1 - back]] * self.groups,
                verdict=stages,
                stage=stages,
                since=[dates[STAT_DAYS - 1 - back]] * self.groups,
                warning=(groups % 3).tolist(),
                noise=(groups % 90 / 10).tolist(),
            )
        HealthWalk.objects.update_or_create(pk=1, defaults={"day": self.days.last})
        FiguresChange.objects.create(first=self.days.first, last=self.days.last)
        self.told(f"{len(day):,} figures of groups by day")

    def _events(self, columns: Sequence[np.ndarray]) -> tuple[int, str]:
        """The events in the order of time, and the orders; the newest with its key."""
        from django.db import connection

        from activity.models import Event
        from campaigns.models import Order

        order = np.argsort(columns[1], kind="stable")
        self.told(f"{len(order):,} events sorted")
        dropped = _without_indexes(Event)
        # What is killed in between is made anew: nothing needs a journal.
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000"):
            connection.cursor().execute(f"PRAGMA {pragma}")
        for begin in range(0, len(order), AT_ONCE):
            rows = order[begin : begin + AT_ONCE]
            member, at, kind, group, channel = (column[rows] for column in columns)
            numbers = range(begin + 1, begin + 1 + len(rows))
            times, keys = stamps(at), [f"{n:032x}" for n in numbers]
            amount = member % 400 + 1
            values = [n if k in (ORDERED, REFUNDED) else None for n, k in zip(amount.tolist(), kind, strict=True)]
            put(
                Event,
                len(rows),
                id=list(numbers),
                member_id=member.tolist(),
                group_id=group.tolist(),
                kind_id=kind.tolist(),
                at=times,
                channel_id=[n or None for n in channel.tolist()],
                value=values,
                key=keys,
            )
            bought = np.flatnonzero(kind == ORDERED).tolist()
            put(
                Order,
                len(bought),
                member_id=member[bought].tolist(),
                ordered_at=[times[n] for n in bought],
                amount=[values[n] for n in bought],
                currency=["USD" if n % 100 == 7 else "CNY" for n in bought],
                key=[keys[n] for n in bought],
                group_id=group[bought].tolist(),
            )
        self.told("events written")
        with connection.cursor() as cursor:
            for name, sql in dropped:
                cursor.execute(sql)
                self.told(f"index {name}")
            cursor.execute("PRAGMA journal_mode=WAL")
        return len(order), keys[-1]

    def _manifest(self, newest: int, key: str, parts: int) -> None:
        from analytics.index.files import Manifest, manifest_switch
        from analytics.ledger.building import ledger_build

        at = self.now.isoformat()
        manifest_switch(Manifest("base-made", parts, "", newest, newest, newest, key, 0, at))
        ledger_build()
        self.told("ledger written")

    def _rest(self) -> None:
        """Posts that were sent, money that was spent, reports on the dashboard of each."""
        from django.db.models import Max

        from accounts.models import User
        from activity.models import Event
        from analytics.models import HealthWalk, Pin, SavedReport
        from delivery.models import Delivery, Message, State
        from members.models import ChannelSpend

        newest = Event.objects.aggregate(n=Max("pk"))["n"]
        HealthWalk.objects.update(settled_event=newest, seen_event=newest, seen_at=self.now)
        message = Message.objects.create(title="今天读什么", text="今天读什么")
        numbers = np.arange(self.groups * 30)
        group, back = numbers // 30 + 1, numbers % 30
        sent = (group + back) % 3 == 0
        group, back = group[sent], back[sent]
        at = self.end - (back + 1) * DAY + (8 + group % 13) * HOUR
        put(
            Delivery,
            len(at),
            key=[f"{n:032x}" for n in range(1, len(at) + 1)],
            dedupe_key=[f"bench-{n}" for n in range(len(at))],
            kind=["inapp"] * len(at),
            group_id=group.tolist(),
            group_ref=[f"g{n}" for n in group],
            post_id=(back + 1).tolist(),
            message_id=[message.pk] * len(at),
            state=[State.SENT.value] * len(at),
            due_at=stamps(at),
            late_until=stamps(at + HOUR),
            settled_at=stamps(at + 2000),
        )
        ChannelSpend.objects.bulk_create(
            [
                ChannelSpend(
                    channel_id=n,
                    first_day=self.days.last - timedelta(days=60),
                    last_day=self.days.last,
                    amount=1000 * n,
                    created_at=self.now,
                )
                for n in range(1, CHANNELS + 1)
            ]
        )
        for user in User.objects.all():
            for place, (kind, question) in enumerate(DASHBOARD):
                report = SavedReport.objects.create(
                    owner=user, name=kind, kind=kind, question=question, created_at=self.now, changed_at=self.now
                )
                Pin.objects.create(user=user, report=report, position=place)


_FIGURES = ("active", "speakers", "messages", "check_ins", "orders", "joined", "left")
DASHBOARD = [
    ("activity", ""),
    ("lifecycle", ""),
    ("stickiness", ""),
    ("retention", ""),
    ("funnel", ""),
    ("channels", ""),
    ("overview", "days=7"),
]


def stamps(at: np.ndarray) -> list[str]:
    """Instants as SQLite keeps them: whole seconds without a fraction."""
    text = np.datetime_as_string(at.astype("datetime64[ms]"), unit="us", timezone="naive")
    letters = np.ascontiguousarray(text).view("U1").reshape(len(text), -1)
    letters[:, 10] = " "
    letters[at % 1000 == 0, 19:] = ""
    return letters.view(text.dtype).ravel().tolist()


def put(model: Any, number: int, **columns: Sequence[Any]) -> None:
    """Writes rows from columns; a field that is not among them has its default."""
    from django.db import connection, transaction
    from django.utils import timezone

    own = model._meta.concrete_fields
    fields = [f for f in own if f.attname in columns or not (f.primary_key or f.has_db_default())]
    values: list[Any] = []
    for field in fields:
        if field.attname in columns:
            values.append(columns[field.attname])
        else:
            default = timezone.now() if getattr(field, "auto_now_add", False) else field.get_default()
            values.append(repeat(field.get_db_prep_save(default, connection), number))
    names = ", ".join(f'"{field.column}"' for field in fields)
    marks = ", ".join("?" * len(fields))
    sql = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({marks})'
    with transaction.atomic(), connection.cursor() as cursor:
        # Past Django's cursor, which would put each value into the text of its log.
        cursor.connection.executemany(sql, zip(*values, strict=True))


def _without_indexes(model: Any) -> list[tuple[str, str]]:
    """Drops the indexes of a table, and tells how to make them again."""
    from django.db import connection

    with connection.cursor() as cursor:
        own = "type = 'index' AND tbl_name = %s AND sql > ''"
        cursor.execute(f"SELECT name, sql FROM sqlite_master WHERE {own}", [model._meta.db_table])
        found: list[tuple[str, str]] = cursor.fetchall()
        for name, _sql in found:
            cursor.execute(f'DROP INDEX "{name}"')
    return found
