"""Compiles the kernels before anybody waits for them."""

from __future__ import annotations

import fcntl
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numba
import numpy as np
import structlog
from django.conf import settings
from llvmlite.binding import get_host_cpu_name

from analytics import kernels_ledger, kernels_overview, kernels_periods
from analytics.columns import NONE, Columns, Shard, codes_of, inside
from analytics.index.files import Generation, Manifest
from analytics.index.postings import Postings
from analytics.index.readers import Readers
from analytics.kernels_groups import PostTable, Reading, Windows, active_and_back, newcomers, post_readers, present
from analytics.ledger.columns import Orders, Payments, Places, table_of
from analytics.queries.activity import ActivityQuery, Metric
from analytics.queries.base import Where, lens_of
from analytics.queries.funnel import FunnelQuery
from analytics.queries.retention import RetentionQuery
from analytics.queries.running import events_read
from analytics.queries.together import computed
from analytics.sources import Held

log = structlog.get_logger(__name__)
# Says that everything was compiled, in the folder where Numba keeps it. Another Numba, or another processor, does not
# take what is there.
DONE = f"complete-{numba.__version__}-{get_host_cpu_name()}"
PATIENCE = 900  # seconds


class _NoNames:
    """Knows no name at all: the questions below are about kinds that never occurred."""

    def kind(self, slug: str) -> int | None:
        return None

    def known(self, attribute: str) -> Mapping[int, str]:
        return {}

    def having(self, attribute: str, values: Collection[str]) -> Collection[int]:
        return []

    def members(self, ids: Sequence[int]) -> Sequence[str]:
        return []


def warm_up() -> None:
    """Asks one small question of each kind, so that Numba compiles the kernels, or loads them from its cache.

    The first time on a machine this takes some ten seconds, later well under one.
    """
    zone, now = ZoneInfo("UTC"), datetime(2026, 1, 3, tzinfo=UTC)
    days = {"from": "2026-01-01", "to": "2026-01-02"}
    two = np.zeros(2, np.int64)
    source = Held([Columns.build(member=two, at=two, kind=two, group=two, channel=two).shard()])
    names = _NoNames()
    for order in ("ordered", "strict"):  # each has a kernel of its own
        funnel = {"range": days, "steps": [{"kind": "joined"}] * 2, "order": order, "breakdown": {"by": "channel"}}
        FunnelQuery.read(funnel, zone=zone, now=now).compute(source, names, now=now)
    RetentionQuery.read({"range": {"from": "2026-01-01"}, "period": "day"}, zone=zone, now=now).compute(
        source, names, now=now
    )
    for metric in Metric:
        ActivityQuery.read({"range": days, "metric": metric, "interval": "day"}, zone=zone, now=now).compute(
            source, names, now=now
        )
    habits = [
        ActivityQuery.read({"range": days, "metric": metric}, zone=zone, now=now)
        for metric in (Metric.UNIQUE, Metric.LIFECYCLE)
    ]
    computed(habits, source, names, now=now)
    lens = lens_of([], Where({}), names, since=0, until=1)
    edges, codes = np.arange(2, dtype=np.int64), np.zeros(1, np.int32)
    kernels_periods.member_days(source.held[0].open(), lens, edges, 0, codes, 1, 1, 0)
    events_read(source, names, since=None, until=1, kinds=None)
    _warm_up_few(source.held[0].open())
    _warm_up_ledger(source.held[0].open())
    _warm_up_groups(source.held[0].open())
    _warm_up_overview(source.held[0].open())


def _warm_up_few(shard: Shard) -> None:
    columns = Columns(*shard[:6])
    manifest = Manifest("", 1, "", 0, 0, 0, "", 0, "")
    generation = Generation(manifest, (columns,), None, (), (Postings.of(columns),))
    Readers(generation, np.zeros(1, np.int64)).events(since=None, until=1, kinds=None)


