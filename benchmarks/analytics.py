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
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.peers import ClickHouse, PostgreSQL
from benchmarks.workload import (
    CHANNELS,
    FIRST,
    KINDS,
    LAST,
    LAST_30,
    LAST_90,
    NOW,
    ONE_GROUP,
    QUESTIONS,
    START,
    STEPS,
    WEEKS_FROM,
    ZONE,
    made,
)
from community_ops.embedded.children import ALLOCATION

# Others use this machine too: of few rounds the best may be that of a good moment for one and of a bad one for another.
ROUNDS = 15
# What takes longer than this, in milliseconds, is asked once; what takes less than the other, so many times.
LONG = 10_000
QUICK, QUICK_ROUNDS = 10, 50


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
    if not ALLOCATION.items() <= os.environ.items():
        # The memory of a process is set up when it starts; here as that of the server is.
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **ALLOCATION})
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
        for _round in range(ROUNDS):
            begun = time.perf_counter()
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(lambda column: int(np.bitwise_xor.reduce(column)), needed))
            took.append(1000 * (time.perf_counter() - begun))
        return min(took)


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
