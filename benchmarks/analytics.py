"""Reports over 50 million events, beside ClickHouse in process and PostgreSQL, in one run.

    pip install -r benchmarks/requirements.txt
    python benchmarks/analytics.py [--events 50000000] [--members 1000000] [--groups 10000] [--peers clickhouse]

Makes the events (seeded, the same every time) in a temporary folder: two years, eight kinds, 20 channels. The index is
written from the arrays; ClickHouse has the same rows in a MergeTree ordered by member and time; PostgreSQL, when
DATABASE_URL names one that is empty, a table with indexes by member, group and time. Every question is asked of each of
them in turn, once without counting and then ROUNDS times, once only where that takes long and more often where it is
quick; results are compared before times are printed. "stream" is what it takes to add up the columns that a question
needs, in as many threads as there are processors.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
ROUNDS = 5
# What takes longer than this, in milliseconds, is asked once; what takes less than the other, so many times.
LONG = 20_000
QUICK, QUICK_ROUNDS = 10, 50
DAYS = 730
START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=DAYS)
DAY = 86_400_000
FIRST = int(START.timestamp()) * 1000
LAST = FIRST + DAYS * DAY
KINDS = ["joined", "message", "check_in", "post_seen", "link_click", "friended", "trial", "ordered"]
SHARES = [0.06, 0.40, 0.16, 0.20, 0.10, 0.03, 0.03, 0.02]
STEPS = ["joined", "message", "link_click", "friended", "trial", "ordered"]
CHANNELS = 20
ZONE = ZoneInfo("UTC")


def made(events: int, members: int, groups: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Parts of whole members: columns of members, instants, kinds, groups and channels, sorted by member and time.

    Some members do much more than others; each does it from a day of their own on, the more the nearer to that day.
    """
    rng = np.random.default_rng(20260101)
    from analytics.index.building import parts_for

    parts = parts_for(events)
    for part in range(parts):
        number = np.arange(part, members, parts, dtype=np.int64) + 1
        weight = rng.exponential(1.0, len(number)) + 0.05
        counts = rng.multinomial(events // parts, weight / weight.sum())
        member = np.repeat(number, counts)
        born = np.repeat(rng.integers(0, DAYS - 1, len(number)), counts)
        after = rng.beta(0.7, 2.0, len(member)) * (DAYS - born)
        at = FIRST + ((born + after) * DAY).astype(np.int64)
        kind = rng.choice(len(KINDS), len(member), p=SHARES) + 1
        group = 1 + (member * 7919 + rng.integers(0, 3, len(member)) * 104_729) % groups
        channel = np.where(rng.random(len(member)) < 0.6, 1 + member % CHANNELS, 0)
        order = np.lexsort((at, member))
        yield member[order], at[order], kind[order], group[order], channel[order]


class Names:
    """The words of the questions below, without a database."""

    def __init__(self, groups: int) -> None:
        self.places: dict[str, dict[int, str]] = {
            "channel": {number: f"c{number:02}" for number in range(1, CHANNELS + 1)},
            "group": {number: f"g{number}" for number in range(1, groups + 1)},
        }
        self.numbers = {place: {name: number for number, name in names.items()} for place, names in self.places.items()}

    def kind(self, slug: str) -> int | None:
        return KINDS.index(slug) + 1 if slug in KINDS else None

    def known(self, attribute: str) -> Mapping[int, str]:
        return self.places[attribute]

    def having(self, attribute: str, values: Collection[str]) -> Collection[int]:
        return [self.numbers[attribute][value] for value in values if value in self.numbers[attribute]]

    def members(self, ids: Sequence[int]) -> Sequence[str]:
        return [str(number) for number in ids]


class Parts:
    """The parts of the index that were written, as a source."""

    def __init__(self, folder: Path) -> None:
        from analytics.columns import NONE
        from analytics.index.files import Generation, Manifest, PartOnDisk, part_open
        from analytics.index.postings import postings_open

        folders = sorted(folder.iterdir())
        columns = [part_open(part) for part in folders]
        postings = [postings_open(part, len(opened.members)) for part, opened in zip(folders, columns, strict=True)]
        manifest = Manifest("", len(folders), "", 0, 0, 0, "", 0, NOW.isoformat())
        self.generation = Generation(manifest, tuple(columns), None, (), tuple(said for said in postings if said))
        self.parts = [PartOnDisk(part, NONE, NONE, NONE, opened) for part, opened in zip(folders, columns, strict=True)]

    def shards(self, *, since: int | None, until: int, kinds: Any = None, groups: Any = None) -> list[Any]:
        """As IndexSource does it where nothing is newer than the index."""
        from analytics.columns import Columns
        from analytics.index.readers import Readers

        if groups is None:
            return self.parts
        readers = Readers(self.generation, groups)
        found = readers.events(since=since, until=until, kinds=kinds)
        if found is None:
            return [replace(part, blank=readers.others(number)) for number, part in enumerate(self.parts)]
        return [Columns.together(*found).shard()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=50_000_000)
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--groups", type=int, default=10_000)
    parser.add_argument("--peers", default="clickhouse,postgresql")
    parser.add_argument("--only", default="", help="names of questions, by comma")
    parser.add_argument("--json", type=Path, help="a file that the best times are written to as well")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        os.environ["DATA_DIR"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "community_ops.settings"
        os.environ.setdefault("LOG_LEVEL", "ERROR")
        import django

        django.setup()
        run(asked, Path(folder))


def run(asked: argparse.Namespace, folder: Path) -> None:
    from analytics.warmup import warm_up

    peers = [peer for peer in asked.peers.split(",") if peer]
    if "postgresql" in peers and not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        peers.remove("postgresql")
    print(f"{asked.events:,} events of {asked.members:,} members in {asked.groups:,} groups")
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    sides: list[Any] = [Ours(folder / "parts", asked.groups)]
    if "clickhouse" in peers:
        sides.append(ClickHouse(folder / "clickhouse"))
    if "postgresql" in peers:
        sides.append(PostgreSQL())
    loaded = dict.fromkeys((side.name for side in sides), 0.0)
    for columns in made(asked.events, asked.members, asked.groups):
        for side in sides:
            begun = time.perf_counter()
            side.load(columns)
            loaded[side.name] += time.perf_counter() - begun
    for side in sides:
        begun = time.perf_counter()
        side.ready()
        loaded[side.name] += time.perf_counter() - begun
    print("loaded, in seconds:", ", ".join(f"{name} {took:.0f}" for name, took in loaded.items()))
    ours = sides[0]
    print(f"index: {ours.size() / asked.events:.1f} bytes an event")
    warm_up()
    print(f"\n{'milliseconds, best / median':32}" + "".join(f"{side.name:>20}" for side in sides) + f"{'stream':>10}")
    watch = Memory()
    watch.begin()
    best: dict[str, dict[str, float]] = {}
    for name in [name for name in QUESTIONS if not asked.only or name in asked.only.split(",")]:
        answers, times = [], []
        for side in sides:
            took = []
            for number in range(QUICK_ROUNDS + 1):
                # In the round that does not count, since looking at the memory takes as long as a small question.
                with watch if side is ours and not number else nothing():
                    begun = time.perf_counter()
                    answer = side.ask(name)
                    took.append(1000 * (time.perf_counter() - begun))
                if took[0] > LONG or (number >= ROUNDS and took[-1] > QUICK):
                    break
            answers.append(answer)
            times.append(took[1:] or took)
        best[name] = {side.name: min(took) for side, took in zip(sides, times, strict=True)}
        equal = all(answer == answers[0] for answer in answers)
        cells = "".join(f"{f'{figure(min(took))} / {figure(statistics.median(took))}':>20}" for took in times)
        print(f"{QUESTIONS[name]:32}{cells}{ours.stream(name):>10.0f}{'' if equal else '   RESULTS DIFFER'}")
        if not equal:
            print(json.dumps(answers, default=str)[:2000])
    if asked.json:
        asked.json.write_text(json.dumps({"events": asked.events, "milliseconds": best}), "utf-8")
    print(f"\nmemory that ours took at the most, beside mapped files: {watch.private / 2**20:.0f} MB")
    build_speed(folder)
    refresh_speed(folder, asked)


def figure(milliseconds: float) -> str:
    return f"{milliseconds:.0f}" if milliseconds >= 10 else f"{milliseconds:.2f}"


QUESTIONS = {
    "a": "(a) daily actives, 90 days",
    "b": "(b) one group, 90 days",
    "c": "(c) weekly retention, 12 x 12",
    "d": "(d) funnel of six steps, 30 days",
    "e": "(e) the same by 20 channels",
    "f": "(f) all groups, 30 days",
}
ONE_GROUP = 77
LAST_90, LAST_30 = LAST - 90 * DAY, LAST - 30 * DAY
# Whole weeks, the last twelve.
WEEK = 7 * DAY
WEEKS_FROM = int((NOW - timedelta(days=NOW.weekday(), weeks=12)).timestamp()) * 1000


class Ours:
    name = "ours"

    def __init__(self, folder: Path, groups: int) -> None:
        folder.mkdir()
        self.folder, self.names, self.written = folder, Names(groups), 0

    def load(self, columns: tuple[np.ndarray, ...]) -> None:
        from analytics.columns import Columns
        from analytics.index.files import part_write

        part_write(self.folder / f"{self.written:03}", Columns.build(*columns))
        self.written += 1

    def ready(self) -> None:
        self.source = Parts(self.folder)

    def size(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*.npy"))

    def ask(self, name: str) -> Any:
        from analytics.queries.activity import ActivityQuery
        from analytics.queries.funnel import FunnelQuery
        from analytics.queries.retention import RetentionQuery

        def days(since: int) -> dict[str, str]:
            first = datetime.fromtimestamp(since / 1000, UTC).date()
            return {"from": first.isoformat(), "to": (NOW - timedelta(days=1)).date().isoformat()}

        kind: Any = ActivityQuery
        if name == "a":
            question: dict[str, Any] = {"metric": "unique", "interval": "day", "range": days(LAST_90)}
        if name == "b":
            where = {"group": f"g{ONE_GROUP}"}
            question = {"metric": "unique", "interval": "day", "range": days(LAST_90), "filter": where}
        if name == "c":
            kind = RetentionQuery
            week = datetime.fromtimestamp(WEEKS_FROM / 1000, UTC).date().isoformat()
            question = {
                "range": {"from": week},
                "period": "week",
                "total_intervals": 12,
                "start_event": {"kind": "message"},
                "return_event": {"kind": "check_in"},
            }
        if name in ("d", "e"):
            kind = FunnelQuery
            whole = {"from": START.date().isoformat(), "to": (NOW - timedelta(days=1)).date().isoformat()}
            question = {"range": whole, "window_seconds": 30 * 86_400, "steps": [{"kind": step} for step in STEPS]}
            if name == "e":
                question["breakdown"] = {"by": "channel"}
        if name == "f":
            by = {"by": "group"}
            question = {"metric": "unique", "interval": "month", "range": days(LAST_30), "breakdown": by}
        result = kind.read(question, zone=ZONE, now=NOW).compute(self.source, self.names, now=NOW)
        if name in ("a", "b"):
            return result.all["data"]
        if name == "c":
            return result.matrix
        if name == "d":
            return result.all.counts
        if name == "e":
            return {label: figures.counts for label, figures in result.breakdown.items()}
        return {label: figures["overall"] for label, figures in result.breakdown.items()}

    def stream(self, name: str) -> float:
        columns = {"a": "at", "b": "at group", "c": "at kind", "d": "at kind", "e": "at kind channel", "f": "at group"}
        needed = [
            getattr(part.opened, column) for part in self.source.parts for column in ["offsets", *columns[name].split()]
        ]
        took = []
        for _round in range(3):
            begun = time.perf_counter()
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(lambda column: int(np.bitwise_xor.reduce(column)), needed))
            took.append(1000 * (time.perf_counter() - begun))
        return min(took)


def numbers(steps: Sequence[str] = STEPS) -> list[int]:
    return [KINDS.index(step) + 1 for step in steps]


class ClickHouse:
    """chdb: ClickHouse in this process, the events in a MergeTree ordered by member and time."""

    name = "clickhouse"

    def __init__(self, folder: Path) -> None:
        from chdb import session

        self.session = session.Session(str(folder))
        self.folder = folder
        self.tell(f"SET max_threads = {os.cpu_count()}")
        self.tell("CREATE DATABASE b")
        self.tell(
            "CREATE TABLE b.e (member UInt32, at UInt64, kind UInt8, g UInt16, channel UInt8)"
            " ENGINE = MergeTree ORDER BY (member, at)"
        )

    def tell(self, sql: str) -> Any:
        return self.session.query(sql, "JSONCompact")

    def rows(self, sql: str) -> list[list[Any]]:
        return json.loads(str(self.tell(sql)))["data"]  # type: ignore[no-any-return]

    def load(self, columns: tuple[np.ndarray, ...]) -> None:
        file = self.folder.parent / "rows.bin"
        widths = [("m", "<u4"), ("at", "<u8"), ("kind", "u1"), ("g", "<u2"), ("channel", "u1")]
        rows = np.zeros(len(columns[0]), np.dtype(widths))
        for (name, _type), column in zip(widths, columns, strict=True):
            rows[name] = column
        rows.tofile(file)
        shape = "member UInt32, at UInt64, kind UInt8, g UInt16, channel UInt8"
        self.tell(f"INSERT INTO b.e SELECT * FROM file('{file}', 'RowBinary', '{shape}')")
        file.unlink()

    def ready(self) -> None:
        self.tell("OPTIMIZE TABLE b.e FINAL")

    def ask(self, name: str) -> Any:
        if name in ("a", "b"):
            only = f" AND g = {ONE_GROUP}" if name == "b" else ""
            found = dict(
                self.rows(
                    f"SELECT intDiv(at - {LAST_90}, {DAY}) AS d, uniqExact(member) FROM b.e"
                    f" WHERE at >= {LAST_90} AND at < {LAST}{only} GROUP BY d"
                )
            )
            return [int({int(day): n for day, n in found.items()}.get(day, 0)) for day in range(90)]
        if name == "c":
            begins, returns = numbers(["message", "check_in"])
            cells = [(i, k) for i in range(12) for k in range(12 - i)]
            week = f"toUInt8(intDiv(at - {WEEKS_FROM}, {WEEK}))"
            sums = self.rows(
                "SELECT sumForEach(arrayMap((i, k) -> bitTest(s, i) AND (k = 0 OR bitTest(r, i + k)),"
                f" {[i for i, _k in cells]}, {[k for _i, k in cells]})) FROM (SELECT member,"
                f" groupBitOr(kind = {begins} ? bitShiftLeft(toUInt16(1), {week}) : toUInt16(0)) AS s,"
                f" groupBitOr(kind = {returns} ? bitShiftLeft(toUInt16(1), {week}) : toUInt16(0)) AS r"
                f" FROM b.e WHERE at >= {WEEKS_FROM} AND at < {WEEKS_FROM + 12 * WEEK}"
                f" AND kind IN ({begins}, {returns}) GROUP BY member)"
            )[0][0]
            it = iter(map(int, sums))
            return [[next(it) for _k in range(12 - i)] for i in range(12)]
        if name in ("d", "e"):
            conditions = ", ".join(f"kind = {number}" for number in numbers())
            each = f"windowFunnel({30 * DAY})(at, {conditions}) AS level"
            kinds = ", ".join(map(str, numbers()))
            if name == "d":
                rows = self.rows(
                    f"SELECT level, count() FROM (SELECT member, {each} FROM b.e WHERE kind IN ({kinds})"
                    " GROUP BY member) WHERE level > 0 GROUP BY level"
                )
                return _reached({int(level): int(n) for level, n in rows})
            rows = self.rows(
                f"SELECT c, level, count() FROM (SELECT member, {each}, argMinIf(channel, at, channel > 0) AS c"
                f" FROM b.e WHERE kind IN ({kinds}) GROUP BY member) WHERE level > 0 GROUP BY c, level"
            )
            return _by_channel(rows)
        rows = self.rows(
            f"SELECT g, uniqExact(member) FROM b.e WHERE at >= {LAST_30} AND at < {LAST} GROUP BY g ORDER BY g"
        )
        return {f"g{int(group)}": int(n) for group, n in rows}


def _reached(levels: dict[int, int]) -> list[int]:
    return [sum(n for level, n in levels.items() if level > k) for k in range(len(STEPS))]


def _by_channel(rows: Sequence[Sequence[Any]]) -> dict[str, list[int]]:
    found: dict[int, dict[int, int]] = {}
    for channel, level, n in rows:
        found.setdefault(int(channel), {})[int(level)] = int(n)
    return {f"c{channel:02}" if channel else "": _reached(levels) for channel, levels in found.items()}


class PostgreSQL:
    """The events in one table, with indexes by member, by group and by time that hold what the questions need."""

    name = "postgresql"

    def __init__(self) -> None:
        import psycopg2

        self.connection = psycopg2.connect(os.environ["DATABASE_URL"])
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.cursor.execute(
            "CREATE UNLOGGED TABLE e (member integer, at bigint, kind smallint, g smallint, channel smallint)"
        )
        self.cursor.execute("SET work_mem = '512MB'; SET max_parallel_workers_per_gather = 2; SET jit = off")

    def load(self, columns: tuple[np.ndarray, ...]) -> None:
        import io

        text = io.BytesIO()
        np.savetxt(text, np.column_stack(columns), fmt="%d", delimiter="\t")
        text.seek(0)
        self.cursor.copy_expert("COPY e FROM STDIN", text)

    def ready(self) -> None:
        self.cursor.execute("SET maintenance_work_mem = '1GB'")
        self.cursor.execute("CREATE INDEX ON e (member, at) INCLUDE (kind, channel)")
        self.cursor.execute("CREATE INDEX ON e (g, at) INCLUDE (member)")
        self.cursor.execute("CREATE INDEX ON e (at) INCLUDE (member, g)")
        self.cursor.execute("VACUUM ANALYZE e")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        self.cursor.execute(sql)
        found: list[tuple[Any, ...]] = self.cursor.fetchall()
        return found

    def ask(self, name: str) -> Any:
        if name in ("a", "b"):
            only = f" AND g = {ONE_GROUP}" if name == "b" else ""
            found = dict(
                self.rows(
                    f"SELECT (at - {LAST_90}) / {DAY} AS d, count(DISTINCT member) FROM e"
                    f" WHERE at >= {LAST_90} AND at < {LAST}{only} GROUP BY d"
                )
            )
            return [found.get(day, 0) for day in range(90)]
        if name == "c":
            begins, returns = numbers(["message", "check_in"])
            cells = [(i, k) for i in range(12) for k in range(12 - i)]
            sums = ", ".join(
                f"count(*) FILTER (WHERE s & {1 << i} <> 0" + (f" AND r & {1 << i + k} <> 0)" if k else ")")
                for i, k in cells
            )
            bit = f"1 << ((at - {WEEKS_FROM}) / {WEEK})::int"
            row = self.rows(
                f"SELECT {sums} FROM (SELECT member, coalesce(bit_or({bit}) FILTER (WHERE kind = {begins}), 0) AS s,"
                f" coalesce(bit_or({bit}) FILTER (WHERE kind = {returns}), 0) AS r FROM e"
                f" WHERE at >= {WEEKS_FROM} AND at < {WEEKS_FROM + 12 * WEEK} AND kind IN ({begins}, {returns})"
                " GROUP BY member) m"
            )[0]
            it = iter(row)
            return [[next(it) for _k in range(12 - i)] for i in range(12)]
        if name in ("d", "e"):
            return self._funnel(by_channel=name == "e")
        return {
            f"g{group}": n
            for group, n in self.rows(
                f"SELECT g, count(DISTINCT member) FROM e WHERE at >= {LAST_30} AND at < {LAST} GROUP BY g ORDER BY g"
            )
        }

    def _funnel(self, *, by_channel: bool) -> Any:
        """For each event of step k the latest start that leads to it: of all starts that got as far, the latest one
        keeps the window open for longest. One sort, and one pass of a window for each step."""
        kinds = numbers()
        only = ", ".join(map(str, kinds))
        sql = f"SELECT member, at, kind, channel, CASE WHEN kind = {kinds[0]} THEN at END AS s1 FROM e"
        sql += f" WHERE kind IN ({only})"
        for k in range(2, len(kinds) + 1):
            kept = ", ".join(f"s{n}" for n in range(1, k))
            sql = (
                f"SELECT member, at, kind, channel, {kept}, CASE WHEN kind = {kinds[k - 1]} AND at - f <= {30 * DAY}"
                f" THEN f END AS s{k} FROM (SELECT *, max(s{k - 1}) OVER (PARTITION BY member ORDER BY at"
                f" ROWS UNBOUNDED PRECEDING) AS f FROM ({sql}) q{k}) p{k}"
            )
        level = " + ".join(f"(count(s{k}) > 0)::int" for k in range(1, len(kinds) + 1))
        channel = "coalesce((array_agg(channel ORDER BY at) FILTER (WHERE channel > 0))[1], 0)" if by_channel else "0"
        rows = self.rows(
            f"SELECT c, level, count(*) FROM (SELECT member, {channel} AS c, {level} AS level FROM ({sql}) w"
            " GROUP BY member) m WHERE level > 0 GROUP BY c, level"
        )
        if by_channel:
            return _by_channel(rows)
        return _reached({level: n for _channel, level, n in rows})


class Memory:
    """The most memory of its own (not of mapped files) that the blocks it watches added to what the process had."""

    private = before = 0

    def begin(self) -> None:
        self.before = self._now()

    def __enter__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.005):
            self.private = max(self.private, self._now() - self.before)

    def _now(self) -> int:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                return 1024 * int(line.split()[1])
        return 0


def nothing() -> Any:
    from contextlib import nullcontext

    return nullcontext()


def build_speed(folder: Path) -> None:
    """Ten million events in the order of arrival become an index."""
    from analytics.index.building import WIDTH, _sort, _spread

    rng = np.random.default_rng(5)
    number = 10_000_000
    target = folder / "built"
    target.mkdir()
    chunks = [
        np.column_stack(
            [
                rng.integers(1, 200_000, 250_000),
                np.sort(rng.integers(FIRST + n, LAST, 250_000)),
                rng.integers(1, 9, 250_000),
                rng.integers(1, 10_000, 250_000),
                rng.integers(0, 21, 250_000),
            ]
        )
        for n in range(number // 250_000)
    ]
    assert chunks[0].shape[1] == WIDTH
    begun = time.perf_counter()
    _spread(target, 5, chunks, lambda _done: None)
    for part in range(5):
        _sort(target, part)
    print(f"index from arrays: {number / (time.perf_counter() - begun) / 1e6:.1f} million events a second")


def refresh_speed(folder: Path, asked: argparse.Namespace) -> None:
    """10,000 new events are added to the whole index; the older ones are in it, but not in this database."""
    from django.core.management import call_command
    from django.db import connection

    if connection.vendor != "sqlite":
        print("refresh: measured on SQLite only")
        return
    from activity.models import Event
    from activity.services import EventRow, event_key, kinds_ensure, record_batch
    from analytics.index.building import index_refresh
    from analytics.index.files import Manifest, index_folder, manifest_switch
    from members.models import Member

    call_command("migrate", verbosity=0)
    Member.objects.bulk_create([Member(external_id=f"m{n}", name=f"m{n}") for n in range(10_000)], batch_size=2000)
    kind = next(iter(kinds_ensure(["message"]).values()))

    def add(first: int, number: int) -> None:
        record_batch(
            [
                EventRow(event_key("bench", str(first + n)), 1 + (first + n) * 97 % 10_000, None, kind, NOW)
                for n in range(number)
            ]
        )

    add(0, 1)
    newest = Event.objects.get()
    index_folder().mkdir(exist_ok=True)
    (folder / "parts").rename(index_folder() / "base-bench")
    parts = len(list((index_folder() / "base-bench").iterdir()))
    manifest_switch(
        Manifest("base-bench", parts, "", asked.events, asked.events, newest.pk, newest.key.hex, 0, NOW.isoformat())
    )
    add(1, 10_000)
    begun = time.perf_counter()
    manifest = index_refresh(now=NOW)
    took = time.perf_counter() - begun
    assert manifest is not None
    assert manifest.recent
    print(f"refresh by 10,000 new events of as many members: {took:.2f} s")


if __name__ == "__main__":
    main()