def _warm_up_ledger(shard: Shard) -> None:
    nobody, marks, numbers = np.zeros(1, np.bool_), np.zeros(1, np.uint8), np.zeros(1, np.int64)
    spans = np.zeros((2, 3), np.int64)
    places = table_of(Places, np.zeros((1, 1 + len(Places._fields[2:])), np.int64))
    payments = table_of(Payments, np.zeros((1, 1 + len(Payments._fields[2:])), np.int64))
    orders = table_of(Orders, np.zeros((1, 1 + len(Orders._fields[2:])), np.int64))
    kernels_ledger.first_joined(places, nobody, NONE, numbers)
    kernels_ledger.standing(places, nobody, NONE, 0, 1, marks)
    kernels_ledger.holding(places, nobody, NONE, marks, nobody)
    kernels_ledger.ordered_within(orders, nobody, 0, 1, numbers)
    kernels_ledger.touches(shard, spans, numbers, NONE, 1, np.zeros(1, np.int32), nobody)
    kernels_ledger.clicked(shard, spans, numbers, 1)
    kernels_ledger.nearest_there(
        places, nobody, NONE, numbers, numbers, numbers, np.full((1, 1, 3), -1), np.zeros((1, 1), np.int64)
    )
    kernels_ledger.last_before(shard, numbers, numbers, numbers, 1, nobody, numbers, numbers)
    kernels_ledger.deeds(shard, numbers, 0, 1, inside(None), np.zeros((1, 1), np.int32))
    kernels_ledger.paid(payments, nobody, spans, numbers, NONE, np.zeros(1, np.int32), np.arange(2), nobody)


def _warm_up_groups(shard: Shard) -> None:
    one, flags, edges = np.zeros(1, np.int64), np.zeros(1, np.bool_), np.zeros(3, np.int64)
    codes = codes_of(one, one)
    places = table_of(Places, np.zeros((1, 1 + len(Places._fields[2:])), np.int64))
    newcomers(places, flags, codes, 1, 0, 1)
    _figures, began = present(places, flags, codes, 1, edges, one, one)
    active_and_back(shard, Windows(edges, edges, 0, 1), codes, codes, 1, began)
    post_readers(shard, PostTable(np.zeros(2, np.int64), one, one), Reading(0, 1, flags, 1, flags, 1), 0, flags)


def _warm_up_overview(shard: Shard) -> None:
    one, flags, edges = np.zeros(1, np.int64), np.zeros(1, np.bool_), np.arange(2, dtype=np.int64)
    pairs = np.zeros((1, 2), np.int64)
    places = table_of(Places, np.zeros((1, 1 + len(Places._fields[2:])), np.int64))
    orders = table_of(Orders, np.zeros((1, 1 + len(Orders._fields[2:])), np.int64))
    kernels_overview.flow(places, flags, NONE, edges, 0, pairs.copy(), pairs)
    kernels_overview.came(places, flags, NONE, 0, 1)
    kernels_overview.bought_since(orders, flags, one, one, 1, flags)
    kernels_overview.rows_between(orders.offsets, orders.at, flags, 0, 1)
    kernels_overview.first_group(places, flags, NONE, one, one)
    kernels_overview.active_of(shard, np.ones(1, np.uint8), one, one)
    kernels_overview.first_channel(shard, 1, True)


def compile_once() -> None:
    """Compiles the kernels for this process and later ones; of several that come at once one does, and the others wait.

    Raises OSError where the folder cannot be written.
    """
    folder = _kept_in()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / DONE).exists():
            warm_up()
            (folder / DONE).touch()


def compile_apart() -> None:
    """Has another process compile what is not compiled yet. The compiler does not give back what it took, some 180 MB,
    and this process goes on for weeks. If that fails, this one compiles."""
    if (_kept_in() / DONE).exists():
        return
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "compile_reports"]
    try:
        subprocess.run(command, check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("reports are compiled in this process", why=str(error))


def _kept_in() -> Path:
    return Path(os.environ["NUMBA_CACHE_DIR"])


def warm_up_in_background() -> threading.Thread:
    """Readies the kernels beside whatever the process does; it ends with the process."""
    thread = threading.Thread(target=_settle, name="warm-up", daemon=True)
    thread.start()
    return thread


def _settle() -> None:
    """Code and compiled kernels are some 400,000 objects that stay as long as the process. The collector of garbage
    goes through them now and then in the middle of an answer, for 100 to 200 ms; from here on it leaves them out."""
    compile_apart()
    warm_up()
    gc.collect()
    gc.freeze()
